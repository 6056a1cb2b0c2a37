"""Employees whose feed is open all the time, and goes on at another process where one ends."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from threading import Event, Thread

import httpx

from tests.api.client import Client, Json
from tests.api.following import following
from tests.drills.company import said_by
from tests.faults.processes import PATIENCE_S, eventually

AGAIN_AFTER_S = 0.1


class Screen:
    """One employee's. shown: text → position of each message."""

    def __init__(self, urls: Sequence[str], token: str) -> None:
        self.shown: dict[str, int] = {}
        self.shown_again: Counter[str] = Counter()
        self.opened = 0
        self._last_said: dict[tuple[str, str], int] = {}
        self.failure: BaseException | None = None
        self._urls, self._token = urls, token
        self._last_id: int | None = None
        self._over = Event()
        self._thread = Thread(target=self._run, name="screen")
        self._thread.start()
        eventually(lambda: self._last_id is not None)
        self.began_at = self.position

    @property
    def position(self) -> int:
        """Up to where it is told everything."""
        return self._last_id or 0

    def wait_until_it_is_at(self, position: int) -> None:
        """Something has to be told at this position or behind it."""

        def is_there() -> bool:
            assert self.failure is None, self.failure
            return self.position >= position

        eventually(is_there)

    def end(self) -> None:
        """With the next event; so somebody has to say something."""
        self._over.set()
        self._thread.join(PATIENCE_S)

    def _run(self) -> None:
        try:
            while not self._over.is_set():
                url = self._urls[self.opened % len(self._urls)]
                self.opened += 1
                try:
                    self._follow(url)
                except (httpx.HTTPError, StopIteration):
                    time.sleep(AGAIN_AFTER_S)
        except BaseException as failure:
            self.failure = failure

    def _follow(self, url: str) -> None:
        with httpx.Client(base_url=url) as http:
            with following(Client(http, self._token), last_id=self._last_id) as feed:
                while not self._over.is_set():
                    self._last_id = feed.last_id
                    event = feed.next()
                    if event.is_message:
                        self._show(event.data)

    def _show(self, message: Json) -> None:
        """What one caller says in one conversation is shown in the order in which he said it."""
        text = message["text"]
        if text in self.shown:
            self.shown_again[text] += 1
            return
        self.shown[text] = message["position"]
        if "-" not in text:
            return  # somebody else said it
        caller, number = said_by(text)
        place = message["conversation_id"], caller
        last = self._last_said.get(place, -1)
        assert number > last, f"{text} is shown behind {last} of {caller}"
        self._last_said[place] = number
