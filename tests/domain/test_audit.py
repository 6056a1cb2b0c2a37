"""What an auditor asks is recorded once, and reads nothing before it is."""

import asyncio
from uuid import uuid4

from domain.application import Chatledger
from tests.domain.conftest import BY, topics


def test_a_question_that_is_told_twice_is_noted_once(application: Chatledger) -> None:
    question_id, head = uuid4(), application.head()

    first, again = (
        asyncio.run(application.note_question(question_id, "visibility", {"chat_id": "x"}, {}, by=BY))
        for _ in range(2)
    )

    assert (first.recorded, again.recorded) == (1, 0)
    assert again.position == first.position == application.head()
    assert topics(application, head) == ["audit.asked"]
