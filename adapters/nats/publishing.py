"""Publishes events in order, thousands at a time on the way, and knows which of them are stored.

Each publication names the sequence that must be the stream's last, so an event is stored behind its
predecessor or not at all. Hence an answer for one is an answer for all before it, and only few have to be
answered: that costs the server and us half of what an answer for each would.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from types import TracebackType
from typing import Any, NamedTuple, Self

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import MaxPayloadError
from nats.js.api import Header

from adapters.nats.connection import ConnectionToNatsLost
from adapters.nats.stream import Stream, StreamRefused

IN_FLIGHT = 4_000
"""Most events that are published and not known to be stored. The server holds 10,000 before it drops some."""

ANSWER_EVERY = 100
ANSWER_TIMEOUT_S = 10.0
"""Even a server that waits for a slow disk with each event has stored a hundred by then."""

LOOK_INTERVAL_S = 0.1
"""How often is looked whether the connection is still there, while an answer is waited for."""

MESSAGE_ID, LAST_SEQUENCE = Header.MSG_ID.value, Header.EXPECTED_LAST_SEQUENCE.value


class OutOfStep(Exception):
    """The stream is not as we left it: something was not stored. Look at it, and go on from there."""


class EventTooLarge(StreamRefused):
    def __init__(self, position: int, size: int, limit: int) -> None:
        super().__init__(
            f"The event at position {position} has {size} bytes, and the server takes {limit}: raise its"
            " max_payload, and let the relay go on."
        )


class Outgoing(NamedTuple):
    """An event on its way out. body: its public form."""

    position: int
    subject: str
    body: bytes


class Publisher:
    """Continues a stream, from entering the context on."""

    def __init__(self, client: Client, stream: Stream) -> None:
        self._client = client
        self._offset = stream.offset
        self._sent = self._stored = stream.last_sequence
        self._inbox = client.new_inbox()
        self._answered = asyncio.Event()
        self._failure: Exception | None = None

    async def __aenter__(self) -> Self:
        self._subscription = await self._client.subscribe(f"{self._inbox}.*", cb=self._take_answer)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._client.is_closed:
            await self._subscription.unsubscribe()

    @property
    def stored(self) -> int:
        """The position up to which events are known to be stored."""
        return self._stored + self._offset

    async def publish(self, events: Sequence[Outgoing]) -> None:
        """Send events that follow those before; the last is answered. `settle` waits until they are stored.

        Raises:
            OutOfStep, ConnectionToNatsLost: some of those that were sent are not stored.
            EventTooLarge: the server does not take the event.
        """
        last = events[-1].position - self._offset if events else 0
        for position, subject, body in events:
            sequence = position - self._offset
            assert sequence == self._sent + 1, f"{position} does not follow {self._sent + self._offset}"
            if sequence - self._stored > IN_FLIGHT:
                await self._until(sequence - IN_FLIGHT)
            answered = sequence == last or sequence % ANSWER_EVERY == 0
            reply = f"{self._inbox}.{sequence}" if answered else ""
            headers = {MESSAGE_ID: str(position), LAST_SEQUENCE: str(self._sent)}
            try:
                await self._client.publish(subject, body, reply, headers)
            except MaxPayloadError as error:
                raise EventTooLarge(position, len(body), self._client.max_payload) from error
            self._sent = sequence

    async def settle(self) -> None:
        """Wait until everything that was sent is stored.

        Raises:
            OutOfStep, ConnectionToNatsLost: as `publish`.
        """
        await self._until(self._sent)

    async def _until(self, sequence: int) -> None:
        clock = asyncio.get_running_loop()
        stored, patient_until = self._stored, clock.time() + ANSWER_TIMEOUT_S
        while self._stored < sequence:
            if self._failure:
                raise self._failure
            if self._client.is_closed:
                raise ConnectionToNatsLost("the connection was lost while events were on their way")
            if self._stored > stored:
                stored, patient_until = self._stored, clock.time() + ANSWER_TIMEOUT_S
            if clock.time() > patient_until:
                raise ConnectionToNatsLost(f"no answer within {ANSWER_TIMEOUT_S:g} s")
            await self._answer()

    async def _answer(self) -> None:
        self._answered.clear()
        try:
            await asyncio.wait_for(self._answered.wait(), LOOK_INTERVAL_S)
        except TimeoutError:
            return

    async def _take_answer(self, message: Msg) -> None:
        sequence = int(message.subject.rpartition(".")[2])
        answer: dict[str, Any] = json.loads(message.data) if message.data else {}
        if answer.get("seq") == sequence:
            self._stored = max(self._stored, sequence)
        else:
            self._failure = self._failure or OutOfStep(_why(sequence + self._offset, answer))
        self._answered.set()


def _why(position: int, answer: dict[str, Any]) -> str:
    """answer: the server's, or nothing where nobody listens to the subject."""
    if not answer:
        return f"position {position} was not stored: there is no stream"
    if error := answer.get("error"):
        return f"position {position} was not stored: {error.get('description')}"
    return f"position {position} is in the stream already, as number {answer.get('seq')}"
