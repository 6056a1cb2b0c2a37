"""The moves of a conversation: which command each is, and for whom it is open."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from fastapi.concurrency import run_in_threadpool

from api.inbox import conversation_uuid
from api.late_readings import read_up_to
from api.reading import reach
from api.writing import Write
from domain.conversations import require_writer
from domain.deciding import Accepted
from domain.errors import CannotSee, UnknownThing
from projections.inbox import Glance


@dataclass(frozen=True, slots=True)
class Move:
    """What is done with a conversation.

    command: for all its chats that the caller sees. to_id: to whom it goes; he gets those that he sees too.
    looks: it concerns what the client wrote so far; said: up to where the caller says that this was seen.
    """

    command: Callable[[Write, Glance], Accepted]
    to_id: str | None = None
    looks: bool = False
    said: int | None = None


def claiming() -> Move:
    return Move(lambda write, seen: write.ledger.claim(seen.chat_ids, _me(write), by=write.by))


def releasing() -> Move:
    return Move(lambda write, seen: write.ledger.release(seen.chat_ids, _me(write), by=write.by))


def reopening() -> Move:
    return Move(lambda write, seen: write.ledger.reopen(seen.chat_ids, _me(write), by=write.by))


def closing(seen_position: int | None) -> Move:
    return Move(
        lambda write, seen: write.ledger.close_conversation(
            seen.chat_ids, _me(write), seen_position=_seen(seen, seen_position), by=write.by
        ),
        looks=True,
        said=seen_position,
    )


def dismissing(seen_position: int | None) -> Move:
    return Move(
        lambda write, seen: write.ledger.dismiss(
            seen.chat_ids, _me(write), seen_position=_seen(seen, seen_position), by=write.by
        ),
        looks=True,
        said=seen_position,
    )


def snoozing(until: datetime, seen_position: int | None) -> Move:
    return Move(
        lambda write, seen: write.ledger.snooze(
            seen.chat_ids, _me(write), until, seen_position=_seen(seen, seen_position), by=write.by
        ),
        looks=True,
        said=seen_position,
    )


def assigning(to_id: str) -> Move:
    return Move(lambda write, seen: write.ledger.assign(seen.chat_ids, _me(write), to_id, by=write.by), to_id)


def reading_to(position: int) -> Move:
    """Nobody has read what is not there yet, so the ledger's head is the furthest."""
    return Move(lambda write, seen: read_up_to(write, seen, min(position, write.ledger.head())))


async def move(write: Write, conversation_id: str, move: Move) -> tuple[Glance, Accepted]:
    """Make a move with all that the caller sees of the conversation.

    Raises:
        UnknownThing: the caller sees nothing of it.
        CannotSee: it is to go to somebody who sees nothing of that.
    """
    if move.looks:
        await _look(write, move.said)
    seen = await glance_at(write, conversation_id)
    if move.to_id is not None:
        seen = await _seen_by_both(write, seen, move.to_id)
    return seen, await run_in_threadpool(move.command, write, seen)


async def _look(write: Write, said: int | None) -> None:
    """Wait until the inbox has what the caller means.

    If he does not say, that is all of which connectors had been told that it is recorded; what was still on
    its way then was seen by nobody.
    """
    known = write.told if said is None else min(said, await run_in_threadpool(write.ledger.head))
    await reach(write.system, known, "inbox")


async def glance_at(write: Write, conversation_id: str) -> Glance:
    """What a command has to know of the conversation; 404 where the caller does not see it."""
    asked = conversation_uuid(conversation_id)
    seen = await write.system.inbox.glance(write.by.workspace_id, _me(write), asked)
    if seen is None:
        raise UnknownThing("conversation", conversation_id)
    return seen


async def check_writer(write: Write) -> None:
    """Refuse whoever reads and never writes, before anything else is said (403)."""
    employee_id = _me(write)
    await run_in_threadpool(
        write.ledger.carry_out, write.by, lambda decision: require_writer(decision, employee_id)
    )


def together(accepted: list[Accepted]) -> Accepted:
    """Several commands as one."""
    return Accepted(
        position=max(one.position for one in accepted),
        recorded=sum(one.recorded for one in accepted),
        topics=frozenset().union(*(one.topics for one in accepted)),
    )


async def _seen_by_both(write: Write, seen: Glance, employee_id: str) -> Glance:
    """Nobody is given what he does not see."""
    await check_writer(write)
    his = await write.system.inbox.glance(write.by.workspace_id, employee_id, seen.conversation_id)
    both = [chat_id for chat_id in seen.chat_ids if his is not None and chat_id in his.chat_ids]
    if not both:
        raise CannotSee(employee_id, seen.conversation_id)
    return replace(seen, chat_ids=both)


def _me(write: Write) -> str:
    return write.caller.employee_id


def _seen(seen: Glance, said: int | None) -> int:
    """Up to where the client's messages were seen; more than there is can't be, or it would hide the next."""
    return seen.client_position if said is None else min(said, seen.client_position)
