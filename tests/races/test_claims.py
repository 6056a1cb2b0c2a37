"""Two employees take one conversation at once: one wins, and the other is told who (P4, G10)."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

from domain.address import AddressRef
from domain.errors import AlreadyHeld
from tests.races.company import SELLERS, Company, Happening, Story, by, chat_id, client_of
from tests.races.contest import contest

CONVERSATIONS = 400
ROUNDS = 5
DEALS = 60
OFTEN_ENOUGH = 0.02
"""Everybody is first in more than this part of the races, or they were no races."""


@dataclass(frozen=True, slots=True)
class Rush:
    """side: the process that the first claimer speaks to; the second speaks to the other."""

    chat: str
    side: int
    claimers: list[str]


@dataclass(frozen=True, slots=True)
class Told:
    """What a claimer was told: that it is his, or whose it is."""

    won: bool
    holder_id: str


@dataclass(frozen=True, slots=True)
class Transfer:
    """side: the process that the former owner claims in; the handover comes in the other."""

    chat: str
    side: int
    former: str
    successor: str


def test_of_two_who_claim_at_once_one_wins_and_the_other_is_told(company: Company) -> None:
    random = Random("claims")
    chats = company.open_chats("wanted", CONVERSATIONS)
    stories: dict[str, Story] = defaultdict(Story)
    wins: Counter[str | int] = Counter()

    for _ in range(ROUNDS):
        before = company.settle()
        races = [Rush(chat, random.randrange(2), random.sample(SELLERS, 2)) for chat in chats]
        for race, told in contest(races, [claimer(company, 0), claimer(company, 1)], random):
            winners = [each.holder_id for each in told if each.won]
            assert len(winners) == 1, told
            assert {each.holder_id for each in told} == set(winners), told
            winner = winners[0]
            wins[winner] += 1
            wins[(race.side + race.claimers.index(winner)) % 2] += 1
            stories[race.chat].holder_id = winner
        company.settle()
        assert_held_once(company, before, stories)
        contest(races, [releaser(company)], random)

    assert min(wins[winner] for winner in (*SELLERS, 0, 1)) > CONVERSATIONS * ROUNDS * OFTEN_ENOUGH, wins


def claimer(company: Company, number: int) -> Callable[[Rush], Told]:
    """The first or the second of a race."""

    def claim(race: Rush) -> Told:
        seller = race.claimers[number]
        try:
            company.at(race.side + number).claim([chat_id(race.chat)], seller, by=by())
        except AlreadyHeld as refusal:
            return Told(False, str(refusal.values["holder_id"]))
        return Told(True, seller)

    return claim


def releaser(company: Company) -> Callable[[Rush], object]:
    return lambda race: company.at(race.side).release([chat_id(race.chat)], "vera", by=by())


def assert_held_once(company: Company, after: int, stories: dict[str, Story]) -> None:
    """Each was taken once since then, by the winner, who is shown as its holder."""
    happened, lines = company.happened_by_chat(after), company.lines()
    for chat, story in stories.items():
        (event,) = happened[chat_id(chat)]
        line = lines[chat_id(chat)]
        assert (event.topic, event.facts["holder_id"]) == ("conversation.claimed", story.holder_id)
        assert (line.folder, line.holder_id) == ("in_progress", story.holder_id)


def test_a_claim_that_crosses_a_handover_leaves_no_holder_who_does_not_see(company: Company) -> None:
    """The former owner saw the chat when he asked for it; whichever is first, he is released (G10)."""
    random = Random("handovers")
    chats = open_deals(company)
    firsts: Counter[bool] = Counter()

    def claim(race: Transfer) -> object:
        return company.at(race.side).claim([chat_id(race.chat)], race.former, by=by())

    def hand_over(race: Transfer) -> object:
        return company.at(race.side + 1).reassign_deal(
            race.chat, race.successor, reason="", with_contacts=False, by=by()
        )

    for number in range(ROUNDS):
        before = company.settle()
        former, successor = SELLERS[number % 2], SELLERS[1 - number % 2]
        races = [Transfer(chat, random.randrange(2), former, successor) for chat in chats]
        contest(races, [claim, hand_over], random)
        company.settle()

        happened, lines = company.happened_by_chat(before), company.lines()
        handed_over = {
            event.facts["deal_id"]: event.position
            for event in company.happened(before)
            if event.topic == "deal.reassigned"
        }
        for chat in chats:
            assert_released_blind(happened[chat_id(chat)], former)
            line = lines[chat_id(chat)]
            assert (line.folder, line.holder_id) == ("incoming", None)
            assert {f"employee:{seller}" for seller in SELLERS}.intersection(line.audiences) == {
                f"employee:{successor}"
            }
            firsts[happened[chat_id(chat)][0].position < handed_over[chat]] += 1

    assert min(firsts[True], firsts[False]) > DEALS * ROUNDS * OFTEN_ENOUGH, firsts


def open_deals(company: Company) -> list[str]:
    """Chats of clients who have a deal each, of the same name and all with the first seller."""
    chats = company.open_chats("deal", DEALS)
    for chat in chats:
        address = AddressRef("whatsapp", client_of(chat))
        company.application.put_contact(chat, name=chat, responsible_id=None, addresses=[address], by=by())
        company.application.put_deal(
            chat, title=chat, owner_id=SELLERS[0], status="open", contact_ids=[chat], by=by()
        )
    return chats


def assert_released_blind(events: Sequence[Happening], former: str) -> None:
    assert [(event.topic, event.facts["holder_id"], event.facts.get("cause")) for event in events] == [
        ("conversation.claimed", former, None),
        ("conversation.released", former, "lost_sight"),
    ]
