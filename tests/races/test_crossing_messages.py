"""A client writes while an employee moves the conversation: no message is lost or stays unseen (P6, P7)."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from random import Random

import pytest

from domain.application import Chatledger
from domain.deciding import Accepted
from tests.races.company import Company, Happening, Story, by, chat_id
from tests.races.contest import contest

CHATS = 400
"""They are raced in each round: 2,000 closings, and fewer of what works as a closing does."""

ROUNDS = 5
FEWER_ROUNDS = 2
OFTEN_ENOUGH = 0.02
"""Each order occurs in more than this part of the races, or they were no races."""

Move = Callable[[Chatledger, str, int], Accepted]


@dataclass(frozen=True, slots=True)
class Crossing:
    """side: the process that moves the conversation; the message goes to the other.

    seen_position: of an employee who looked before the race; None: he looks when he acts.
    """

    chat: str
    side: int
    text: str
    seen_position: int | None = None


def close(application: Chatledger, chat: str, seen_position: int) -> Accepted:
    return application.close_conversation([chat], "oleg", seen_position=seen_position, by=by())


def snooze(application: Chatledger, chat: str, seen_position: int) -> Accepted:
    tomorrow = by().at + timedelta(days=1)
    return application.snooze([chat], "oleg", tomorrow, seen_position=seen_position, by=by())


@pytest.mark.parametrize(
    ("move", "away", "back", "rounds"),
    [
        (close, "conversation.closed", "conversation.reopened", ROUNDS),
        (snooze, "conversation.snoozed", "conversation.woken", FEWER_ROUNDS),
    ],
    ids=["close", "snooze"],
)
def test_no_message_stays_unseen_in_what_is_put_away(
    company: Company, move: Move, away: str, back: str, rounds: int
) -> None:
    random = Random(away)
    chats = company.open_chats(away, CHATS)
    stories: dict[str, Story] = defaultdict(Story)
    outcomes: Counter[str] = Counter()
    seen = {chat: company.seen_position(0, chat, "oleg") for chat in chats}

    def put_away(race: Crossing) -> int:
        position = race.seen_position
        if position is None:
            position = company.seen_position(race.side, race.chat, "oleg")
        move(company.at(race.side), chat_id(race.chat), position)
        return position

    for number in range(rounds):
        before = company.settle()
        races = [
            Crossing(chat, random.randrange(2), f"{chat}, {number}", random.choice([None, seen[chat]]))
            for chat in chats
        ]
        raced = contest(races, [put_away, writer(company)], random)
        company.settle()

        happened = company.happened_by_chat(before)
        for race, (seen_position, _) in raced:
            events = happened[chat_id(race.chat)]
            outcomes[outcome(events, away, back, seen_position)] += 1
            seen[race.chat] = go_on(stories[race.chat], events)
        assert_shown(company, stories)
        bring_back(company, stories, random)

    assert_each_message_is_there_once(company, stories, rounds)
    often_enough = rounds * CHATS * OFTEN_ENOUGH
    assert min(outcomes["put away first"], outcomes["message first, unseen"]) > often_enough, outcomes


def test_a_message_that_crosses_a_claim_or_a_release_changes_nothing_about_it(company: Company) -> None:
    random = Random("claims")
    chats = company.open_chats("held", CHATS)
    stories: dict[str, Story] = defaultdict(Story)
    firsts: Counter[bool] = Counter()

    for number in range(FEWER_ROUNDS):
        before = company.settle()
        races = [Crossing(chat, random.randrange(2), f"{chat}, {number}") for chat in chats]
        move, topic = ((Chatledger.claim, "claimed"), (Chatledger.release, "released"))[number % 2]

        def take_or_let_go(race: Crossing, move: Callable[..., Accepted] = move) -> int:
            return move(company.at(race.side), [chat_id(race.chat)], "oleg", by=by()).position

        contest(races, [take_or_let_go, writer(company)], random)
        company.settle()

        happened = company.happened_by_chat(before)
        for chat in chats:
            topics = [event.topic for event in happened[chat_id(chat)]]
            assert sorted(topics) == [f"conversation.{topic}", "message.received"]
            firsts[topics[0] == "message.received"] += 1
            go_on(stories[chat], happened[chat_id(chat)])
        assert_shown(company, stories)

    assert_each_message_is_there_once(company, stories, FEWER_ROUNDS)
    assert min(firsts[True], firsts[False]) > FEWER_ROUNDS * CHATS * OFTEN_ENOUGH, firsts


def writer(company: Company) -> Callable[[Crossing], int]:
    """The client, whose message comes in at the other process."""

    def write(race: Crossing) -> int:
        return company.write(race.side + 1, race.chat, race.text).position

    return write


def outcome(events: Sequence[Happening], away: str, back: str, seen_position: int) -> str:
    """Who was first, after making sure that whatever hid the message was undone at once.

    seen_position: up to where whoever put it away had seen the client's messages.
    """
    topics = [event.topic for event in events]
    if topics == [away, "message.received", back]:
        assert events[2].position == events[1].position + 1, "the message did not bring it back itself"
        return "put away first"
    assert topics[:2] == ["message.received", away], topics
    if seen_position < events[0].position:
        assert topics[2:] == [back], topics
        return "message first, unseen"
    assert topics[2:] == [], topics
    return "message first, seen"


def go_on(story: Story, events: Sequence[Happening]) -> int:
    for event in events:
        story.go_on(event)
    assert not story.hides_a_client
    return story.client_position


def assert_shown(company: Company, stories: dict[str, Story]) -> None:
    """The read model has every chat where its events have brought it, in everybody's inbox."""
    lines = company.lines()
    for chat, story in stories.items():
        line = lines[chat_id(chat)]
        assert (line.folder, line.holder_id) == (story.folder, story.holder_id), chat
        assert line.client_position == story.client_position, chat
        assert set(line.folders_of_lines) == {story.folder}, chat


def assert_each_message_is_there_once(company: Company, stories: dict[str, Story], written: int) -> None:
    shown = company.times_shown()
    for chat, story in stories.items():
        assert sorted(map(str, story.texts)) == sorted(f"{chat}, {number}" for number in range(written))
        assert [shown[str(text)] for text in story.texts] == [1] * written


def bring_back(company: Company, stories: dict[str, Story], random: Random) -> None:
    """For the next round, what was put away with everything seen."""
    away = [chat for chat, story in stories.items() if story.folder != "incoming"]
    for chat in away:
        company.at(random.randrange(2)).reopen([chat_id(chat)], "vera", by=by())
        stories[chat].folder, stories[chat].seen_position = "incoming", 0
