"""What is on its way to the reader of a feed: events as the HTML standard has them, in a bounded queue."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from api import limits
from projections.access import Opened

COMMENT = b":\n\n"


def frame(event: str, data: str) -> bytes:
    """An event, as the HTML standard has it (9.2.5); data: in one line."""
    return f"event: {event}\ndata: {data}\n\n".encode()


def marked(frames: Sequence[bytes], position: int) -> list[bytes]:
    """The last one has the position for its id; if there is none, a comment has, which nobody is told of."""
    return [*frames[:-1], b"id: %d\n" % position, frames[-1] if frames else COMMENT]


@dataclass(eq=False, slots=True)
class OpenFeed:
    """What is on its way to one reader. position: up to where he was told, or is by what waits here.

    level: the last position at which what he was told makes his list complete; from there he may go on.
    behind: he asks by himself.
    """

    opened: Opened
    position: int
    behind: bool
    level: int = field(init=False)
    over: bool = False
    waiting: list[bytes] = field(default_factory=list)
    bytes_waiting: int = 0
    news: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.level = self.position

    @property
    def is_led(self) -> bool:
        """Whether it is told by `Feeds`."""
        return not self.behind and not self.over

    def give(self, frames: Sequence[bytes], until: int, *, level: bool) -> None:
        """Put a batch into the queue, up to a position. What there is no room for is not put in.

        Who has taken all that came before goes on by himself then; who has not is too slow, and is cut off.
        """
        if not self._has_room(frames):
            return self.cut_off() if self.waiting else self.fall_behind()
        self.position = until
        if level:
            self.level = until
        if frames:
            self._put(marked(frames, until) if level else frames)

    def beat(self) -> None:
        """A sign of life, and where he is: he need not go on from where something last happened to him."""
        if not self.waiting:
            self._put(marked((), self.level) if self.level == self.position else [COMMENT])

    def fall_behind(self) -> None:
        self.behind = True
        self.news.set()

    def cut_off(self) -> None:
        """The last that he gets is from where to go on."""
        if not self.over:
            self.over = True
            self._put([frame("cut_off", f'{{"position": {self.level}}}')])

    def take(self) -> bytes:
        """All that waits, or nothing."""
        taken, self.waiting, self.bytes_waiting = b"".join(self.waiting), [], 0
        self.news.clear()
        return taken

    def _has_room(self, frames: Sequence[bytes]) -> bool:
        size = self.bytes_waiting + sum(map(len, frames))
        return size <= limits.FEED_BYTES and len(self.waiting) + len(frames) <= limits.FEED_EVENTS

    def _put(self, frames: Sequence[bytes]) -> None:
        self.waiting += frames
        self.bytes_waiting += sum(map(len, frames))
        self.news.set()
