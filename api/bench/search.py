"""How fast search is, at which size, for whom, and for which words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from api.bench import words
from api.bench.company import STORIES, Company, seller

SELLERS = 21
FEW_OF = 334
"""One of so many clients is of the seller who has few."""


@dataclass(frozen=True, slots=True)
class Talkative(Company):
    """A company whose people write with words of their own.

    All sellers but the last have as many clients as each other; the last has one of FEW_OF.
    """

    def text_of(self, number: int, nth: int) -> str:
        return self.own_texts(number)[nth]

    def own_texts(self, number: int) -> Sequence[str]:
        return words.texts(number, self.messages)

    def seller_of(self, number: int) -> str:
        block = number // STORIES
        return seller(self.sellers - 1 if block % FEW_OF == FEW_OF - 1 else block % (self.sellers - 1))
