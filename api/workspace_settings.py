"""What a workspace may state of its working time and of its daily report."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    StringConstraints,
    ValidationInfo,
    field_validator,
)
from pydantic_core import PydanticCustomError

from api import limits
from api.fields import IN_OUR_AGE, Says, Statement
from domain.calendar import WEEKDAYS, subdivisions

Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
SHORT = {day[:3]: day for day in WEEKDAYS}
CLOCK = Annotated[str, Field(strict=True, pattern="^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$")]


def full_weekday(name: object) -> object:
    return SHORT.get(name, name) if isinstance(name, str) else name


def from_before_to(hours: list[str]) -> list[str]:
    if hours[0] >= hours[1]:
        raise PydanticCustomError("hours", "must end after they begin")
    return hours


def known_day(text: str) -> str:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise PydanticCustomError("day", "there is no such day") from None
    if not limits.FIRST_YEAR <= day.year <= limits.LAST_YEAR:
        raise PydanticCustomError("day", f"must be in the years {limits.FIRST_YEAR} to {limits.LAST_YEAR}")
    return text


def known_country(code: str) -> str:
    if code not in subdivisions():
        raise PydanticCustomError("country", "must be the code (ISO 3166-1) of a country with known holidays")
    return code


OpeningHours = Annotated[list[CLOCK], Field(min_length=2, max_length=2), AfterValidator(from_before_to)]
HoursOfDay = Annotated[list[OpeningHours], Field(max_length=limits.OPENING_HOURS_PER_DAY)]
BusinessHours = dict[
    Annotated[Weekday, BeforeValidator(full_weekday), Says({"enum": [*WEEKDAYS, *SHORT]})], HoursOfDay
]
Day = Annotated[
    str,
    StringConstraints(strict=True, pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"),
    AfterValidator(known_day),
    Says({"format": "date", "pattern": IN_OUR_AGE}),
]
CountryCode = Annotated[
    str, StringConstraints(strict=True, pattern="^[A-Z]{2}$"), AfterValidator(known_country)
]
TelegramChatId = Annotated[
    str, StringConstraints(strict=True, pattern="^(-?[1-9][0-9]{0,19}|@[A-Za-z][A-Za-z0-9_]{3,31})$")
]


class Holidays(Statement):
    """Days without business hours; an empty object: there are none."""

    country: CountryCode | None = Field(None, examples=["RU"], description="Whose public holidays are kept.")
    subdivision: (
        Annotated[str, StringConstraints(strict=True, min_length=1, max_length=limits.SUBDIVISION_CHARACTERS)]
        | None
    ) = Field(None, description="Of the country, as the package `holidays` calls it.")
    exceptions: Annotated[dict[Day, HoursOfDay], Field(max_length=limits.CALENDAR_EXCEPTIONS)] = Field(
        default={},
        examples=[{"2026-12-31": [["09:00", "13:00"]]}],
        description="Date → the hours of this day, whatever holds else; an empty list: closed.",
    )

    @field_validator("subdivision")
    @classmethod
    def of_the_country(cls, subdivision: str | None, info: ValidationInfo) -> str | None:
        country = info.data.get("country")
        if subdivision is not None and subdivision not in subdivisions().get(country or "", ()):
            raise PydanticCustomError("subdivision", "must be a subdivision of the country")
        return subdivision

    @property
    def facts(self) -> dict[str, object]:
        """What is stated, so that the same is no news whichever way it is said."""
        return {name: value for name, value in self.model_dump().items() if value}


class DailyReport(Statement):
    """Where the report is sent at 10:00 for the day before; an empty object: nowhere."""

    webhook: bool = Field(False, description="To the webhooks that want `daily_report`.")
    telegram_chat_id: TelegramChatId | None = Field(
        None, examples=["-1001234567890"], description="Of the chat to which the operator's bot writes."
    )
    file: bool = Field(False, description="Into the operator's folder of reports.")

    @property
    def facts(self) -> dict[str, object]:
        """All three of them, or nothing at all where it is sent nowhere."""
        stated = self.model_dump()
        return stated if any(stated.values()) else {}
