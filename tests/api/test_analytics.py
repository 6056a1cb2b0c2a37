"""What an analyst is told over HTTP: figures by each definition, the waits behind them, and their events."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from api import analytics_answers, limits
from domain import ids
from domain.definition import DEFAULT, DEFINITIONS
from tests.api.client import Client, Json, Server
from tests.api.test_access import issued_in
from tests.api.test_reads import check, read

TIMES = "/v1/analytics/response-times"
WAITS = f"{TIMES}/waits"
OLEG, VERA, ARKADY = "+7 900 1", "+7 900 2", "+7 900 3"
PEOPLE = {"oleg": OLEG, "vera": VERA}
MARCH = {"from": "2025-03-01", "to": "2025-03-31"}
GROUP = {"id": "group", "kind": "group", "title": "House"}


@pytest.fixture(scope="module")
def analyst(story: None, admin: Client) -> Client:
    return admin.with_token("analyst")


@pytest.fixture(scope="module")
def story(admin: Client, connector: Client) -> None:
    """Two waits of Anna's, one that Boris is spared, one of Wera's that is open, one in a group.

    The workspace's clocks are three hours ahead; the goal is ten minutes.
    """
    hours = {"monday": [["09:00", "18:00"]], "sunday": [["12:00", "13:20"]]}
    stated = {"timezone": "Europe/Moscow", "business_hours": hours, "response_goal_seconds": 600}
    admin.put("/v1/workspace", stated)
    admin.put_channel(visibility="whole_team", title="Sales")
    for who, phone in PEOPLE.items():
        admin.put_employee(who, addresses=[{"kind": "whatsapp", "address": phone}])
    admin.put("/v1/staff/arkady", {"name": "Arkady", "addresses": [{"kind": "whatsapp", "address": ARKADY}]})

    def said(chat: str, sender: str | None, at: str, **more: Any) -> Json:
        return connector.message(chat, sender, sent_at=f"2025-03-{at}Z", **more)

    connector.tell(
        said("anna", "+7 999 1", "01T20:59:00"),
        said("anna", "+7 999 1", "01T21:00:30"),
        said("anna", OLEG, "01T21:09:00", echo=True),
        said("anna", "+7 999 1", "02T10:00:00"),
        said("anna", VERA, "02T10:30:00.000001", echo=True),
        said("boris", "+7 999 2", "02T10:05:00"),
        said("wera", "+7 999 3", "03T09:00:00"),
        said("group", "+7 999 1", "03T09:10:00") | {"chat": GROUP},
        said("group", ARKADY, "03T09:10:01") | {"chat": GROUP},
    )
    admin.put_contact("boris", "+7 999 2", responsible_id="vera")
    oleg = admin.with_token("employee:oleg")
    oleg.act(oleg.conversation_with("wera"), "claim")
    assert oleg.act(oleg.conversation_with("boris"), "close").status_code == 200


def told(analyst: Client, **asked: Any) -> Json:
    answer = read(analyst, TIMES, **(MARCH | asked))
    check(analytics_answers.ResponseTimes, answer)
    shown: Json = answer.json()
    return shown


def waits(analyst: Client, **asked: Any) -> list[Json]:
    answer = read(analyst, WAITS, **(MARCH | asked))
    check(analytics_answers.WaitPage, answer)
    items: list[Json] = answer.json()["items"]
    return items


def brief(group: Json, *keys: str) -> tuple[Any, ...]:
    """What a group is, and some of its figures."""
    return tuple(group[key] for key in (*keys, "n", "mean", "open_waits", "dismissed"))


def chat(name: str) -> str:
    return str(ids.chat_id("main", "phone", name))


def test_the_figures_of_a_period(analyst: Client) -> None:
    shown = told(analyst)

    assert (shown["definition"], shown["timezone"], shown["goal_seconds"]) == (
        *("first-of-run/1", "Europe/Moscow"),
        600,
    )
    assert (shown["from"], shown["to"]) == ("2025-02-28T21:00:00.000000Z", "2025-03-31T21:00:00.000000Z")
    assert shown["items"] == []
    age = shown["total"].pop("longest_open_seconds")
    assert shown["total"] == {
        **{"n": 3, "mean": 800.333, "median": 600.0, "p90": 1560.0, "within_goal": 0.6667},
        **{"over_cap": 0, "open_waits": 1, "dismissed": 1},
    }
    opened = datetime(2025, 3, 3, 9, tzinfo=UTC)
    assert abs(age - (datetime.now(UTC) - opened).total_seconds()) < 60


@pytest.mark.parametrize(
    ("by", "keys", "expected"),
    [
        (
            "day",
            ("day",),
            [("2025-03-01", 1, 600.0, 0, 0), ("2025-03-02", 1, 1800.0, 0, 1), ("2025-03-03", 1, 1.0, 1, 0)],
        ),
        ("hour", ("hour",), [(12, 1, 1.0, 1, 0), (13, 1, 1800.0, 0, 1), (23, 1, 600.0, 0, 0)]),
        (
            "weekday_hour",
            ("weekday", "hour"),
            [(1, 12, 1, 1.0, 1, 0), (6, 23, 1, 600.0, 0, 0), (7, 13, 1, 1800.0, 0, 1)],
        ),
        ("channel", ("channel_id", "title"), [("phone", "Sales", 3, 800.333, 1, 1)]),
        (
            "employee",
            ("kind", "employee_id", "staff_id", "name"),
            [
                ("employee", "oleg", None, "Oleg", 1, 600.0, 1, 1),
                ("employee", "vera", None, "Vera", 1, 1800.0, 0, 0),
                ("external_staff", None, "arkady", "Arkady", 1, 1.0, 0, 0),
            ],
        ),
    ],
)
def test_figures_by_group(analyst: Client, by: str, keys: tuple[str, ...], expected: list[Any]) -> None:
    shown = told(analyst, group_by=by)

    assert [brief(each, *keys) for each in shown["items"]] == expected
    assert shown["total"]["n"] == sum(each["n"] for each in shown["items"])


@pytest.mark.parametrize(
    ("definition", "n", "mean"),
    [
        ("last-of-run/1", 3, 770.333),
        ("first-answer/1", 2, 300.5),
        ("business-hours/1", 3, 800.333),
        ("business-hours-now/1", 3, 400.333),
    ],
)
def test_other_definitions_tell_otherwise(analyst: Client, definition: str, n: int, mean: float) -> None:
    """Business hours were stated only today: by then every hour had counted."""
    total = told(analyst, definition=definition)["total"]

    assert (total["n"], total["mean"], total["open_waits"], total["dismissed"]) == (n, mean, 1, 1)


@pytest.mark.parametrize(
    ("definition", "expected"),
    [
        ("by-holder/1", [("employee", "oleg", 0, None, 1, 0), (None, None, 3, 800.333, 0, 1)]),
        ("by-owner/1", [("employee", "vera", 0, None, 0, 1), (None, None, 3, 800.333, 1, 0)]),
    ],
)
def test_whose_a_wait_is_depends_on_the_definition(
    analyst: Client, definition: str, expected: list[Any]
) -> None:
    shown = told(analyst, definition=definition, group_by="employee")

    assert [brief(each, "kind", "employee_id") for each in shown["items"]] == expected


def test_the_time_zone_decides_which_day_it_is(analyst: Client, admin: Client) -> None:
    admin.put("/v1/workspace", {"timezone": "America/New_York"})
    elsewhere = [each["day"] for each in told(analyst, group_by="day")["items"]]
    admin.put("/v1/workspace", {"timezone": "Asia/Vladivostok"})
    far = [each["day"] for each in told(analyst, group_by="day")["items"]]
    admin.put("/v1/workspace", {"timezone": "Europe/Moscow"})

    assert elsewhere == ["2025-03-01", "2025-03-02", "2025-03-03"]
    assert far == ["2025-03-02", "2025-03-03"]


@pytest.mark.parametrize(
    ("asked", "since", "until", "n"),
    [
        ({"from": "2025-03-02", "to": "2025-03-02"}, "03-01T21:00", "03-02T21:00", 1),
        ({"from": "2025-03-01T20:59:00Z", "to": "2025-03-02T10:00:00Z"}, "03-01T20:59", "03-02T10:00", 1),
        ({"from": "2025-03-01T23:59:00+03:00", "to": "2025-03-02"}, "03-01T20:59", "03-02T21:00", 2),
        ({"to": "2025-03-30"}, "02-28T21:00", "03-30T21:00", 3),
    ],
)
def test_a_period_is_of_days_or_of_moments(
    analyst: Client, asked: Json, since: str, until: str, n: int
) -> None:
    answer = analyst.get(TIMES, **asked)

    assert (answer["from"], answer["to"]) == (
        f"2025-{since}:00.000000Z",
        f"2025-{until}:00.000000Z",
    )
    assert answer["total"]["n"] == n


def test_without_a_period_it_is_the_last_thirty_days(analyst: Client) -> None:
    answer = analyst.get(TIMES)

    begins, ends = (datetime.fromisoformat(answer[each]) for each in ("from", "to"))
    assert ends - begins == timedelta(days=30)
    assert begins < datetime.now(UTC) < ends


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"from": "2025-03-02", "to": "2025-03-01"}, "to"),
        ({"from": "2025-03-02T00:00:00Z", "to": "2025-03-02T00:00:00Z"}, "to"),
        ({"from": "2021-03-02", "to": "2025-03-01"}, "to"),
        ({"from": "2025-02-30"}, "from"),
        ({"from": "2025-3-1"}, "from"),
        ({"from": "1969-03-01"}, "from"),
        ({"to": "2025-03-01T10:00:00"}, "to"),
        ({"group_by": "week"}, "group_by"),
    ],
)
def test_what_is_no_period_is_refused(analyst: Client, asked: Json, field: str) -> None:
    answer = analyst.ask("GET", TIMES, params=asked)

    assert answer.status_code == 422
    assert [each["field"] for each in answer.json()["errors"]] == [field]


def test_the_longest_period_is_a_limit(analyst: Client) -> None:
    last = datetime(2025, 3, 1, tzinfo=UTC) + timedelta(days=limits.PERIOD_DAYS - 1)

    assert analyst.get(TIMES, **{"from": "2025-03-01", "to": last.date().isoformat()})["total"]["n"] == 3


def test_a_definition_that_was_never_published_is_not_there(analyst: Client) -> None:
    for path in (TIMES, WAITS):
        assert analyst.ask("GET", path, params={"definition": "first-of-run/2"}).status_code == 404


def test_the_single_waits_behind_a_number(analyst: Client) -> None:
    first, *_, boris, wera, group = waits(analyst)

    opened = first["opened"].pop("position")
    closed = first["closed"].pop("position")
    assert first.pop("last") == {"at": "2025-03-01T21:00:30.000000Z", "position": opened + 1}
    assert closed > opened + 1
    assert first == {
        "conversation_id": str(ids.conversation_id(ids.chat_id("main", "phone", "anna"))),
        "chat_id": chat("anna"),
        "channel_id": "phone",
        "outcome": "answered",
        "seconds": 600,
        "counted": True,
        "within_goal": True,
        "age_seconds": None,
        "opened": {"at": "2025-03-01T20:59:00.000000Z"},
        "closed": {"at": "2025-03-01T21:09:00.000000Z", "kind": "employee", "by": "oleg"},
        **dict.fromkeys(("holder_at_opening", "holder_at_closing", "owner_at_opening", "owner_at_closing")),
        "credited": {"kind": "employee", "id": "oleg", "name": "Oleg"},
    }
    assert (boris["outcome"], boris["counted"], boris["within_goal"]) == ("dismissed", False, None)
    assert boris["owner_at_opening"] is None
    assert boris["owner_at_closing"] == "vera"
    assert (wera["outcome"], wera["closed"], wera["seconds"]) == ("open", None, None)
    assert wera["age_seconds"] > 0
    assert wera["credited"] == {"kind": "employee", "id": "oleg", "name": "Oleg"}
    assert group["credited"] == {"kind": "external_staff", "id": "arkady", "name": "Arkady"}


@pytest.mark.parametrize(
    ("asked", "chats"),
    [
        ({"day": "2025-03-02"}, ["anna", "boris"]),
        ({"hour": 12}, ["wera", "group"]),
        ({"weekday": 7, "hour": 13}, ["anna", "boris"]),
        ({"weekday": 1, "outcome": "answered"}, ["group"]),
        ({"employee_id": "oleg"}, ["anna", "boris", "wera"]),
        ({"employee_id": "vera"}, ["anna"]),
        ({"staff_id": "arkady"}, ["group"]),
        ({"credited": "nobody"}, []),
        ({"credited": "nobody", "definition": "by-owner/1"}, ["anna", "anna", "wera", "group"]),
        ({"counted": True, "definition": "first-answer/1"}, ["anna", "group"]),
        ({"counted": False}, ["boris", "wera"]),
        ({"outcome": "dismissed"}, ["boris"]),
        ({"outcome": "open"}, ["wera"]),
        ({"channel_id": "another"}, []),
        ({"from": "2025-03-02T10:05:00Z"}, ["boris", "wera", "group"]),
    ],
)
def test_drilling_down_finds_what_the_group_is_made_of(
    analyst: Client, asked: Json, chats: list[str]
) -> None:
    assert [each["chat_id"] for each in waits(analyst, **asked)] == [chat(name) for name in chats]


@pytest.mark.parametrize("definition", ["first-of-run/1", "first-answer/1", "by-owner/1"])
@pytest.mark.parametrize("by", ["weekday_hour", "employee", "channel"])
def test_every_number_is_as_many_waits_as_it_says(analyst: Client, definition: str, by: str) -> None:
    for group in told(analyst, group_by=by, definition=definition)["items"]:
        behind = waits(analyst, definition=definition, **as_filters(group))
        assert sum(each["counted"] for each in behind) == group["n"]
        assert [each["outcome"] for each in behind].count("open") == group["open_waits"]
        assert [each["outcome"] for each in behind].count("dismissed") == group["dismissed"]


def as_filters(group: Json) -> Json:
    """How it is asked for what is in it."""
    keys = ("day", "hour", "weekday", "channel_id", "employee_id", "staff_id")
    known = {key: group[key] for key in keys if group.get(key) is not None}
    return known or {"credited": "unknown" if group["kind"] else "nobody"}


def test_waits_come_in_pages(analyst: Client) -> None:
    found: list[Json] = []
    cursor: Json = {}
    while True:
        page = analyst.get(WAITS, limit=2, **MARCH, **cursor)
        found += page["items"]
        if page["next_cursor"] is None:
            break
        cursor = {"cursor": page["next_cursor"]}

    assert [each["opened"] for each in found] == [each["opened"] for each in waits(analyst)]
    assert len(found) == 5


def test_the_events_behind_a_wait(analyst: Client) -> None:
    boris = waits(analyst, outcome="dismissed")[0]
    first = waits(analyst)[0]

    events = events_of(analyst, first)
    assert [(each["topic"], each["at"]) for each in events] == [
        ("message.received", first["opened"]["at"]),
        ("message.received", first["last"]["at"]),
        ("message.received", first["closed"]["at"]),
    ]
    assert all("private" not in each and "text" not in each["facts"] for each in events)
    closed = [each["topic"] for each in events_of(analyst, boris)]
    assert closed == ["message.received", "conversation.closed"]
    claimed = events_of(analyst, waits(analyst, outcome="open")[0])
    assert [each["topic"] for each in claimed] == ["message.received", "conversation.claimed"]
    assert claimed[-1]["actor"] == "employee:oleg"


def events_of(analyst: Client, wait: Json, limit: int = 1) -> list[Json]:
    """Page by page."""
    path, events = f"{WAITS}/{wait['opened']['position']}/events", list[Json]()
    cursor: Json = {}
    while True:
        answer = read(analyst, path, limit=limit, **cursor)
        check(analytics_answers.WaitEvents, answer)
        events += answer.json()["items"]
        if answer.json()["next_cursor"] is None:
            return events
        cursor = {"cursor": answer.json()["next_cursor"]}


def test_where_no_wait_began_there_are_no_events(analyst: Client) -> None:
    assert analyst.ask("GET", f"{WAITS}/1/events").status_code == 404


@pytest.mark.parametrize("path", [WAITS, f"{WAITS}/1/events"])
@pytest.mark.parametrize("cursor", ["x", "1", "1~x", "-1~2", "1~2~3", "1" * 17 + "~1"])
def test_a_cursor_that_is_none_of_ours_is_refused(analyst: Client, path: str, cursor: str) -> None:
    assert analyst.ask("GET", path, params={"cursor": cursor}).status_code == 422


def test_only_one_can_be_whose_a_wait_is(analyst: Client) -> None:
    answer = analyst.ask("GET", WAITS, params={"employee_id": "oleg", "credited": "nobody"})

    assert answer.status_code == 422


def test_another_workspace_sees_nothing(analyst: Client, server: Server) -> None:
    position = waits(analyst)[0]["opened"]["position"]
    stranger = Client(analyst.http, issued_in(server, "another", ["analyst"]))

    assert stranger.get(TIMES, **MARCH)["total"]["n"] == 0
    assert stranger.get(TIMES, **MARCH)["timezone"] == "UTC"
    assert stranger.get(WAITS, **MARCH)["items"] == []
    assert stranger.ask("GET", f"{WAITS}/{position}/events").status_code == 404


def test_the_definitions_in_words(analyst: Client) -> None:
    answer = read(analyst, "/v1/analytics/definitions")
    check(analytics_answers.DefinitionList, answer)

    items = answer.json()["items"]
    assert [each["definition"] for each in items] == list(DEFINITIONS)
    assert [each["definition"] for each in items if each["default"]] == [str(DEFAULT)]
    for language in ("en", "ru"):
        assert len({each["in_words"][language] for each in items}) == len(items)


@pytest.mark.parametrize("page", ["analytics.md", "analytics.ru.md"])
def test_the_docs_have_every_definition(page: str) -> None:
    text = (Path(__file__).parents[2] / "docs" / page).read_text(encoding="utf-8")

    assert re.findall(r"^\| `([a-z-]+/[0-9]+)`", text, re.MULTILINE) == list(DEFINITIONS)


def test_an_answer_from_here_ends_a_wait(admin: Client, connector: Client, analyst: Client) -> None:
    """Of somebody who answers through the inbox, and is answered again."""
    sent = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=5)
    connector.tell(connector.message("late", "+7 999 7", sent_at=sent.isoformat()))
    vera = admin.with_token("employee:vera")
    conversation = vera.conversation_with("late")
    period = {"from": sent.isoformat(), "to": (sent + timedelta(seconds=1)).isoformat()}
    assert waits(analyst, **period)[0]["outcome"] == "open"

    position = vera.post(f"/v1/conversations/{conversation}/messages", {"text": "Good day"})["position"]

    (answered,) = waits(analyst, min_position=position, **period)
    assert (answered["outcome"], answered["credited"]["id"]) == ("answered", "vera")
    assert 300 <= answered["seconds"] < 400
    assert told(analyst, **period)["total"]["within_goal"] == 1.0


def test_who_says_that_no_answer_is_needed_is_among_the_events(
    admin: Client, connector: Client, analyst: Client
) -> None:
    """It moves the conversation nowhere."""
    sent = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=7)
    connector.tell(connector.message("thanks", "+7 999 8", sent_at=sent.isoformat()))
    vera = admin.with_token("employee:vera")
    position = vera.act(vera.conversation_with("thanks"), "dismiss").json()["position"]

    period = {"from": sent.isoformat(), "to": (sent + timedelta(seconds=1)).isoformat()}
    (dismissed,) = waits(analyst, min_position=position, **period)
    del dismissed["closed"]["at"]
    assert dismissed["closed"] == {"position": position, "kind": "employee", "by": "vera"}
    assert [each["topic"] for each in events_of(analyst, dismissed)] == [
        "message.received",
        "conversation.dismissed",
    ]
