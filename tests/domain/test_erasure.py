"""What an erasure says of itself: which positions, and nothing of whom."""

import pytest

from domain.erasure import names_him, spans

KNOWN_AS = ["Ivan Petrov", "client from site", "+7 (999) 123-45-67", "Li"]


@pytest.mark.parametrize(
    ("positions", "told"),
    [
        ([], []),
        ([7], [[7, 7]]),
        ([3, 1, 2], [[1, 3]]),
        ([9, 1, 2, 5, 4], [[1, 2], [4, 5], [9, 9]]),
    ],
)
def test_positions_that_follow_each_other_are_told_as_one(
    positions: list[int], told: list[list[int]]
) -> None:
    assert spans(positions) == told


@pytest.mark.parametrize(
    "reason",
    [
        "Ivan asked for it",
        "asked by Mr Petrov.",
        "IVAN PETROV",
        "the client from site 4",
        "call of 79991234567",
        "call of +7 999 123 45 67, at noon",
    ],
)
def test_a_reason_that_has_a_name_or_a_part_of_it_or_a_phone_names_him(reason: str) -> None:
    assert names_him(reason, KNOWN_AS)


@pytest.mark.parametrize(
    "reason", ["letter 12/25", "the client asked for it", "Ivanovo office", "liked by nobody", "+7 999 123"]
)
def test_a_reason_that_says_why_names_nobody(reason: str) -> None:
    assert not names_him(reason, KNOWN_AS)
