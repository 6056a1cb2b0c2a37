"""A process that appends as fast as it can, and tells when each append was and which positions it got."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from itertools import count
from multiprocessing.synchronize import Event
from threading import Thread

from domain import inbound
from domain.application import Chatledger
from domain.errors import TooManyMoved
from domain.fact import By
from domain.receiving import APPENDED, DUPLICATE
from tests.faults.company import CHATS, PHONES, application
from tests.faults.processes import Telling

THREADS = 3
TOGETHER = (1, 1, 1, 2, 5)
"""So many messages are told together, in turns."""

TWIN_EVERY = 7
"""Each so-manieth command also tells a message that the same command of every other process tells too."""


def hammer(tell: Telling, url: str, name: str, begin: Event, seconds: float) -> None:
    """Append from several threads, as soon as all may begin, for so long.

    The times that it tells are those of the monotonic clock, which all processes share.
    """
    with application(url) as app:
        tell(ready=True)
        begin.wait()
        names, end_at = [f"{name}.{number}" for number in range(THREADS)], time.monotonic() + seconds
        threads = [Thread(target=_append, args=(app, tell, one, end_at)) for one in names]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    tell(ended=True)


def _append(app: Chatledger, tell: Telling, name: str, end_at: float) -> None:
    for number in count():
        began = time.monotonic()
        if began > end_at:
            return
        by = By("main", "system", datetime.now(UTC), f"{name}.{number}")
        told = _messages(by, number)
        try:
            results, accepted = app.receive("wa", told, by=by)
        except TooManyMoved:  # everybody told the same twin, or changed the same chat
            continue
        ended = time.monotonic()
        assert all(result.status in (APPENDED, DUPLICATE) for result in results)
        heard = {one.external_id: result.position for one, result in zip(told, results, strict=True)}
        if accepted.recorded:
            done = {"position": accepted.position, "recorded": accepted.recorded, "heard": heard}
            tell(accepted=by.causation, began=began, ended=ended, **done)


def _messages(by: By, number: int) -> list[inbound.MessageArrived]:
    chat, together = CHATS[number % len(CHATS)], TOGETHER[number % len(TOGETHER)]
    names = [(f"{by.causation}.{nth}", f"{nth} of {together}") for nth in range(together)]
    if number % TWIN_EVERY == 0:
        names.append((f"twin-{number}", "twin"))
    phone = PHONES[number % len(PHONES)]
    return [inbound.MessageArrived(chat, told, by.at, phone, text=text) for told, text in names]
