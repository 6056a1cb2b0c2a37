"""The stream in JetStream that holds the ledger's events: how it is made, kept and recognised.

Position and sequence differ by an offset that is fixed while the stream lives, and stands in its metadata
beside the id of the ledger that it belongs to. So the stream itself says up to where it was published.

    StreamRefused          nothing is published; somebody has to look
    ├── StreamOfAnother    it belongs to another ledger, or to somebody else
    ├── StreamAhead        it holds more than the ledger: the ledger was restored from a backup
    ├── StreamDiffers      its last message is not what the ledger has at that position
    └── SettingRefused     the server does not let the stream be as it is wanted
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from nats.js import JetStreamContext
from nats.js.api import StorageType, StreamConfig, StreamInfo
from nats.js.errors import APIError, BadRequestError, NotFoundError

from adapters.nats.subjects import EVERYTHING

DUPLICATE_WINDOW_S = 10.0
"""For so long the server remembers each message's id. What makes duplicates impossible is the sequence that
each publication expects; the longer the window, the more memory the server needs."""

LEDGER_ID, OFFSET, PRIVATE = "chatledger-ledger", "chatledger-offset", "chatledger-private"
"""Keys of the stream's metadata. That what is private left to it once, is never taken back."""

TAKEN_OUT_TOGETHER = 100

Configure = Callable[[StreamConfig], Awaitable[StreamInfo]]


class StreamRefused(Exception):
    """The stream can't be published to; says why and what to do."""


class StreamOfAnother(StreamRefused):
    def __init__(self, name: str, why: str) -> None:
        super().__init__(
            f"The stream {name} is not this ledger's: {why}. Name another one with CHATLEDGER_NATS_STREAM, or"
            " delete that one if nobody needs it."
        )


class StreamAhead(StreamRefused):
    def __init__(self, name: str, position: int, head: int) -> None:
        super().__init__(
            f"The stream {name} is at position {position}, the ledger ends at {head}: the ledger was"
            " restored from a backup, or somebody moved the stream. Bring the ledger back, or delete the"
            " stream: then it is made anew from the ledger."
        )


class StreamDiffers(StreamRefused):
    def __init__(self, name: str, position: int) -> None:
        super().__init__(
            f"The stream {name} has another event at position {position} than the ledger: the ledger was"
            " restored from a backup and went on otherwise. Delete the stream: then it is made anew from the"
            " ledger."
        )


class SettingRefused(StreamRefused):
    def __init__(self, name: str, why: str) -> None:
        super().__init__(f"The server does not let the stream {name} be as it is wanted: {why}.")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the stream is to be; what is not said here is the operator's own and stays as he set it.

    ledger_id: whose events it holds. replicas: 1, 3 or 5. private: whether what is private is to leave, too.
    """

    name: str
    ledger_id: str
    replicas: int = 1
    private: bool = False
    duplicate_window_s: float = DUPLICATE_WINDOW_S


@dataclass(frozen=True, slots=True)
class Stream:
    """The stream at one moment.

    private: whether what is private left to it ever. last: the body of its last message; None where that was
    taken out of it.
    """

    name: str
    offset: int
    private: bool
    last_sequence: int
    last: bytes | None

    @property
    def position(self) -> int:
        """Up to where the ledger was published."""
        return self.last_sequence + self.offset


async def open_stream(js: JetStreamContext, wanted: Wanted) -> Stream:
    """The stream as it is wanted, made where it is missing.

    Raises:
        StreamOfAnother, SettingRefused: it is not ours, or can't be as it is wanted.
    """
    try:
        info = await js.stream_info(wanted.name)
    except NotFoundError:
        info = await _apply(js.add_stream, wanted, _fresh(wanted))
    offset = _offset(info, wanted)
    if (config := _changed(info.config, wanted, offset)) != info.config:
        info = await _apply(js.update_stream, wanted, config)
    private = PRIVATE in (info.config.metadata or {})
    return Stream(wanted.name, offset, private, info.state.last_seq, await _last(js, info, wanted.name))


async def is_as_left(js: JetStreamContext, stream: Stream, position: int) -> bool:
    """Whether it is still the same one, and ends where it was published to."""
    info = await js.stream_info(stream.name)
    same = OFFSET in (info.config.metadata or {})
    return same and info.state.last_seq + stream.offset == position


async def take_out(js: JetStreamContext, stream: Stream, positions: Sequence[int]) -> None:
    """Remove the messages at these positions, overwritten on the server's disk, where they are there."""
    first = (await js.stream_info(stream.name)).state.first_seq
    there = [position - stream.offset for position in positions if position - stream.offset >= first]
    for begun in range(0, len(there), TAKEN_OUT_TOGETHER):
        some = there[begun : begun + TAKEN_OUT_TOGETHER]
        await asyncio.gather(*(_take_out(js, stream.name, sequence) for sequence in some))


async def _take_out(js: JetStreamContext, name: str, sequence: int) -> None:
    try:
        await js.delete_msg(name, sequence)
    except APIError:
        if await _message(js, name, sequence) is not None:
            raise


def _fresh(wanted: Wanted) -> StreamConfig:
    return _changed(StreamConfig(storage=StorageType.FILE, allow_direct=True), wanted, 0)


def _changed(config: StreamConfig, wanted: Wanted, offset: int) -> StreamConfig:
    ours = {LEDGER_ID: wanted.ledger_id, OFFSET: str(offset)} | ({PRIVATE: "true"} if wanted.private else {})
    return config.evolve(
        name=wanted.name,
        description="The events of a Chatledger, each once and in its order.",
        subjects=[EVERYTHING],
        num_replicas=wanted.replicas,
        duplicate_window=wanted.duplicate_window_s,
        metadata={**(config.metadata or {}), **ours},
    )


def _offset(info: StreamInfo, wanted: Wanted) -> int:
    """What is to be added to a sequence; an empty stream that somebody made for us begins with position 1.

    Raises:
        StreamOfAnother: it says that it is another's, or holds what nobody says is ours.
    """
    metadata = info.config.metadata or {}
    if LEDGER_ID not in metadata:
        if info.state.messages:
            raise StreamOfAnother(wanted.name, f"it holds {info.state.messages} messages of somebody else's")
        return -info.state.last_seq
    if metadata[LEDGER_ID] != wanted.ledger_id:
        raise StreamOfAnother(wanted.name, f"it is of {metadata[LEDGER_ID]}, and this is {wanted.ledger_id}")
    return int(metadata[OFFSET])


async def _apply(request: Configure, wanted: Wanted, config: StreamConfig) -> StreamInfo:
    try:
        return await request(config)
    except BadRequestError as error:
        raise SettingRefused(wanted.name, str(error.description)) from error
    except APIError as error:
        if error.code is not None and 500 <= error.code < 600 and "replicas" not in str(error.description):
            raise
        raise SettingRefused(wanted.name, str(error.description)) from error


async def _last(js: JetStreamContext, info: StreamInfo, name: str) -> bytes | None:
    return await _message(js, name, info.state.last_seq) if info.state.messages else None


async def _message(js: JetStreamContext, name: str, sequence: int) -> bytes | None:
    try:
        message = await js.get_msg(name, seq=sequence)
    except NotFoundError:
        return None
    return message.data or b""
