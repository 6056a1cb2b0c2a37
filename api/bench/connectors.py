"""Connectors at work: what clients say, singly and in batches; reports about answers; edits."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from api.bench.at_work import Log, Worker, message_id
from api.bench.caller import Json
from api.bench.company import WORKSPACE, phone
from api.bench.conversing import Said, Talk
from api.bench.firm import KINDS, Place, client_at, message
from domain import ids

SINGLY = 0.7
"""This part of all messages is told at once, each by a request of its own."""

IN_BATCH = 50
EDITED, DELETED, TOLD_TWICE = 0.04, 0.01, 0.03
COMES_OR_GOES, LEAVES = 0.2, 0.4
"""After so many messages in a group somebody joins it, or leaves; so many of these times somebody leaves."""

ABREAST = 8
"""Connectors of each channel. What they do not get round to on the day is counted as left untold."""

PARTS = 20
"""In so many parts of a day what was gathered meanwhile is told together."""


class Connector(Worker):
    """One of a channel's. said: what it has to tell."""

    def __init__(self, log: Log, name: str, channel_id: str, port: int, token: str, said: list[Said]) -> None:
        super().__init__(log, name, port, token)
        self.channel_id, self.said = channel_id, said
        self.gathered: list[Json] = []
        self.guests: list[tuple[Place, str]] = []

    async def work(self) -> None:
        told = 0
        for nth, said in enumerate(self.said):
            if self.log.over:
                self.log.done["message left untold"] += len(self.said) - nth
                break
            await self.wait_until(said.at)
            await self.hear(said)
            if self.log.now * PARTS >= told + 1:
                told = int(self.log.now * PARTS)
                await self.tell_gathered()
        await self.wait_until(1 - 1 / PARTS)
        await self.tell_gathered()

    async def hear(self, said: Said) -> None:
        event = message(said.place, said.message_id, said.text, echo=said.echo)
        if self.rng.random() < SINGLY:
            await self.tell([event], "message told singly", "event")
        else:
            self.gathered.append(event)
        die = self.rng.random()
        if die < EDITED:
            self.gathered.append(_news(said, "message_edited", "edited_at", text=f"{said.text} (edited)"))
        elif die < EDITED + DELETED:
            self.gathered.append(_news(said, "message_deleted", "deleted_at"))
        elif die < EDITED + DELETED + TOLD_TWICE:
            self.gathered.append(event)
        elif said.place.kind == "group" and die > 1 - COMES_OR_GOES:
            self.gathered.append(self._coming_or_going(said.place))

    async def tell_gathered(self) -> None:
        self.gathered += self._reports()
        while self.gathered:
            events, self.gathered = self.gathered[:IN_BATCH], self.gathered[IN_BATCH:]
            await self.tell(events, "batch of events told", "batch")

    async def tell(self, events: Sequence[Json], action: str, timed: str) -> None:
        path = f"/v1/channels/{self.channel_id}/events"
        answer = await self.ask(action, timed, "POST", path, {"events": events})
        if answer.refused:
            return
        for event, result in zip(events, answer.body["results"], strict=True):
            if result["status"] == "rejected":
                self.log.refuse(event["type"], result["error"])
            else:
                self._note(event, result["status"])

    def _note(self, event: Json, status: str) -> None:
        self.log.done[f"{event['type']} {status}"] += 1
        if event["type"] == "message":
            chat_id = self.chat_id(event["chat"]["id"])
            self.log.acknowledged[message_id(chat_id, event["message"]["id"])] = chat_id

    def chat_id(self, external_id: str) -> str:
        return str(ids.chat_id(WORKSPACE, self.channel_id, external_id))

    def _reports(self) -> list[Json]:
        """Of the answers that employees wrote: some fail, most are read."""
        mine = [queued for queued in self.log.queued if queued[0] == self.channel_id]
        self.log.queued[:] = [queued for queued in self.log.queued if queued[0] != self.channel_id]
        fates = (("sent", "delivered", "read"), ("sent", "delivered"), ("failed",))
        return [
            {"type": "delivery", "message_id": queued_id, "status": status, "at": _now()}
            for _, queued_id in mine
            for status in self.rng.choices(fates, weights=(80, 15, 5))[0]
        ]

    def _coming_or_going(self, place: Place) -> Json:
        """Another client of the phone joins the group; or one who did leaves again."""
        if self.guests and self.rng.random() < LEAVES:
            guest = self.guests.pop(0)
            return self._presence("participant_left", *guest)
        guest = (place, phone(self.rng.randrange(self.log.size.on_phone)))
        self.guests.append(guest)
        return self._presence("participant_joined", *guest)

    def _presence(self, told: str, place: Place, address: str) -> Json:
        participant = {"address": address, "name": f"Client {client_at(address)}"}
        return {"type": told, "chat": place.chat, "participant": participant, "at": _now()}


def _news(said: Said, told: str, at: str, **more: str) -> Json:
    """Of a message, under the name that its time has there."""
    return {"type": told, "chat": said.place.chat, "message": {"id": said.message_id, at: _now(), **more}}


def _now() -> str:
    return datetime.now(UTC).isoformat()


def connectors(log: Log, talk: Talk, port: int, token: str) -> list[Connector]:
    """Several for each channel, which take its messages in turns."""
    return [
        Connector(log, f"connector {nth} of {channel_id}", channel_id, port, token, said[nth::ABREAST])
        for channel_id in KINDS
        for said in [[said for said in talk.said if said.place.channel_id == channel_id]]
        for nth in range(ABREAST)
    ]
