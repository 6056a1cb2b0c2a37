"""Events as they stand in the ledger: an envelope of JSON, with the facts apart from what is private.

    {"workspace_id", "actor", "occurred_at", "causation", "facts": {...}, "private": {...} | null}

What identifies or quotes a person can be erased later and every proof over the facts still holds: the
facts hold a digest of the private payload, salted so that nobody can guess the payload from it.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import fields
from datetime import UTC, datetime
from functools import cache
from hashlib import sha256
from os import register_at_fork
from secrets import token_hex
from types import UnionType
from typing import Annotated, Any, NotRequired, Union, cast, get_args, get_origin, get_type_hints
from uuid import UUID

from eventsourcing.domain import DomainEventProtocol
from eventsourcing.persistence import (
    Cipher,
    Compressor,
    DataError,
    Mapper,
    MapperDeserialisationError,
    NotSupportedError,
    StoredEvent,
    Transcoder,
)
from eventsourcing.utils import get_topic, resolve_topic
from pydantic import PlainSerializer, TypeAdapter, ValidationError
from pydantic_core import PydanticSerializationError, from_json
from typing_extensions import TypedDict

from adapters.merkle.leaf import canonical
from domain.fact import PRIVATE, Fact

SALT_BYTES = 16
SALTS_AT_ONCE = 256
ESCAPED_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
IN_THE_ENVELOPE = frozenset(
    {"originator_id", "originator_version", "timestamp", "workspace_id", "actor", "causation"}
)
BESIDE_THE_FIELDS = ("private_digest", "class_version", "salt")


def private_digest(salt: str, private: dict[str, Any]) -> str:
    """SHA-256, in hex, over the bytes of the salt and the canonical JSON of the payload without its salt.

    Who is given the payload can check it: `private_fits` in adapters/merkle/leaf.py.
    """
    return sha256(bytes.fromhex(salt) + canonical(private)).hexdigest()


_salts: deque[str] = deque()
register_at_fork(after_in_child=_salts.clear)


def new_salt() -> str:
    """In hex. Many are asked of the system at once, since other threads run each time it is asked."""
    try:
        return _salts.popleft()
    except IndexError:
        digits, size = token_hex(SALT_BYTES * SALTS_AT_ONCE), 2 * SALT_BYTES
        salt, *more = (digits[at : at + size] for at in range(0, len(digits), size))
        _salts.extend(more)
        return salt


class FactMapper(Mapper[UUID]):
    """Between the events of the domain and the envelopes that the recorder stores.

    Raises:
        DataError: a value that JSON or PostgreSQL cannot hold: a lone surrogate, a NUL character, a time
            without a zone, another type than the field's.
        MapperDeserialisationError: what is stored does not fit the event's class.
    """

    def __init__(
        self, transcoder: Transcoder, compressor: Compressor | None = None, cipher: Cipher | None = None
    ) -> None:
        if compressor or cipher:
            raise NotSupportedError("SQL reads the facts: they can be neither compressed nor encrypted")
        super().__init__(transcoder)

    def to_stored_event(self, domain_event: DomainEventProtocol[UUID]) -> StoredEvent:
        codec = codec_of(cast(type[Fact], type(domain_event)))
        return StoredEvent(
            originator_id=domain_event.originator_id,
            originator_version=domain_event.originator_version,
            topic=codec.topic,
            state=codec.dump(cast(Fact, domain_event)),
        )

    def to_domain_event(self, stored_event: StoredEvent) -> DomainEventProtocol[UUID]:
        event_class = resolve_topic(stored_event.topic)
        try:
            attributes = codec_of(event_class).load(stored_event)
        except (ValueError, KeyError) as error:
            raise MapperDeserialisationError(
                f"{stored_event.topic}, version {stored_event.originator_version} of "
                f"{stored_event.originator_id}, does not fit its class: {without_values(error)}"
            ) from None
        event = object.__new__(event_class)
        object.__setattr__(event, "__dict__", attributes)
        return cast(DomainEventProtocol[UUID], event)


class Codec:
    """How the events of one class are written and read, worked out once from their type hints."""

    def __init__(self, event_class: type[Fact]) -> None:
        hints = get_type_hints(event_class, include_extras=True)
        own = {field.name: hints[field.name] for field in fields(event_class)}
        own = {name: hint for name, hint in own.items() if name not in IN_THE_ENVELOPE}
        facts = {name: storable(hint) for name, hint in own.items() if not is_private(hint)}
        private = {name: storable(hint) for name, hint in own.items() if is_private(hint)}
        self.event_class = event_class
        self.topic = get_topic(event_class)
        self.class_version = int(getattr(event_class, "class_version", 1))
        self.hints = {
            **facts,
            **private,
            "timestamp": Moment,
            "workspace_id": str,
            "actor": str,
            "causation": str,
        }
        self.private_names = tuple(private)
        payload, envelope = adapters(facts, private)
        self.private, self.written, self.read = payload.serializer, envelope.serializer, envelope.validator

    def dump(self, event: Fact) -> bytes:
        values = dict(vars(event))  # of which each part of the envelope takes what it names
        if self.class_version > 1:
            values["class_version"] = self.class_version
        try:
            if self.private_names:
                plain = self.private.to_python(values, mode="json", warnings=False)
                salt = values["salt"] = new_salt()
                values["private_digest"] = private_digest(salt, plain)
            private = values if self.private_names else None
            envelope = {**values, "occurred_at": event.timestamp, "facts": values, "private": private}
            state = self.written.to_json(envelope, warnings=False)
            self.read.validate_json(state)  # what could not be read again must not be written
        except (PydanticSerializationError, ValueError):
            unfit = ", ".join(self.unfit_fields(event))
            raise DataError(f"{self.topic} holds what cannot be stored in: {unfit}") from None
        if b"\\u0000" in state and ESCAPED_NUL.search(state):
            raise DataError(f"{self.topic} holds a NUL character, which PostgreSQL cannot store")
        return state

    def unfit_fields(self, event: Fact) -> Iterator[str]:
        """The names of the fields whose values are not what their annotations say, or not Unicode."""
        for name, hint in self.hints.items():
            adapter: TypeAdapter[Any] = TypeAdapter(hint)
            try:
                adapter.validate_json(adapter.dump_json(getattr(event, name), warnings=False))
            except (PydanticSerializationError, ValueError):
                yield name

    def load(self, stored_event: StoredEvent) -> dict[str, Any]:
        """The attributes of the event. Those that were private and have been erased are None."""
        if self.class_version > 1:
            old = from_json(stored_event.state)
            if old["facts"].get("class_version", 1) < self.class_version:
                return self._load_old(stored_event, old)
        envelope = self.read.validate_json(stored_event.state)
        return attributes(stored_event, envelope, envelope["private"] or self._erased())

    def _load_old(self, stored_event: StoredEvent, envelope: dict[str, Any]) -> dict[str, Any]:
        """Let the class bring an event of an older version up to date; it sees values as JSON has them."""
        state = attributes(stored_event, envelope, envelope["private"] or {})
        for version in range(envelope["facts"].get("class_version", 1), self.class_version):
            getattr(self.event_class, f"upcast_v{version}_v{version + 1}")(state)
        private = None if envelope["private"] is None else state
        envelope = self.read.validate_python({**envelope, "facts": state, "private": private})
        return attributes(stored_event, envelope, envelope["private"] or self._erased())

    def _erased(self) -> dict[str, bool | None]:
        """What takes the place of a private payload that is not there, which an event may never have had."""
        return {**dict.fromkeys(self.private_names), "erased": True} if self.private_names else {}


codec_of = cache(Codec)


def adapters(facts: dict[str, Any], private: dict[str, Any]) -> tuple[TypeAdapter[Any], TypeAdapter[Any]]:
    """What writes and reads a private payload, and a whole envelope.

    TypedDicts are what pydantic is fastest with, and they leave out the keys that they do not name.
    """
    typed_dict = cast(Any, TypedDict)
    digest = {"private_digest": NotRequired[str], "class_version": NotRequired[int]}
    payload = typed_dict("Payload", {**private, "salt": NotRequired[str]})
    envelope = {
        "workspace_id": str,
        "actor": str,
        "occurred_at": Moment,
        "causation": str,
        "facts": typed_dict("Facts", {**facts, **digest}),
        "private": payload | None,
    }
    return TypeAdapter(payload), TypeAdapter(typed_dict("Envelope", envelope))


def attributes(
    stored_event: StoredEvent, envelope: dict[str, Any], private: Mapping[str, Any]
) -> dict[str, Any]:
    """What the event's `__dict__` is to be."""
    together = {
        "originator_id": stored_event.originator_id,
        "originator_version": stored_event.originator_version,
        "timestamp": envelope["occurred_at"],
        "workspace_id": envelope["workspace_id"],
        "actor": envelope["actor"],
        "causation": envelope["causation"],
        **envelope["facts"],
        **private,
    }
    for name in BESIDE_THE_FIELDS:
        together.pop(name, None)
    return together


def without_values(error: Exception) -> str:
    """What is wrong and where; what a person wrote belongs in no log."""
    if isinstance(error, ValidationError):
        wrong = error.errors(include_url=False, include_context=False, include_input=False)
        return "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in wrong)
    return f"{type(error).__name__} {error}"


def is_private(hint: Any) -> bool:
    """Whether a field is annotated `Private[...]`."""
    return PRIVATE in getattr(hint, "__metadata__", ())


def rfc3339(moment: datetime) -> str:
    """In UTC, ending in Z.

    Raises:
        ValueError: it names no time zone.
    """
    if moment.tzinfo is None:
        raise ValueError("a time without a zone")
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


Moment = Annotated[datetime, PlainSerializer(rfc3339, return_type=str)]


def storable(hint: Any) -> Any:
    """The hint as pydantic is to see it: without our mark, and with times as `rfc3339` writes them."""
    if hint is datetime:
        return Moment
    if get_origin(hint) is Annotated:
        return storable(get_args(hint)[0])
    if get_origin(hint) in (Union, UnionType):
        return Union[tuple(storable(argument) for argument in get_args(hint))]  # noqa: UP007
    return hint
