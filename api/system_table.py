"""How the whole system is, in one table for the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rich import box
from rich.table import Table

from api.status import Status

BAD, BEHIND = "bold red", "yellow"
UNITS = ("B", "kB", "MB", "GB", "TB")
STEP = 1_000
MINUTE_S, HOUR_S = 60, 3_600

Fields = Mapping[str, Any]
Row = tuple[str, str, str, int | None, int | None, float | None, str | None]
"""Style, part, state, position, lag in events and in seconds, who does it."""


def system_table(status: Status) -> Table:
    """A row for each part that may be behind or fail; red where something has to be done."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in ("part", "state"):
        table.add_column(heading, overflow="fold")
    for heading in ("position", "lag", "lag, s"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("led by", no_wrap=True)
    for style, part, state, position, lag_events, lag_seconds, leader in _rows(status):
        numbers = [_count(position), _count(lag_events), _seconds(lag_seconds)]
        table.add_row(part, state, *numbers, leader or "", style=style)
    return table


def _rows(status: Status) -> Iterator[Row]:
    proof = status["proof"]
    yield _database(status["database"])
    yield from map(_model, status["read_models"])
    yield _tree(proof)
    for place in proof["places"]:
        state = f"failing: {place['error']}" if place["error"] else "keeps tree heads"
        behind = proof["signed_size"] - place["size"]
        yield BAD if place["error"] else "", place["name"], state, place["size"], behind, None, None
    yield _webhooks(status["webhooks"])
    yield _reports(status["reports"])
    yield from map(_relay, status["relay"])


def _database(database: Fields) -> Row:
    taken, most = database["connections"], database["max_connections"]
    kind = ", a standby" if database["standby"] else ""
    state = f"PostgreSQL {database['version'].split()[0]}{kind}, {_size(database['size_bytes'])},"
    style = BAD if taken > 0.9 * most else ""
    return style, "ledger", f"{state} {taken} of {most} connections", database["head"], None, None, None


def _model(model: Fields) -> Row:
    state, style = model["state"], BEHIND if model["lag_events"] else ""
    if parked := model["parked"]:
        state, style = f"{state} at {parked['position']:,}: {parked['error']}", BAD
    if rebuild := model["rebuild"]:
        state += f"; rebuild: {rebuild['step']}, {rebuild['position']:,}"
    place = model["position"], model["lag_events"], model["lag_seconds"]
    return style or _led(model), model["name"], state, *place, model["led_by"]


def _tree(proof: Fields) -> Row:
    ago = proof["signed_seconds_ago"]
    state = "nothing is signed yet" if ago is None else f"signed {_ago(ago)} ago, {proof['size']:,} hashed"
    if proof["problem"]:
        state = f"NOT SIGNED: {proof['problem']}"
    place = proof["signed_size"], proof["lag_events"], proof["lag_seconds"]
    return BAD if proof["broken"] else _led(proof), "tree head", state, *place, proof["led_by"]


def _webhooks(webhooks: Fields) -> Row:
    waiting, failing = webhooks["waiting"], webhooks["failing"]
    state = f"to {webhooks['active']:,} webhooks, {waiting:,} waiting, {failing:,} failing"
    seconds = webhooks["waiting_seconds"] if waiting else None
    style = BEHIND if waiting else _led(webhooks)
    return style, "deliveries", state, None, None, seconds, webhooks["led_by"]


def _reports(reports: Fields) -> Row:
    companies = reports["companies"]
    state = f"for {companies:,} {'company' if companies == 1 else 'companies'}"
    return _led(reports), "daily reports", state, None, None, None, reports["led_by"]


def _relay(relay: Fields) -> Row:
    place = relay["position"], relay["lag_events"], relay["lag_seconds"]
    style = BEHIND if relay["lag_events"] else _led(relay)
    return style, "relay", f"to the stream {relay['stream']}", *place, relay["led_by"]


def _led(part: Fields) -> str:
    """Nobody may be there for a second; for longer, no process does it."""
    return "" if part["led_by"] else BEHIND


def _count(number: int | None) -> str:
    return "" if number is None else f"{number:,}"


def _seconds(seconds: float | None) -> str:
    return "" if seconds is None else f"{seconds:,.1f}"


def _ago(seconds: float) -> str:
    for size, unit in ((HOUR_S, "h"), (MINUTE_S, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


def _size(count: float) -> str:
    for unit in UNITS[:-1]:
        if count < STEP:
            return f"{count:.3g} {unit}"
        count /= STEP
    return f"{count:.3g} {UNITS[-1]}"
