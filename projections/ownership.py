"""Who owned a deal, answered for a client or held a conversation, as intervals: folded from a few streams."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from domain.ids import derive
from domain.ownership import (
    Tenure,
    Told,
    answering_owners,
    holders,
    known,
    owners,
    responsible,
)
from projections.answer import Answer, Pool, all_rows
from projections.statements import Statements

Fold = Callable[[Iterable[Told]], list[Tenure]]


@dataclass(frozen=True, slots=True)
class Stream:
    """A stream whose events say who had something, and how they are read; named: what its items name too."""

    stream_id: str
    fold: Fold
    named: dict[str, str]


@dataclass(frozen=True, slots=True)
class When:
    """at: a position; None: the latest. valid_at: of what was known there, only what had happened by then."""

    at: int | None = None
    valid_at: datetime | None = None


class Ownership:
    """Questions about who had what."""

    def __init__(self, pool: Pool) -> None:
        self.pool = pool
        self.statements = Statements.load("audit")

    async def of_deal(self, workspace_id: str, deal_id: str, when: When) -> Answer:
        """Who owned a deal, whether open, won or lost."""
        stream = Stream(_stream("deal", workspace_id, deal_id), owners, {"deal_id": deal_id})
        return await self._answer(workspace_id, f"deal:{deal_id}", [stream], when)

    async def of_contact(self, workspace_id: str, contact_id: str, when: When) -> Answer:
        """Who answered for a client: who was responsible, and who owned a deal of his that was not lost."""
        rows = await all_rows(
            self.pool,
            self.statements["deals_of_contact"],
            workspace_id=workspace_id,
            contact_id=contact_id,
        )
        named = {"contact_id": contact_id}
        own = Stream(_stream("contact", workspace_id, contact_id), responsible, named)
        answering = partial(answering_owners, contact_id=contact_id)
        deals = [
            Stream(_stream("deal", workspace_id, deal_id), answering, {**named, "deal_id": deal_id})
            for (deal_id,) in rows
        ]
        return await self._answer(workspace_id, f"contact:{contact_id}", [own, *deals], when)

    async def of_conversation(
        self,
        workspace_id: str,
        when: When,
        *,
        conversation_id: str | None = None,
        chat_id: str | None = None,
    ) -> Answer:
        """Who held a conversation, chat by chat: those that stood in it then, or this one."""
        rows = await all_rows(
            self.pool,
            self.statements["chats_of"],
            workspace_id=workspace_id,
            conversation_id=conversation_id,
            chat_id=chat_id,
            position=when.at,
        )
        if not rows:
            return Answer(0, None)
        subject = f"chat:{chat_id}" if chat_id else f"conversation:{conversation_id}"
        streams = [Stream(stream_id, holders, {"chat_id": each}) for each, stream_id in rows]
        return await self._answer(workspace_id, subject, streams, when, exists=True)

    async def _answer(
        self,
        workspace_id: str,
        subject: str,
        streams: Sequence[Stream],
        when: When,
        *,
        exists: bool = False,
    ) -> Answer:
        """body: `{subject, at, valid_at, items}`; None where nothing was ever told of the first stream."""
        rows = await all_rows(
            self.pool,
            self.statements["told"],
            workspace_id=workspace_id,
            stream_ids=[each.stream_id for each in streams],
            position=when.at,
        )
        read_at, at = rows[0][0], rows[0][1]
        told: defaultdict[str, list[Told]] = defaultdict(list)
        events: dict[int, dict[str, Any]] = {}
        for _, _, position, topic, occurred_at, facts, event in rows:
            if position is not None:
                told[event["stream_id"]].append(Told(position, topic, occurred_at, facts))
                events[position] = event
        if not exists and not told[streams[0].stream_id]:
            return Answer(read_at, None)
        found = [
            (tenure, stream.named)
            for stream in streams
            for tenure in stream.fold(known(told[stream.stream_id], at, when.valid_at))
        ]
        found.sort(key=lambda each: (each[0].since.position, each[0].role, each[0].employee_id or ""))
        names = await self._names(workspace_id, {each.employee_id for each, _ in found}, at)
        items = [_item(tenure, named, events, names) for tenure, named in found]
        body = {"subject": subject, "at": at, "items": items}
        return Answer(read_at, json.dumps(body, ensure_ascii=False))

    async def _names(
        self, workspace_id: str, employee_ids: set[str | None], at: int
    ) -> dict[str, str | None]:
        rows = await all_rows(
            self.pool,
            self.statements["names"],
            workspace_id=workspace_id,
            employee_ids=[each for each in employee_ids if each is not None],
            position=at,
        )
        return dict(rows)


def _stream(noun: str, workspace_id: str, thing_id: str) -> str:
    return str(derive(noun, workspace_id, thing_id))


def _item(
    tenure: Tenure,
    named: dict[str, str],
    events: dict[int, dict[str, Any]],
    names: dict[str, str | None],
) -> dict[str, Any]:
    return {
        "employee_id": tenure.employee_id,
        "name": names.get(tenure.employee_id) if tenure.employee_id else None,
        "role": tenure.role,
        **named,
        "from": _place(events[tenure.since.position]),
        "to": _place(events[tenure.until.position]) if tenure.until else None,
    }


def _place(event: dict[str, Any]) -> dict[str, Any]:
    return {
        "position": event["position"],
        "at": event["recorded_at"],
        "occurred_at": event["occurred_at"],
        "event": event,
    }
