"""What people write about, made up: words of two languages, a few of them often and most of them seldom.

English words are those of real conversations (`api/chitchat.py`), in their order there. Russian ones are put
together of what Russian words are made of. The nth word of both is written 1 / (n + OFFSET) times as often as
if it were the only one (Zipf and Mandelbrot), so that a common word is in every eighth message.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from functools import cache
from itertools import accumulate, chain, product
from random import Random

from api import chitchat

WORDS_PER_TEXT = 4
"""A message is two texts."""

WORDS = 30_000
OFFSET = 2.7
"""Mandelbrot's: by how much the first ranks are less apart than Zipf's law has it."""

ASKED = {"common": slice(4, 44, 2), "medium": slice(1_001, 1_041, 2), "rare": slice(28_901, 28_981, 2)}
"""Which words to ask for: those in about every 10th, 1,400th and 40,000th message. Of frequent words the
Russian ones, as the English are too frequent to be found by; of others the English, as they share no stem."""

SHORTEST = 4
"""Letters of a word: what is shorter is seldom worth looking for."""

PREFIXES = ("", "по", "за", "вы", "при", "от", "пере", "до", "на", "об", "под", "рас", "про")
ROOTS = (
    *("говор", "договор", "заказ", "достав", "дом", "плат", "счёт", "кирпич", "крыш", "окон", "двер"),
    *("стен", "проект", "чертёж", "участ", "строй", "ремонт", "матери", "работ", "срок", "встреч", "звон"),
    *("писа", "чита", "смотр", "покуп", "прода", "цен", "скид", "вопрос", "ответ", "клиент", "офис", "склад"),
    *("машин", "город", "улиц", "район", "квартир", "комнат", "кухн", "плит", "краск", "труб", "провод"),
    *("насос", "свет", "тепл", "вод", "газ", "земл", "сад", "забор", "ворот", "бан", "печ", "лес", "мебел"),
)
ENDINGS = (
    *("", "а", "у", "ом", "ы", "ов", "ам", "ами", "ах", "ка", "ки", "ку", "ный", "ная", "ное", "ного"),
    *("ной", "ные", "ить", "ил", "ила", "или", "ит", "ят", "ение", "ения", "ность", "ности", "щик", "ник"),
)


@cache
def vocabulary() -> tuple[str, ...]:
    """WORDS words, the most frequent first, of both languages in turns."""
    english, russian = _english(WORDS // 2), _russian(WORDS // 2)
    return tuple(chain.from_iterable(zip(russian, english, strict=True)))


@cache
def _weights() -> Sequence[float]:
    return list(accumulate(1 / (rank + OFFSET) for rank in range(1, WORDS + 1)))


def texts(count: int) -> list[str]:
    """So many texts; the same each time."""
    words = Random(0).choices(vocabulary(), cum_weights=_weights(), k=count * WORDS_PER_TEXT)
    starts = range(0, len(words), WORDS_PER_TEXT)
    return [" ".join(words[start : start + WORDS_PER_TEXT]) for start in starts]


def _english(count: int) -> list[str]:
    dataset = chitchat.conversations()
    written = (message["text"] for each in dataset.values() for turn in each["messages"] for message in turn)
    known = Counter(
        chain.from_iterable(re.findall(rf"[a-z]{{{SHORTEST},}}", text.lower()) for text in written)
    )
    return [word for word, _ in known.most_common(count)]


def _russian(count: int) -> list[str]:
    known = ("".join(parts) for parts in product(PREFIXES, ROOTS, ENDINGS))
    words = sorted({word for word in known if len(word) >= SHORTEST})
    Random(0).shuffle(words)
    return words[:count]
