"""The types of single fields: what a caller may write where. Nothing is converted but times, to UTC."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Annotated, Any
from uuid import UUID
from zoneinfo import available_timezones

from fastapi import Path
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    StringConstraints,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError

from api import limits
from api.examples import PHONE
from domain.address import AddressRef

VISIBLE = r"[^\u0000-\u001f\u007f-\u009f]"
"""Any character but a control character, as Python and the API's description write it."""

CONTROL_CHARACTER = re.compile(VISIBLE.replace("^", ""))
RFC_3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)", re.ASCII)

IN_OUR_AGE = "^(19[7-9][0-9]|2[01][0-9][0-9]|2200)-"
"""The years between `limits.FIRST_YEAR` and `limits.LAST_YEAR`, which a test holds it to."""

OFFSET_AFTER_SPACE = re.compile(r"(?<=\d) (?=\d\d:\d\d$)")

ESCAPED_SLASH = "\ue02f"
"""Stands for %2F while a path is matched, so that an id may hold a slash; from the private use area."""


@dataclass(frozen=True, eq=False)
class Says:
    """Beside a check of our own: how the API's description says the same, in words of JSON Schema."""

    keywords: dict[str, Any]

    def __get_pydantic_json_schema__(
        self, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {**handler(core_schema), **self.keywords}


class Statement(BaseModel):
    """A body, or a part of one: what it does not know it refuses, and it takes no type for another."""

    model_config = ConfigDict(extra="forbid", strict=True)


def no_control_characters(text: str) -> str:
    if CONTROL_CHARACTER.search(text):
        raise PydanticCustomError("control_character", "must not hold control characters")
    return text


def no_nul(text: str) -> str:
    if "\x00" in text:
        raise PydanticCustomError("nul", "must not hold the character U+0000")
    return text


def read_time(value: Any) -> datetime:
    """RFC 3339 with an offset; digits beyond microseconds are dropped."""
    if not isinstance(value, str) or not RFC_3339.fullmatch(value):
        raise PydanticCustomError("time", "must be a time with an offset, such as 2025-03-01T09:30:00Z")
    try:
        time = datetime.fromisoformat(value.upper())
    except ValueError:
        raise PydanticCustomError("time", "there is no such day or time") from None
    if not limits.FIRST_YEAR <= time.year <= limits.LAST_YEAR:
        raise PydanticCustomError("time", f"must be in the years {limits.FIRST_YEAR} to {limits.LAST_YEAR}")
    return time.astimezone(UTC)


def read_uuid(text: str) -> str:
    """An id that we made, as we write it."""
    try:
        return str(UUID(text))
    except ValueError:
        raise PydanticCustomError("uuid", "must be a UUID") from None


def whole(number: Any) -> Any:
    """JSON has one kind of number: 42.0 is 42."""
    return int(number) if isinstance(number, float) and number.is_integer() else number


def plus_restored(text: str) -> str:
    """A time in a query, where a plus sign that was not encoded has come as a space."""
    return OFFSET_AFTER_SPACE.sub("+", text)


def known_timezone(name: str) -> str:
    if name not in _timezones():
        raise PydanticCustomError("timezone", "must be a time zone of the IANA list, such as Europe/Moscow")
    return name


@cache
def _timezones() -> set[str]:
    return available_timezones()


def says_something(address: str) -> str:
    if not any(character.isalnum() for character in address):
        raise PydanticCustomError("address", "must hold a letter or a digit")
    return address


def not_blank(text: str) -> str:
    if not text.strip():
        raise PydanticCustomError("blank", "must not be blank")
    return text


def _restore_slashes(value: Any) -> Any:
    return value.replace(ESCAPED_SLASH, "/") if isinstance(value, str) else value


NO_CONTROL_CHARACTERS = Says({"pattern": f"^{VISIBLE}*$"})
BLANKS = r"\u0009-\u000d\u001c-\u0020\u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
INK = rf"[^\u0000{BLANKS}]"
"""A character that is no blank to `str.strip`; what JSON Schema's own \\s is, differs."""

INKED = Says({"pattern": rf"^[^\u0000]*{INK}[^\u0000]*$"})
NO_NUL = Says({"pattern": r"^[^\u0000]*$"})

Id = Annotated[
    str,
    StringConstraints(strict=True, min_length=1, max_length=limits.ID_CHARACTERS),
    AfterValidator(no_control_characters),
    NO_CONTROL_CHARACTERS,
]
PathId = Annotated[Id, BeforeValidator(_restore_slashes), Path()]
Uuid = Annotated[str, StringConstraints(strict=True), AfterValidator(read_uuid), Says({"format": "uuid"})]
Name = Annotated[
    str, StringConstraints(strict=True, max_length=limits.NAME_CHARACTERS), AfterValidator(no_nul), NO_NUL
]
Text = Annotated[
    str, StringConstraints(strict=True, max_length=limits.TEXT_CHARACTERS), AfterValidator(no_nul), NO_NUL
]
Reason = Annotated[
    str, StringConstraints(strict=True, max_length=limits.REASON_CHARACTERS), AfterValidator(no_nul), NO_NUL
]
TaskText = Annotated[
    str,
    StringConstraints(strict=True, max_length=limits.TASK_CHARACTERS),
    AfterValidator(no_nul),
    AfterValidator(not_blank),
    INKED,
]
Url = Annotated[
    str,
    StringConstraints(strict=True, min_length=1, max_length=limits.URL_CHARACTERS),
    AfterValidator(no_control_characters),
    NO_CONTROL_CHARACTERS,
]
AddressText = Annotated[
    str,
    StringConstraints(strict=True, min_length=1, max_length=limits.ADDRESS_CHARACTERS),
    AfterValidator(no_control_characters),
    AfterValidator(says_something),
    Says({"pattern": rf"^{VISIBLE}*[\p{{L}}\p{{N}}]{VISIBLE}*$"}),
]
AddressKind = Annotated[str, StringConstraints(strict=True, pattern="^[a-z0-9_]{1,32}$")]
Time = Annotated[datetime, BeforeValidator(read_time), Says({"pattern": IN_OUR_AGE})]
TimezoneName = Annotated[
    str, StringConstraints(strict=True), AfterValidator(known_timezone), Says({"format": "timezone"})
]
WHOLE = BeforeValidator(whole)
Position = Annotated[int, Field(strict=True, ge=0, le=limits.POSITION), WHOLE]


class AddressStatement(Statement):
    kind: AddressKind = Field(examples=["whatsapp"])
    address: AddressText = Field(examples=[PHONE])

    @property
    def ref(self) -> AddressRef:
        return AddressRef(self.kind, self.address)


class AttachmentStatement(Statement):
    """A file that goes with a message; the file itself stays where it is."""

    kind: AddressKind = Field(examples=["image"])
    url: Url | None = None
    name: Name | None = None
    mime: Name | None = None
    size: Annotated[int, Field(strict=True, ge=0, le=2**53 - 1), WHOLE] | None = Field(
        None, description="In bytes."
    )


Attachments = Annotated[list[AttachmentStatement], Field(max_length=limits.ATTACHMENTS_PER_MESSAGE)]
EmployeeIds = Annotated[list[Id], Field(max_length=limits.HELPERS_PER_REQUEST)]
Addresses = Annotated[list[AddressStatement], Field(max_length=limits.ADDRESSES_PER_PERSON)]
