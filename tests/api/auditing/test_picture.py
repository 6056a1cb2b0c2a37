"""The picture of a chat through time: who has which lane, which bars where, and what the file holds."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from xml.etree import ElementTree
from zoneinfo import ZoneInfo

import pytest

from api.auditing import layout, picture
from api.auditing.lanes import Bar, stacked
from api.auditing.speaker import Language, Speaker
from api.auditing.timelines import Change, Story, Timeline, timeline
from tests.api.auditing import house

SVG = "{http://www.w3.org/2000/svg}"
STORY = Story(house.CHAT, house.HISTORY, house.EVENTS, house.PARTICIPANTS)
ENGLISH = Speaker("en", house.NAMES)
T0 = datetime(2026, 3, 1, tzinfo=UTC)


def at(hours: float) -> datetime:
    return T0 + timedelta(hours=hours)


def texts(svg: str) -> list[str]:
    return [element.text or "" for element in ElementTree.fromstring(svg).iter(f"{SVG}text")]


def ids(svg: str) -> list[str]:
    return [element.attrib["id"] for element in ElementTree.fromstring(svg).iter() if "id" in element.attrib]


def test_reasons_of_the_same_time_share_its_height() -> None:
    seen = [("owns_deal", at(0), at(4)), ("responsible_for_contact", at(2), None)]
    assert stacked(seen, at(6)) == [
        Bar("owns_deal", at(0), at(2)),
        Bar("responsible_for_contact", at(2), at(4), 0, 2),
        Bar("owns_deal", at(2), at(4), 1, 2),
        Bar("responsible_for_contact", at(4), at(6), lasts=True),
    ]


def test_reasons_of_one_kind_are_one_bar_and_a_gap_is_a_gap() -> None:
    seen = [("owns_deal", at(0), at(2)), ("owns_deal", at(1), at(3)), ("owns_deal", at(5), at(6))]
    assert stacked(seen, at(9)) == [Bar("owns_deal", at(0), at(3)), Bar("owns_deal", at(5), at(6))]


def test_employees_come_first_then_the_others_each_by_when() -> None:
    lanes = timeline(STORY, ENGLISH).lanes
    assert [lane.name for lane in lanes if lane.employee] == ["Oleg", "Vera", "Pavel", "Irina", "Katya"]
    assert [lane.name for lane in lanes if not lane.employee] == [
        "Husband (client)",
        "Wife (client)",
        "Arkady (external staff)",
        "Son (client)",
    ]


def test_a_lane_has_what_its_person_did() -> None:
    lanes = {lane.name.split(" (")[0]: lane for lane in timeline(STORY, ENGLISH).lanes}
    assert (len(lanes["Husband"].incoming), len(lanes["Husband"].leaves)) == (1, 1)
    assert (len(lanes["Arkady"].outgoing), len(lanes["Arkady"].joins)) == (1, 1)
    assert len(lanes["Oleg"].joins) == 1, "his phone is in the chat, and the phone is his"
    assert not any(lanes[name].bars[-1].lasts for name in ("Husband", "Wife", "Oleg", "Pavel"))
    assert all(lanes[name].bars[-1].lasts for name in ("Son", "Arkady", "Irina", "Vera"))


def test_what_was_erased_has_a_lane_of_its_own() -> None:
    events = [{**event, "private": None} for event in house.EVENTS]
    lanes = timeline(replace(STORY, events=events), ENGLISH).lanes
    assert (lanes[-1].name, len(lanes[-1].incoming)) == ("others", 2)


def test_changes_of_one_request_are_one() -> None:
    told = [change.told for change in timeline(STORY, ENGLISH).changes]
    assert len(told) == 6
    assert told[3] == (
        "deal “A house in Lime Street 12” (house) was handed over; owner before: Oleg, now: Pavel; "
        "contact “Husband” was handed over; responsible before: Oleg, now: Pavel; "
        "contact “Wife” was handed over; responsible before: Oleg, now: Pavel"
    )


def test_handovers_are_numbered_before_all_others() -> None:
    joins = [
        {**house.HISTORY[0], "from": {**house.place(event), "event": event}}
        for number in range(100, 140)
        for event in [{**house.OPENED, "position": number, "causation": str(number)}]
    ]
    changes = timeline(replace(STORY, history=[*joins, *house.HISTORY]), ENGLISH).changes
    numbered = [change for change in changes if change.number]
    assert sorted(change.number for change in numbered) == list(range(1, 19))
    assert any("handed over" in change.told for change in numbered)
    assert len(changes) == 46


def test_a_span_cuts_what_is_outside_it() -> None:
    cut = timeline(replace(STORY, begins="2026-03-10T00:00:00Z", ends="2026-03-15T00:00:00Z"), ENGLISH)
    lanes = {lane.name: lane for lane in cut.lanes}
    assert lanes["Oleg"].bars[0].begin == datetime(2026, 3, 10, tzinfo=UTC)
    assert [change.number for change in cut.changes] == [1]
    assert lanes["Irina"].bars[0].lasts


def test_a_span_of_positions_cuts_likewise() -> None:
    cut = timeline(replace(STORY, begins="38", ends="45"), ENGLISH)
    assert len(cut.changes) == 1
    assert cut.begin < datetime(2026, 3, 6, 10, tzinfo=UTC)


@pytest.mark.parametrize(("language", "husband"), [("en", "Husband (client)"), ("ru", "Husband (клиент)")])
def test_the_file_holds_names_as_text_and_bars_by_id(language: Language, husband: str) -> None:
    speaker = Speaker(language, house.NAMES, ZoneInfo("Europe/Moscow"))
    svg = picture.drawn(timeline(STORY, speaker), speaker)
    assert {"Oleg", "Vera", "Pavel", husband} <= set(texts(svg))
    found = ids(svg)
    bars = [each for each in found if each.startswith("bar:oleg:")]
    assert bars[0] == "bar:oleg:new_client:0"
    assert bars[-1].startswith("bar:oleg:new_client:")
    assert [each for each in found if each.startswith("change:")] == [f"change:{n}" for n in range(1, 7)]
    assert {"incoming:79001110001", "joins:oleg", "leaves:79001110002"} <= set(found)


def test_the_same_story_gives_the_same_bytes() -> None:
    first, second = (picture.drawn(timeline(STORY, ENGLISH), ENGLISH) for _ in range(2))
    assert first == second
    assert "<dc:date>" not in first


def test_names_of_strangers_are_only_text() -> None:
    names = [{**each, "name": "<b>$x^2$ & \x1b[31m\u202e"} for each in house.PARTICIPANTS]
    odd = [{**each, "employee_id": f"o'<\"&{each['employee_id']}"} for each in house.HISTORY]
    svg = picture.drawn(timeline(replace(STORY, participants=names, history=odd), ENGLISH), ENGLISH)
    assert "lane:o'<\"&vera" in ids(svg)
    assert any(each.startswith("<b>$x^2$ & \ufffd[31m\ufffd") for each in texts(svg))


def test_a_chat_with_nothing_in_it_is_drawn_too() -> None:
    svg = picture.drawn(timeline(Story("c", [], [], []), ENGLISH), ENGLISH)
    assert "Who could see the chat “c”" in texts(svg)


def test_numbers_never_stand_on_each_other() -> None:
    changes = [Change(at(hours), "x", number) for number, hours in enumerate((1, 1.1, 1.2, 5, 5.01, 20), 1)]
    rows = layout.badge_rows(Timeline("t", at(0), at(24), (), changes), width=10)
    for one in changes:
        for other in changes:
            if one.number < other.number and rows[one.number] == rows[other.number]:
                apart = (other.at - one.at) / timedelta(hours=24) * 10
                assert apart >= layout.BADGE_WIDTH
