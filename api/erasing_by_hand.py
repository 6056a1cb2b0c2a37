"""An erasure as it is seen in a terminal: what would be removed, a question, and what was done."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from sys import maxsize

from rich.console import Console
from rich.table import Table

from adapters.postgres.cleaning import REWRITTEN_BYTES
from api import erasing, limits
from api.system import System
from domain.fact import By
from projections.erasure import Found

TOLD = {
    "contact": "what the CRM told of him: names, addresses, reasons",
    "addresses": "addresses that were a colleague's before",
    "chats": "titles and ids of his chats",
    "participants": "his coming and going",
    "messages": "messages: his, and those to him alone",
    "edits": "former texts of messages",
    "deliveries": "reports of deliveries to him",
    "replies": "what colleagues wrote under these messages",
    "tasks": "tasks on his chats",
    "deals": "deals of his alone: titles, reasons",
    "questions": "questions of auditors that name his addresses",
}
WHOSE = {
    "his": "erased",
    "shared": "stays, with all that came from it: it is also that of {with_id}",
    "colleague": "stays: it is that of {with_id}",
    "nobody": "stays: that it was his was undone as wrong",
}


def perform(
    console: Console,
    system: System,
    workspace_id: str,
    contact_id: str,
    reason: str | None,
    *,
    confirm: Callable[[], bool],
    anew: bool,
) -> bool:
    """Show what there is, ask, erase it and clean up; whether nothing of it is left anywhere.

    reason: None only shows. anew: write large tables anew, too.

    Raises:
        UnknownThing: there is no such contact.
        ErasureMustWait, ReasonNamesClient: as `erasing.erase`.
    """
    found, position = erasing.look(system, workspace_id, contact_id)
    console.print(erasure_table(found))
    if reason is None or (found.positions and not confirm()):
        console.print("Nothing was erased.")
        return True
    by = By(workspace_id, "system", datetime.now(UTC), "chatledger erase")
    erased = erasing.erase(system, contact_id, reason=reason, by=by)
    if erased.accepted.recorded:
        position, counts = erased.accepted.position, erased.found.counts
        console.print(f"Erased {counts['events']:,} events, at position {position:,}.", highlight=False)
    else:
        console.print("There was nothing to do: nothing private of this contact is left in the ledger.")
    return _finish(console, system, position, anew=anew)


def _finish(console: Console, system: System, position: int, *, anew: bool) -> bool:
    """See to it that it is gone from all copies; whether it is."""
    if late := erasing.left_behind(system, position, limits.START_WAIT_S):
        console.print(f"{late} still shows it: let it go on, and repeat this.", style="bold red")
        return False
    left = erasing.tidy_up(system, rewritten_bytes=maxsize if anew else REWRITTEN_BYTES)
    if left:
        told = "Gone for every reader. Until it is used again, free space may keep bytes of it in:"
        console.print(f"{told} {', '.join(left)}. See --anew.", style="yellow", highlight=False)
    else:
        console.print("Gone from the log, the read models and the files of the database.")
    console.print("Backups, archives of the write-ahead log and exports are yours to see to: docs/erasure.md")
    return True


def erasure_table(found: Found) -> Table:
    """What there is of a contact, and which of his addresses stay."""
    name = "whose name was erased" if found.name is None else found.name
    title = f"What is private of {found.contact_id}, {name}"
    table = Table("what", title=title, title_justify="left", show_footer=True)
    table.columns[0].footer = "in all"
    counts = found.counts
    table.add_column("events", justify="right", footer=f"{counts['events']:,}")
    for kind, told in TOLD.items():
        if counts[kind]:
            table.add_row(told, f"{counts[kind]:,}")
    for each in found.addresses:
        told = WHOSE[each.whose].format(with_id=each.with_id)
        table.add_row(f"{each.kind} {each.address or '(erased)'}: {told}", "")
    return table
