"""Whose figures a report tells: those of the company who answered, held or owned, by the definition."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from domain.figures import Figures
from projections.figures import Group


@dataclass(frozen=True, slots=True)
class Credited:
    """Whose waits, and the figures of these.

    kind: None where they are nobody's. person_id: None where nobody knows who of this kind it was.
    """

    kind: str | None
    person_id: str | None
    name: str | None
    figures: Figures

    def body(self) -> dict[str, Any]:
        """As the API tells it."""
        whose = {"kind": self.kind, "employee_id": self.person_id, "name": self.name}
        return whose | asdict(self.figures)


def credited(
    groups: Iterable[Group], names: Mapping[tuple[str | None, str | None], str | None]
) -> tuple[Credited, ...]:
    return tuple(Credited(*each.keys, names.get(each.keys), each.figures) for each in groups)


def quickest_first(people: Iterable[Credited]) -> list[Credited]:
    """Those who answered, by their median."""
    answered = [each for each in people if each.figures.median is not None]
    return sorted(answered, key=lambda each: (each.figures.median, each.figures.mean))
