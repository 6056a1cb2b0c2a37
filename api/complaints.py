"""How a command ends that can't go on: with one line that explains itself, and everything tidied up."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import httpx
import psycopg
from eventsourcing.persistence import PersistenceError
from psycopg_pool import PoolTimeout
from pydantic import ValidationError
from rich.console import Console
from rich.text import Text

from adapters.merkle.note import KeyNotSafe
from adapters.postgres.data_folder import DataFolderTaken
from adapters.postgres.embedded import PostgresFailed
from api.auditing.asker import AnswerRefused
from api.auditing.commands import PlottingMissing
from api.bench.benchmarks import UnknownBenchmark
from api.bench.measuring import NotDurable, PeerMissing
from api.bench.servers import ServerFailed
from api.crowd import CrowdLost
from api.demo import ServerLost
from api.exporting import NotSignedYet
from api.house import StoryBroken
from domain.errors import Refused
from projections.checkpoints import Fenced
from projections.leader import ReadModelFailed
from projections.rebuild import (
    Different,
    FormerDefinition,
    NothingKept,
    ReadersLeftOut,
    RebuildRunning,
    UnknownReadModel,
)
from projections.switch import SwitchHindered

FAILED = 1
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class NothingThere(Exception):
    """A command that only looks makes no data folder."""


COMPLAINTS = (
    AnswerRefused,
    CrowdLost,
    DataFolderTaken,
    Different,
    Fenced,
    FormerDefinition,
    KeyNotSafe,
    NotDurable,
    NotSignedYet,
    NothingKept,
    NothingThere,
    OSError,
    PeerMissing,
    PersistenceError,
    PlottingMissing,
    PoolTimeout,
    PostgresFailed,
    ReadModelFailed,
    ReadersLeftOut,
    RebuildRunning,
    Refused,
    ServerFailed,
    ServerLost,
    StoryBroken,
    SwitchHindered,
    UnknownBenchmark,
    UnknownReadModel,
    ValidationError,
    httpx.HTTPError,
    psycopg.Error,
)


@contextmanager
def told_in_one_line() -> Iterator[None]:
    """End with a red line and code 1 where the error says enough; anything else is a fault of ours."""
    try:
        yield
    except COMPLAINTS as error:
        Console(stderr=True).print(Text(_in_one_line(error), "bold red"), soft_wrap=True)
        sys.exit(FAILED)


def end_in_order() -> None:
    """Let every signal unwind the program, so that the PostgreSQL that it started is stopped."""
    for number in SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:  # as under nohup
            signal.signal(number, _unwind)


def _unwind(number: int, frame: FrameType | None) -> None:
    """Once: a second signal must not tear what the first is tidying up."""
    if number == signal.SIGHUP:  # which uvicorn does not know
        signal.raise_signal(signal.SIGTERM)
        return
    for other in SIGNALS:
        signal.signal(other, signal.SIG_IGN)
    raise KeyboardInterrupt


def _in_one_line(error: BaseException) -> str:
    if isinstance(error, ValidationError):
        told = (f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors())
        return f"{error.title}: {'; '.join(told)}"
    return " ".join(str(error).split()) or type(error).__name__
