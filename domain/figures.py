"""The figures of a group of waits, exact: every engine counts in whole microseconds, and divides here only.

Median and 90th percentile are interpolated between the two values nearest to them, as NumPy and PostgreSQL's
`percentile_cont` do. The k-th smallest of n values weighs `max(0, 2 - |(n - 1) - 2 (k - 1)|)` in twice the
median and `max(0, 10 - |9 (n - 1) - 10 (k - 1)|)` in ten times the percentile, so SQL needs no division.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal


@dataclass(frozen=True, slots=True)
class Sums:
    """What SQL says of n answers. medians_us: twice the median; p90s_us: ten times the percentile."""

    n: int = 0
    total_us: int = 0
    medians_us: int = 0
    p90s_us: int = 0
    within_goal: int = 0
    over_cap: int = 0
    open_waits: int = 0
    dismissed: int = 0


@dataclass(frozen=True, slots=True)
class Figures:
    """Seconds, None where nothing was answered. within_goal: the share of answers."""

    n: int
    mean: float | None
    median: float | None
    p90: float | None
    within_goal: float | None
    over_cap: int
    open_waits: int
    dismissed: int

    @classmethod
    def of(cls, sums: Sums) -> Figures:
        n = sums.n
        return cls(
            n=n,
            mean=_ratio(sums.total_us, n * 1_000_000, "0.001"),
            median=_ratio(sums.medians_us, min(n, 1) * 2_000_000, "0.001"),
            p90=_ratio(sums.p90s_us, min(n, 1) * 10_000_000, "0.001"),
            within_goal=_ratio(sums.within_goal, n, "0.0001"),
            over_cap=sums.over_cap,
            open_waits=sums.open_waits,
            dismissed=sums.dismissed,
        )


def sums_of(answered_us: Iterable[int], *, goal_us: int) -> Sums:
    """The sums of these durations: what SQL is compared with."""
    values = sorted(answered_us)
    n = len(values)
    return Sums(
        n=n,
        total_us=sum(values),
        medians_us=sum(each * max(0, 2 - abs(n - 1 - 2 * k)) for k, each in enumerate(values)),
        p90s_us=sum(each * max(0, 10 - abs(9 * (n - 1) - 10 * k)) for k, each in enumerate(values)),
        within_goal=sum(each <= goal_us for each in values),
    )


def _ratio(value: int, by: int, step: str) -> float | None:
    return float((Decimal(value) / by).quantize(Decimal(step), ROUND_HALF_UP)) if by else None
