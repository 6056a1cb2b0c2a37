"""What an auditor is told of a history, held against the ledger that is folded event by event."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from domain.visibility import Reason
from projections.audit import Span
from projections.ownership import Ownership, When
from tests.histories.alphabet import CHAT_NAMES, CONTACTS, DEALS, EMPLOYEES, WORKSPACE, chat_id
from tests.histories.answers import Answers, Witness
from tests.histories.ledger_oracle import Row

PAGE = 3
"""So few items that there are several pages; of what is looked at, fewer still."""

Seen = Mapping[str, Mapping[str, Witness]]
"""Chat → employee → why, and since when."""

NOUNS = {"chat", "message", "contact", "deal", "employee", "channel", "thread"}
"""To which it happens that somebody sees something."""


class Stretch(NamedTuple):
    employee: str
    chat: str
    reason: Reason
    since: int
    until: int | None


def stretches(swept: Mapping[int, Seen]) -> set[Stretch]:
    """From when until when the rule gave whom which reason; swept: every position, in order."""
    open_since: dict[tuple[str, str, Reason], int] = {}
    found: set[Stretch] = set()
    for position, seen in swept.items():
        held = {
            (employee, chat, reason)
            for chat, witnesses in seen.items()
            for employee, (reasons, _) in witnesses.items()
            for reason in reasons
        }
        found |= {Stretch(*gone, open_since.pop(gone), position) for gone in open_since.keys() - held}
        open_since |= dict.fromkeys(held - open_since.keys(), position)
    return found | {Stretch(*held, since, None) for held, since in open_since.items()}


def check_history(answers: Answers, swept: Mapping[int, Seen], rows: Mapping[int, Row]) -> None:
    """From both sides, whole and in part: the stretches are those of the rule, and begin at those events."""
    expected = stretches(swept)
    positions = list(swept)
    middle, late = positions[len(positions) // 2], positions[len(positions) * 3 // 4]
    for span in (Span(), Span(middle, late), Span(late)):
        touching = {
            each
            for each in expected
            if each.since <= span.until and (each.until is None or each.until > span.since)
        }
        of_chats = [each for chat in CHAT_NAMES for each in told(answers, rows, span, chat_id=chat)]
        of_people = [
            each for employee in EMPLOYEES for each in told(answers, rows, span, employee_id=employee)
        ]
        assert len(of_chats) == len(of_people) == len(touching)
        assert set(of_chats) == set(of_people) == touching


def told(answers: Answers, rows: Mapping[int, Row], span: Span, **whose: str) -> Iterator[Stretch]:
    """Page by page; in the order of the events that began them."""
    cursor, before = None, 0
    while True:
        if "chat_id" in whose:
            asked = answers.audit.chat_history(WORKSPACE, whose["chat_id"], span, cursor=cursor, limit=PAGE)
        else:
            employee_id = whose["employee_id"]
            asked = answers.audit.employee_history(WORKSPACE, employee_id, span, cursor=cursor, limit=PAGE)
        page = answers.world.ask(asked)
        if page is None:
            return
        assert len(page["items"]) <= PAGE
        for item in page["items"]:
            begin, end = item["from"], item["to"]
            assert before <= begin["position"]
            before = begin["position"]
            check_event(begin["event"], begin["position"], rows)
            if end:
                check_event(end["event"], end["position"], rows)
            yield Stretch(
                item["employee_id"],
                CHAT_NAMES[item["chat_id"]],
                Reason(**item["reason"]),
                before,
                end and end["position"],
            )
        cursor = page["next_cursor"]
        if cursor is None:
            return


def check_event(event: dict[str, Any], position: int, rows: Mapping[int, Row]) -> None:
    row = rows[position]
    assert (event["position"], event["topic"], event["facts"]) == (position, row.topic, row.facts)


def check_ownership(answers: Answers, owned: Mapping[int, Mapping[tuple[str, ...], str | None]]) -> None:
    """At each position each thing had the owner that the fold of the ledger says, and no other."""
    ownership = Ownership(answers.world.pool)
    asked = [ownership.of_deal(WORKSPACE, deal_id, When()) for deal_id in DEALS]
    asked += [ownership.of_contact(WORKSPACE, contact_id, When()) for contact_id in CONTACTS]
    bodies = [answers.world.ask(each) for each in asked]
    items = [item for body in bodies if body for item in body["items"]]
    for position, expected in owned.items():
        now = [item for item in items if holds(item, position)]
        assert {owned_thing(item): item["employee_id"] for item in now} == expected
        assert len(now) == len(expected)


def holds(item: dict[str, Any], position: int) -> bool:
    return bool(
        item["from"]["position"] <= position and (not item["to"] or position < item["to"]["position"])
    )


def owned_thing(item: dict[str, Any]) -> tuple[str, ...]:
    """As the oracle calls it."""
    return (item["role"], *(item[each] for each in ("contact_id", "deal_id") if each in item))


def check_explanations(
    answers: Answers, position: int, swept: Mapping[int, Seen], rows: Mapping[int, Row]
) -> None:
    """At one position, for everybody and every chat: whether he sees it, lost it or never saw it."""
    for chat in CHAT_NAMES.values():
        for employee in EMPLOYEES:
            asked = answers.audit.explanation(WORKSPACE, employee, chat_id(chat), position)
            explained = answers.world.ask(asked)
            if explained is not None:
                check_explained(explained, employee, chat, position, swept, rows)


def check_explained(
    explained: dict[str, Any],
    employee: str,
    chat: str,
    position: int,
    swept: Mapping[int, Seen],
    rows: Mapping[int, Row],
) -> None:
    saw_at = [at for at in swept if at <= position and employee in swept[at].get(chat, {})]
    visible = bool(saw_at) and saw_at[-1] == position
    assert explained["visible"] == visible
    assert (explained["never"] is None) == bool(saw_at)
    assert (explained["lost"] is None) == (visible or not saw_at)
    told = explained["reasons"]
    if explained["lost"]:
        told = explained["lost"]["reasons"]
        lost_at = min(at for at in swept if at > saw_at[-1])
        assert explained["lost"]["position"] == lost_at
        check_event(explained["lost"]["event"], lost_at, rows)
        assert all(each["until"]["position"] == lost_at and each["ended"] for each in told), told
    if saw_at:
        assert frozenset(map(plain, told)) == swept[saw_at[-1]][chat][employee][0]
        for each in told:
            check_makers(each, employee, chat, saw_at[-1], swept, rows)
    else:
        assert explained["reasons"] == []
        because = explained["never"]["because"]
        assert because
        for each in because:
            assert each["events"] or each["code"] == "answers_for_nobody_in_it", each


def check_makers(
    told: dict[str, Any],
    employee: str,
    chat: str,
    position: int,
    swept: Mapping[int, Seen],
    rows: Mapping[int, Row],
) -> None:
    """Since when a reason held, and that what made it so is about nothing else."""
    reason, since = plain(told), told["since"]["position"]
    held = [at for at in swept if since <= at <= position]
    assert all(reason in swept[at][chat][employee][0] for at in held)
    earlier = [at for at in swept if at < since]
    assert not earlier or reason not in swept[earlier[-1]].get(chat, {}).get(employee, (frozenset(), 0))[0]
    assert since in [event["position"] for event in told["events"]]
    for event in told["events"]:
        assert event["position"] <= position
        check_event(event, event["position"], rows)
        assert event["topic"].partition(".")[0] in NOUNS
        if event["topic"].startswith("employee.") and reason.kind != "new_client":
            assert event["facts"]["employee_id"] == employee


def plain(told: dict[str, Any]) -> Reason:
    return Reason(**{name: each for name, each in told.items() if name in Reason.__dataclass_fields__})
