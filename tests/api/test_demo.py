"""The house story over real HTTP: each step's row is exactly that of MISSION.md's table."""

from collections.abc import Iterator
from dataclasses import replace

import httpx
import pytest

from api.chitchat import Conversations
from api.crowd import CLIENTS, Compared, CrowdLost, expected, require_right, responsible_for
from api.house import CHANNEL, DIRECT_CHAT, EMPLOYEES, GROUP_CHAT, House, Reasons, Sight
from api.sight import in_short, sight_table
from api.story import STORY
from domain import ids
from tests.api.commands import ADMIN_TOKEN, serving

OVERSIGHT = {"irina": ["oversight"], "katya": ["oversight"]}
OLEG_FOR_HUSBAND = ["owns_deal husband", "responsible_for_contact husband"]
OLEG_FOR_BOTH = [*OLEG_FOR_HUSBAND, "owns_deal wife", "responsible_for_contact wife"]

NOBODY_YET: dict[str, list[str]] = {}
THE_SAME = {"oleg": OLEG_FOR_BOTH, **OVERSIGHT}
WHO_SEES_THE_GROUP = {
    1: NOBODY_YET,
    2: {"oleg": OLEG_FOR_HUSBAND, **OVERSIGHT},
    3: THE_SAME,
    4: THE_SAME,
    5: THE_SAME,
    6: {"pavel": OLEG_FOR_BOTH, **OVERSIGHT},
    7: {"pavel": OLEG_FOR_BOTH, **OVERSIGHT},
    8: {"oleg": ["new_client"], "vera": ["new_client"], **OVERSIGHT},
    9: {"vera": ["responsible_for_contact son"], **OVERSIGHT},
}
WHO_SEES_THE_DIRECT_CHAT = {
    **{step: {"oleg": OLEG_FOR_HUSBAND, **OVERSIGHT} for step in range(1, 6)},
    **{step: {"pavel": OLEG_FOR_HUSBAND, **OVERSIGHT} for step in range(6, 10)},
}


@pytest.fixture
def house(database_url: str) -> Iterator[House]:
    with serving(CHATLEDGER_DATABASE_URL=database_url) as server:
        with httpx.Client(base_url=server.url, timeout=30) as client:
            house = House(client, ADMIN_TOKEN)
            house.open()
            yield house


def test_the_house_story_plays_through_exactly(house: House) -> None:
    positions = {}
    for step in STORY:
        step.play(house)
        sight = house.who_sees()
        positions[step.number] = house.position
        if step.number == 7:
            assert set(house.notified(after=positions[6])) == {"pavel", "irina", "katya"}
        assert _row(sight, GROUP_CHAT) == _sorted(WHO_SEES_THE_GROUP[step.number]), step
        assert _row(sight, DIRECT_CHAT) == _sorted(WHO_SEES_THE_DIRECT_CHAT[step.number]), step

    for number, position in positions.items():
        saw = house.who_saw(GROUP_CHAT, position)
        assert {who: _kinds(reasons) for who, reasons in saw.items()} == _sorted(WHO_SEES_THE_GROUP[number])
        if number > 1:
            assert _explained(house, position) == _sorted(WHO_SEES_THE_GROUP[number])


def test_what_changed_is_marked() -> None:
    oversight: Reasons = [{"kind": "oversight", "role": "supervisor"}]
    nothing: Sight = {who: {} for who in ("oleg", "vera", "pavel", "irina", "katya")}
    before = {**nothing, "oleg": {GROUP_CHAT: [{"kind": "new_client"}]}, "irina": {GROUP_CHAT: oversight}}
    after = {**nothing, "vera": {GROUP_CHAT: [{"kind": "new_client"}]}, "irina": {GROUP_CHAT: oversight}}

    cells = [str(cell) for cell in sight_table(after, before).columns[2].cells]

    assert cells == ["- sees it no more", "+ nobody's client", "·", "  sees all", "·"]


def test_reasons_in_short_stand_by_client() -> None:
    reasons: Reasons = [
        {"kind": "owns_deal", "deal_id": "house", "contact_id": "wife"},
        {"kind": "responsible_for_contact", "contact_id": "husband"},
        {"kind": "owns_deal", "deal_id": "house", "contact_id": "husband"},
    ]
    assert in_short(reasons) == ["Husband: client, deal", "Wife: deal"]


def test_the_most_active_clients_are_split_between_three() -> None:
    dataset: Conversations = {
        str(number): {"messages": [[{"sender": f"client-{number % 400}", "text": "", "timestamp": ""}]]}
        for number in range(1_000)
    }
    responsible = responsible_for(dataset)
    assert len(responsible) == CLIENTS
    assert responsible["client-0"] == "oleg"
    assert responsible["client-1"] == "vera"
    assert responsible["client-2"] == "pavel"


def test_what_each_inbox_should_count() -> None:
    chats = {"oleg": 5, "vera": 4, "pavel": 3, "nobody": 2}
    assert expected("oleg", chats) == (5, 2)
    assert expected("pavel", chats) == (3, 0)
    assert expected("irina", chats) == (0, 14)


def test_an_inbox_that_is_not_what_the_data_says_ends_the_demo() -> None:
    right = Compared("oleg", 2, 1, 1, {"incoming": 3, "waiting": 1, "unread": 3})
    require_right([right])
    with pytest.raises(CrowdLost, match="Oleg"):
        require_right([right, replace(right, others=2)])


def _explained(house: House, position: int) -> dict[str, list[str]]:
    """Who sees the group and why, asked of each; of the others it is told what ended it, or what lacks."""
    row = {}
    chat_id = str(ids.chat_id("main", CHANNEL, GROUP_CHAT))
    for employee_id in EMPLOYEES:
        asked = {"employee_id": employee_id, "chat_id": chat_id, "at": position}
        told = house.get("/v1/audit/explain", who="auditor", **asked).raise_for_status().json()
        if told["visible"]:
            row[employee_id] = _kinds(told["reasons"])
        assert bool(told["visible"]) + bool(told["lost"]) + bool(told["never"]) == 1
    return row


def _row(sight: Sight, chat: str) -> dict[str, list[str]]:
    return {who: _kinds(chats[chat]) for who, chats in sight.items() if chat in chats}


def _kinds(reasons: Reasons) -> list[str]:
    return sorted(f"{reason['kind']} {reason.get('contact_id', '')}".strip() for reason in reasons)


def _sorted(row: dict[str, list[str]]) -> dict[str, list[str]]:
    return {who: sorted(reasons) for who, reasons in row.items()}
