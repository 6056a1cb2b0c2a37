"""The demo's second part: real conversations stream into the company of the house story."""

from __future__ import annotations

import subprocess
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle
from time import monotonic, sleep

from rich.console import Console
from rich.table import Table

from api import chitchat
from api.house import EMPLOYEES, House
from api.terminal import Bar

CHANNEL = "chitchat"
KIND = "other"
CLIENTS = 300
"""How many of the most active openers become contacts; the others stay nobody's clients."""

RESPONSIBLE = ("oleg", "vera", "pavel")
COUNTED = (*RESPONSIBLE, "irina")
COUNT_HEADINGS = ("own clients", "nobody's chats", "together", "in the inbox", "waiting", "unread")
CATCH_UP_TIMEOUT_S = 120.0
POLL_INTERVAL_S = 0.1

Counts = Mapping[str, dict[str, int]]
"""Employee, then what his inbox counts."""


class CrowdLost(Exception):
    """The real conversations did not get in; says why."""


def responsible_for(dataset: chitchat.Conversations) -> dict[str, str]:
    """Who answers for each of the most active clients: Oleg, Vera and Pavel in turn."""
    clients = [client for client, _ in chitchat.chats_by_opener(dataset).most_common(CLIENTS)]
    return dict(zip(clients, cycle(RESPONSIBLE), strict=False))


def make_contacts(console: Console, house: House, responsible: Mapping[str, str]) -> None:
    """Tell the CRM's contacts, one call each."""
    with Bar(console, f"{len(responsible)} contacts over HTTP", len(responsible)) as bar:
        for done, (client, employee_id) in enumerate(responsible.items(), start=1):
            contact = {"name": chitchat.client_name(client), "responsible_id": employee_id}
            addresses = [{"kind": KIND, "address": client}]
            house.put(f"/v1/contacts/{client}", {**contact, "addresses": addresses})
            bar.show(done)


def bring_in(
    console: Console, house: House, import_command: Sequence[str], environment: Mapping[str, str]
) -> None:
    """Import the conversations beside the running server, and wait until every list has them.

    Raises:
        CrowdLost: the import failed, or the read models did not catch up in CATCH_UP_TIMEOUT_S.
    """
    command = [*import_command, "chitchat", "--channel", CHANNEL, "--kind", KIND]
    done = subprocess.run(command, env=environment)
    if done.returncode:
        raise CrowdLost(f"the import ended with code {done.returncode}")
    recorded = monotonic()
    while any(model["lag_events"] for model in house.projections()):
        if monotonic() > recorded + CATCH_UP_TIMEOUT_S:
            raise CrowdLost(f"the read models are still behind after {CATCH_UP_TIMEOUT_S:.0f} s")
        sleep(POLL_INTERVAL_S)
    console.print(f"Every inbox had it all {monotonic() - recorded:.1f} s after the import.", highlight=False)


def inbox_counts(house: House) -> Counts:
    return {employee_id: house.counts(employee_id) for employee_id in COUNTED}


@dataclass(frozen=True)
class Compared:
    """What an inbox gained, beside what the data alone says. own: his clients; others: nobody's chats."""

    employee_id: str
    own: int
    others: int
    waiting: int
    gained: Mapping[str, int]

    @property
    def is_right(self) -> bool:
        return (self.gained["incoming"], self.gained["waiting"]) == (self.own + self.others, self.waiting)


def compared(
    dataset: chitchat.Conversations, responsible: Mapping[str, str], before: Counts, after: Counts
) -> list[Compared]:
    """The inboxes of those who are counted."""
    conversations = conversations_of(dataset, responsible)
    waiting = shares(filter(chitchat.unanswered, conversations), responsible)
    return [
        Compared(
            employee_id,
            *expected(employee_id, shares(conversations, responsible)),
            sum(expected(employee_id, waiting)),
            {name: after[employee_id][name] - before[employee_id][name] for name in after[employee_id]},
        )
        for employee_id in COUNTED
    ]


def counts_table(counts: Iterable[Compared]) -> Table:
    """One row an inbox; what is as the data says is green."""
    table = Table("employee")
    for heading in COUNT_HEADINGS:
        table.add_column(heading, justify="right")
    for each in counts:
        table.add_row(
            EMPLOYEES[each.employee_id]["name"],
            *(f"{number:,}" for number in (each.own, each.others, each.own + each.others)),
            _coloured(each.gained["incoming"], each.own + each.others),
            _coloured(each.gained["waiting"], each.waiting),
            f"{each.gained['unread']:,}",
        )
    return table


def require_right(counts: Iterable[Compared]) -> None:
    """Refuse to end as if all were well.

    Raises:
        CrowdLost: an inbox is not what the data says.
    """
    if wrong := [EMPLOYEES[each.employee_id]["name"] for each in counts if not each.is_right]:
        raise CrowdLost(f"not what the data says: the inbox of {', '.join(wrong)}")


def conversations_of(
    dataset: chitchat.Conversations, responsible: Mapping[str, str]
) -> list[list[chitchat.Conversation]]:
    """All chats of one who is a contact are one conversation; each chat of the others is one."""
    found: defaultdict[str, list[chitchat.Conversation]] = defaultdict(list)
    for chat_id, chat in dataset.items():
        opener = chitchat.opened_by(chat)
        found[opener if opener in responsible else chat_id].append(chat)
    return list(found.values())


def shares(
    conversations: Iterable[list[chitchat.Conversation]], responsible: Mapping[str, str]
) -> Counter[str]:
    """How many of these conversations are with whose clients."""
    return Counter(responsible.get(chitchat.opened_by(each[0]), "nobody") for each in conversations)


def expected(employee_id: str, conversations: Mapping[str, int]) -> tuple[int, int]:
    """How many with his own clients, and how many with nobody's (or with everybody's, in oversight)."""
    own = conversations.get(employee_id, 0)
    if EMPLOYEES[employee_id]["role"] != "seller":
        return own, sum(conversations.values()) - own
    return own, conversations["nobody"] if EMPLOYEES[employee_id]["receives_new_clients"] else 0


def _coloured(counted: int, expected: int) -> str:
    return f"[{'green' if counted == expected else 'bold red'}]{counted:,}[/]"
