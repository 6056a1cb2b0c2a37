"""How a command ends that can't go on: with one line that explains itself, and everything tidied up."""

from __future__ import annotations

import logging
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

FAILED = 1
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class NothingThere(Exception):
    """A command that only looks makes no data folder."""


COMPLAINTS = frozenset(
    {
        "adapters.lake.exporting.NotTheLedger",
        "adapters.lake.folder.NotThisLake",
        "adapters.merkle.note.KeyNotSafe",
        "adapters.nats.stream.StreamRefused",
        "adapters.postgres.data_folder.DataFolderTaken",
        "adapters.postgres.embedded.PostgresFailed",
        "api.auditing.asker.AnswerRefused",
        "api.bench.benchmarks.UnknownBenchmark",
        "api.bench.measuring.NotDurable",
        "api.bench.measuring.PeerMissing",
        "api.bench.servers.ServerFailed",
        "api.complaints.NothingThere",
        "api.crowd.CrowdLost",
        "api.demo.ServerLost",
        "api.exporting.NotSignedYet",
        "api.followers.NotInPartitions",
        "api.hashing.NotAsSigned",
        "api.house.StoryBroken",
        "api.relay_cli.NoNats",
        "api.reporting.printing.NotThereYet",
        "api.tracing.UnknownExporter",
        "builtins.OSError",
        "domain.errors.Refused",
        "eventsourcing.persistence.PersistenceError",
        "httpx.HTTPError",
        "projections.checkpoints.Fenced",
        "projections.leader.ReadModelFailed",
        "projections.rebuild.Different",
        "projections.rebuild.FormerDefinition",
        "projections.rebuild.NothingKept",
        "projections.rebuild.ReadersLeftOut",
        "projections.rebuild.RebuildRunning",
        "projections.rebuild.UnknownReadModel",
        "projections.sharing.NotLevel",
        "projections.sharing.PartitionsUnclear",
        "projections.switch.SwitchHindered",
        "psycopg.Error",
        "psycopg_pool.PoolTimeout",
        "pydantic_core._pydantic_core.ValidationError",
    }
)
"""Errors that say enough, by their names: to import them all would take longer than most commands do."""


@contextmanager
def told_in_one_line() -> Iterator[None]:
    """End with a red line and code 1 where the error says enough; anything else is a fault of ours."""
    try:
        yield
    except Exception as error:
        if COMPLAINTS.isdisjoint(map(name_of, type(error).__mro__)):
            raise
        _tell(_in_one_line(error))
        sys.exit(FAILED)


def _tell(complaint: str) -> None:
    """Of a process that logs, all that it says goes one way: `api/logs.py`."""
    if logging.getLogger().handlers:
        logging.getLogger(__name__).critical(complaint)
    else:
        from rich.console import Console  # so that whoever only ends in order does without it
        from rich.text import Text

        Console(stderr=True).print(Text(complaint, "bold red"), soft_wrap=True)


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


def name_of(error_class: type) -> str:
    return f"{error_class.__module__}.{error_class.__qualname__}"


def _in_one_line(error: Exception) -> str:
    if (title := getattr(error, "title", None)) and (errors := getattr(error, "errors", None)):  # pydantic's
        told = (f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in errors())
        return f"{title}: {'; '.join(told)}"
    return " ".join(str(error).split()) or type(error).__name__
