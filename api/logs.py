"""One way for everything that is logged: by us, by uvicorn and by libraries, in one form, to one stream.

`text` is for people at a terminal, `json` one object a line for machines. What is known of the request at
hand stands beside each line: `request_id` (as in the causation of the events that it records, and in the
header `X-Request-Id`), `workspace`, `position`; `trace_id` and `span_id` where it is traced.

What people wrote is in no line: of a value that a database or a check did not like only the kind of error is
told. Tokens and passwords are taken out of every line, wherever they came from.
"""

from __future__ import annotations

import logging
import re
import sys
import threading
import traceback
from collections.abc import Collection, Iterator, MutableMapping
from types import TracebackType
from typing import Any, Literal, TextIO

import eventsourcing.persistence
import psycopg
import structlog
from opentelemetry import trace
from pydantic import ValidationError
from structlog.contextvars import bind_contextvars, merge_contextvars
from structlog.stdlib import ExtraAdder, ProcessorFormatter

from adapters.postgres.mapper import without_values

Logs = Literal["text", "json"]
Line = MutableMapping[str, Any]

QUIET = ("uvicorn", "psycopg", "httpx", "httpcore", "nats", "opentelemetry", "matplotlib", "fontTools")
"""They tell at `INFO` what they do, request by request; only their trouble is worth a line."""

OWN_WAYS = ("uvicorn", "uvicorn.error", "uvicorn.access")
"""Loggers that have handlers of their own as soon as anybody has configured uvicorn."""

SECRETS = (
    (re.compile(r"(?i)(bearer\s+)[^\s\"'\\]+"), r"\1…"),
    (re.compile(r"\bcl_[A-Za-z0-9-]{1,64}_[\w-]+"), "cl_…"),
    (re.compile(r"\bwhsec_[\w+/=]+"), "whsec_…"),
    (re.compile(r"/bot\d+:[\w-]+"), "/bot…"),
    (re.compile(r"(\b[a-z][a-z0-9+.-]*://[^\s/:@\"]*):[^\s/@\"]+@"), r"\1:…@"),
    (re.compile(r"(?i)\b(password\s*=\s*)[^\s\"'\\]+"), r"\1…"),
)
"""Of callers, of webhooks, of a bot, and in the addresses of servers."""

WRITTEN = (psycopg.DataError, eventsourcing.persistence.DataError)
"""PostgreSQL quotes the value that it can't take."""


def configure(logs: Logs, *, secrets: Collection[str] = (), stream: TextIO | None = None) -> None:
    """Let everything that this process logs from now on go one way.

    secrets: what must stand in no line beside what looks like a token. stream: stderr, if not said.
    """
    stream = stream or sys.stderr
    handler = logging.StreamHandler(stream)
    handler.setFormatter(_formatter(logs, Hiding(secrets), colors=stream.isatty()))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    for name in OWN_WAYS:
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
    logging.captureWarnings(True)
    sys.excepthook, threading.excepthook = _unexpected, _unexpected_in_thread


def bind(**known: object) -> None:
    """Say with each line of this task or thread, and of those that it begins, what is known of it."""
    bind_contextvars(**known)


class Hiding:
    """Takes secrets out of a rendered line."""

    def __init__(self, secrets: Collection[str]) -> None:
        self._known = re.compile("|".join(map(re.escape, filter(None, secrets))) or r"(?!)")

    def __call__(self, _: Any, __: str, line: Any) -> str:
        for secret, shown in SECRETS:
            line = secret.sub(shown, line)
        return self._known.sub("…", str(line))


def explained(error: BaseException) -> str:
    """A traceback as Python prints it, without the values that messages quote."""
    return "".join(_traceback(error, set())).rstrip()


def said(error: BaseException) -> str:
    """What an error says in one line, without what a person may have written."""
    if isinstance(error, WRITTEN):
        told = getattr(error, "sqlstate", None) or "a value that PostgreSQL can't take"
    elif isinstance(error, ValidationError):
        told = without_values(error)
    elif isinstance(error, psycopg.Error) and error.diag.message_primary:
        told = error.diag.message_primary
    else:
        told = next(iter(str(error).splitlines()), "")
    notes = "; ".join(getattr(error, "__notes__", ()))
    return ": ".join(filter(None, (type(error).__qualname__, told, notes)))


def _traceback(error: BaseException, told: set[int]) -> Iterator[str]:
    """Causes first, each once."""
    told.add(id(error))
    before = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if before is not None and id(before) not in told:
        yield from _traceback(before, told)
        yield "\nand from it, or while it was dealt with:\n\n"
    if isinstance(error, BaseExceptionGroup):
        for each in error.exceptions:
            yield from _traceback(each, told)
            yield "\namong others:\n\n"
    if error.__traceback__:
        yield "Traceback (most recent call last):\n"
        yield from traceback.format_tb(error.__traceback__)
    yield f"{said(error)}\n"


def _formatter(logs: Logs, hiding: Hiding, *, colors: bool) -> logging.Formatter:
    renderer: Any = structlog.processors.JSONRenderer(ensure_ascii=False, default=str)
    if logs == "text":
        renderer = structlog.dev.ConsoleRenderer(colors=colors, sort_keys=False, pad_event_to=0)
    return ProcessorFormatter(
        foreign_pre_chain=[merge_contextvars, ExtraAdder(), _with_trace],
        processors=[
            structlog.stdlib.add_logger_name,
            structlog.stdlib.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            ProcessorFormatter.remove_processors_meta,
            _with_error,
            *([structlog.processors.EventRenamer("message")] if logs == "json" else []),
            renderer,
            hiding,
        ],
    )


def _with_trace(_: Any, __: str, line: Line) -> Line:
    """By which the line is found from its trace, and the other way round."""
    span = trace.get_current_span().get_span_context()
    if span.is_valid:
        line.update(trace_id=f"{span.trace_id:032x}", span_id=f"{span.span_id:016x}")
    return line


def _with_error(_: Any, __: str, line: Line) -> Line:
    exc_info = line.pop("exc_info", None)
    if exc_info and exc_info[1] is not None:
        line["exception"] = explained(exc_info[1])
    return line


def _unexpected(kind: type[BaseException], error: BaseException, where: TracebackType | None) -> None:
    if not issubclass(kind, KeyboardInterrupt):
        logging.getLogger(__name__).critical("this process ends", exc_info=(kind, error, where))


def _unexpected_in_thread(ended: threading.ExceptHookArgs) -> None:
    name = ended.thread.name if ended.thread else "a thread"
    if ended.exc_value is not None and not issubclass(ended.exc_type, SystemExit):
        logging.getLogger(__name__).critical("%s ended", name, exc_info=ended.exc_value)
