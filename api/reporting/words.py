"""How a report says numbers, times and days, in Russian or English."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from api.auditing.speaker import MONTHS, Language, plain

NO_BREAK = "\N{NO-BREAK SPACE}"
"""Between thousands in Russian, so that a number stays in one line."""

UNITS: dict[Language, tuple[tuple[int, str], ...]] = {
    "en": ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s")),
    "ru": ((86_400, "д"), (3_600, "ч"), (60, "мин"), (1, "с")),
}
WEEKDAYS: dict[Language, tuple[str, ...]] = {
    "en": ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
    "ru": ("понедельник", "вторник", "среду", "четверг", "пятницу", "субботу", "воскресенье"),
}
"""As they stand after “for”, or «за»."""

ON_WEEKDAYS: dict[Language, tuple[str, ...]] = {
    "en": tuple(f"{day}s" for day in WEEKDAYS["en"]),
    "ru": ("понедельникам", "вторникам", "средам", "четвергам", "пятницам", "субботам", "воскресеньям"),
}
"""After “on”, or «по»."""

SHORT_WEEKDAYS: dict[Language, tuple[str, ...]] = {
    "en": ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"),
    "ru": ("пн", "вт", "ср", "чт", "пт", "сб", "вс"),
}


@dataclass(frozen=True, slots=True)
class Words:
    """Speaks one language. space: between a number and its unit."""

    language: Language
    space: str = " "

    def one_of(self, english: str, russian: str) -> str:
        return russian if self.language == "ru" else english

    def number(self, value: float, digits: int = 0) -> str:
        """With the language's separators: 66,851 or 66 851; no more digits than are needed."""
        text = f"{value:,.{digits}f}"
        if digits:
            text = text.rstrip("0").rstrip(".")
        if self.language == "ru":
            text = text.replace(",", NO_BREAK).replace(".", ",")
        return text

    def share(self, value: float | None) -> str:
        """A part of one as per cent; a dash where there is none."""
        if value is None:
            return "–"
        return self.number(100 * value) + self.one_of("%", f"{NO_BREAK}%")

    def counted(self, value: float, english: tuple[str, str], russian: tuple[str, str, str]) -> str:
        """A number and what is counted: (chat, chats), (чат, чата, чатов); 38.5 чата."""
        return f"{self.number(value, 1)} {self.form(value, english, russian)}"

    def form(self, value: float, english: tuple[str, str], russian: tuple[str, str, str]) -> str:
        """The word that goes with a number. russian: after 1, 2 and 5; a fraction takes the second."""
        if self.language == "en":
            return english[0] if round(value, 1) == 1 else english[1]
        if round(value, 1) != round(value):
            return russian[1]
        tens, ones = round(value) % 100, round(value) % 10
        if ones == 1 and tens != 11:
            return russian[0]
        return russian[1] if 2 <= ones <= 4 and not 12 <= tens <= 14 else russian[2]

    def duration(self, seconds: float | None) -> str:
        """Its two largest units: 2 min 47 s, 1 h 30 min; a dash where there is none."""
        if seconds is None:
            return "–"
        units, left = UNITS[self.language], round(seconds)
        if left < 1:
            return f"{'<1' if seconds > 0 else '0'}{self.space}{units[-1][1]}"
        largest = next(place for place, (size, _) in enumerate(units) if left >= size)
        shown = units[largest : largest + 2]
        smallest = shown[-1][0]
        left = (left + smallest // 2) // smallest * smallest
        if largest and left >= units[largest - 1][0]:
            return f"1{self.space}{units[largest - 1][1]}"  # 59 min 59.9 s, rounded
        parts = []
        for size, unit in shown:
            count, left = divmod(left, size)
            parts += [f"{self.number(count)}{self.space}{unit}"] if count else []
        return " ".join(parts)

    def brief(self, seconds: float) -> str:
        """Its largest unit alone, for a small cell: 47 s, 2 min, 3 h."""
        for size, unit in UNITS[self.language]:
            if round(seconds) >= size:
                return f"{self.number(int(seconds / size + 0.5))}{self.space}{unit}"
        return f"<1{self.space}{UNITS[self.language][-1][1]}"

    def day(self, day: date) -> str:
        """25 November 2026, 25 ноября 2026."""
        return f"{day.day} {MONTHS[self.language][day.month - 1]} {day.year}"

    def short_day(self, day: date) -> str:
        """25 Nov, 25 ноя."""
        return f"{day.day} {MONTHS[self.language][day.month - 1][:3]}"

    def days(self, first: date, last: date) -> str:
        """A span in as few words as say it: 1–30 November 2026."""
        if first == last:
            return self.day(first)
        if (first.year, first.month) == (last.year, last.month):
            return f"{first.day}–{self.day(last)}"
        if first.year == last.year:
            return f"{first.day} {MONTHS[self.language][first.month - 1]} – {self.day(last)}"
        return f"{self.day(first)} – {self.day(last)}"

    def moment(self, at: datetime) -> str:
        """25 November 2026, 14:05."""
        return f"{self.day(at.date())}, {at:%H:%M}"

    def person(self, kind: str | None, person_id: str | None, name: str | None) -> str:
        """What somebody of the company is called, in one line; whom nobody knows wrote from his own phone."""
        if kind is None:
            return self.one_of("nobody", "никто")
        if kind == "system":
            return self.one_of("by itself", "сам по себе")
        if person_id is None:
            return self.one_of("own phone", "личный телефон")
        return " ".join(plain(name or person_id).split()) or plain(person_id)
