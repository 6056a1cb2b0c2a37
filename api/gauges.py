"""What Prometheus reads that is not counted as it happens, but looked at when it is read.

Of the whole system the database is asked, so every process tells the same of it: take `max` over them. While
it does not answer there is nothing to tell but that: no number of before is told as if it were so now.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import accumulate
from typing import Any, Protocol

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from adapters.postgres.group_commit import Commits, Sizes
from api.leads import PARTS
from api.status import Status, asked

OF_READ_MODEL = {
    "position": "Up to where a read model has taken the ledger over.",
    "lag_events": "How many events it is behind.",
    "lag_seconds": "How old the first event is that it has not taken over.",
    "parked": "1 where it stands at an event that it can't take over.",
    "rebuilding": "1 while it is built anew.",
    "led": "1 where a process leads it.",
}
OF_PROOF = {
    "size": "How many events are in the Merkle tree.",
    "signed_size": "How many events the latest signed tree head is over.",
    "broken": "1 where nothing is signed: the ledger is not what was signed, or no key is there.",
    "lag_events": "How many events no tree head is over.",
    "lag_seconds": "How old the first event is that no tree head is over.",
}
OF_PLACE = {
    "size": "How many events the latest tree head is over that a place outside has.",
    "failing": "1 where it did not take the last one.",
}
OF_WEBHOOKS = {
    "active": "Webhooks that are told of messages.",
    "waiting": "Those that were not told everything.",
    "failing": "Those whose last attempt failed.",
    "waiting_seconds": "How old the oldest message is that one was not told.",
}
OF_RELAY = {
    "position": "Up to where the ledger was relayed.",
    "lag_events": "How many events were not relayed.",
    "lag_seconds": "How old the first event is that was not relayed.",
    "led": "1 where a process publishes.",
}
OF_PART = {"led": "1 where a process does this for all, 0 where nobody does."}
OF_DATABASE = {
    "size_bytes": "All tables and indexes.",
    "connections": "Sessions of clients, in all databases of the server.",
    "max_connections": "How many it takes.",
    "standby": "1 where it only follows another server.",
}

Texts = Mapping[str, str]


class OfDatabase(Collector):
    """The numbers of one status. status: None while the database does not answer."""

    def __init__(self) -> None:
        self.status: Status | None = None

    def collect(self) -> Iterator[GaugeMetricFamily]:
        status = self.status
        yield _gauge("database_up", "1 where the database answers.", status is not None)
        if status is not None:
            database, proof = status["database"], status["proof"]
            yield _gauge("ledger_position", "The last position in the ledger.", database["head"])
            yield from _gauges("database", OF_DATABASE, [((), database)])
            yield from _gauges("read_model", OF_READ_MODEL, map(_of_model, status["read_models"]), "name")
            yield from _gauges("proof", OF_PROOF, [((), proof)])
            yield from _gauges("checkpoint_place", OF_PLACE, map(_of_place, proof["places"]), "place")
            yield from _gauges("webhooks", OF_WEBHOOKS, [((), status["webhooks"])])
            yield from _gauges("relay", OF_RELAY, map(_of_relay, status["relay"]), "stream")
            parts = [((part,), {"led": status[part]["led_by"]}) for part in PARTS]
            yield from _gauges("part", OF_PART, parts, "part")


class AskedOfDatabase(OfDatabase):
    """For a process that serves no API: the database is asked when Prometheus is there."""

    def __init__(self, database_url: str) -> None:
        super().__init__()
        self.database_url = database_url

    def collect(self) -> Iterator[GaugeMetricFamily]:
        self.status = asked(self.database_url)
        yield from super().collect()


class AnyPool(Protocol):
    """A pool of connections, for threads or for tasks."""

    name: str

    def get_stats(self) -> dict[str, int]: ...


class OfPools(Collector):
    """How the connections of this process are used."""

    def __init__(self, pools: Iterable[AnyPool]) -> None:
        self.pools = tuple(pools)

    def collect(self) -> Iterator[Metric]:
        used = GaugeMetricFamily(
            "chatledger_pool_connections", "Connections to the database.", labels=("pool", "state")
        )
        most = GaugeMetricFamily("chatledger_pool_max_connections", "At most.", labels=("pool",))
        waiting = GaugeMetricFamily("chatledger_pool_waiting", "Who waits for one now.", labels=("pool",))
        waited = CounterMetricFamily(
            "chatledger_pool_wait_seconds", "How long was waited for one, in all.", labels=("pool",)
        )
        for pool in self.pools:
            stats = pool.get_stats()
            idle = stats["pool_available"]
            used.add_metric((pool.name, "idle"), idle)
            used.add_metric((pool.name, "used"), stats["pool_size"] - idle)
            most.add_metric((pool.name,), stats["pool_max"])
            waiting.add_metric((pool.name,), stats.get("requests_waiting", 0))
            waited.add_metric((pool.name,), stats.get("requests_wait_ms", 0) / 1000)
        yield from (used, most, waiting, waited)


class OfCommits(Collector):
    """How much went into each commit of this process, and how long it took."""

    def __init__(self, commits: Commits) -> None:
        self.commits = commits

    def collect(self) -> Iterator[Metric]:
        yield _histogram("commit_events", "Events in a commit.", self.commits.events)
        yield _histogram("commit_requests", "Commands that shared a commit.", self.commits.requests)
        yield _histogram("commit_seconds", "How long a commit took.", self.commits.seconds)


def _histogram(name: str, text: str, sizes: Sizes) -> HistogramMetricFamily:
    so_far = list(accumulate(sizes.counts))
    bounds = [*map(floatToGoString, sizes.bounds), "+Inf"]
    return HistogramMetricFamily(
        f"chatledger_{name}", text, buckets=list(zip(bounds, so_far, strict=True)), sum_value=sizes.total
    )


def _of_model(status: Mapping[str, Any]) -> tuple[tuple[str], Mapping[str, Any]]:
    rebuilding = status["rebuild"] is not None and status["rebuild"]["step"] != "kept"
    return (status["name"],), {**status, "rebuilding": rebuilding, "led": status["led_by"]}


def _of_relay(relay: Mapping[str, Any]) -> tuple[tuple[str], Mapping[str, Any]]:
    return (relay["stream"],), {**relay, "led": relay["led_by"]}


def _of_place(place: Mapping[str, Any]) -> tuple[tuple[str], Mapping[str, Any]]:
    return (place["name"],), {**place, "failing": place["error"]}


def _gauges(
    thing: str, texts: Texts, measured: Iterable[tuple[tuple[str, ...], Mapping[str, Any]]], *labels: str
) -> Iterator[GaugeMetricFamily]:
    """A number for each of these fields. measured: for each thing the values of its labels and the fields."""
    rows = list(measured)
    for field, text in texts.items():
        family = GaugeMetricFamily(f"chatledger_{thing}_{field}", text, labels=labels)
        for values, fields in rows:
            family.add_metric(values, _number(fields[field]))
        yield family


def _gauge(name: str, text: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"chatledger_{name}", text, value=float(value))


def _number(value: Any) -> float:
    """Of what is no number, whether there is any."""
    return float(value) if isinstance(value, int | float) else float(value is not None)
