"""Daily reports on their way, over real HTTP: to a webhook, a Telegram chat and a file."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from standardwebhooks.webhooks import Webhook

from adapters.settings import Settings
from api import delivering
from api.app import open_system
from api.metrics import Metrics
from api.reporting import sending
from api.reporting.daily import DailyReport, as_text
from api.reporting.sending import Sending
from api.system import System
from domain.definition import Definition
from domain.fact import By
from domain.ids import derive
from domain.webhook import WebhookStatement
from tests.api.client import ADMIN_TOKEN
from tests.api.receiver import PATIENCE_S, SECRET, Receiver
from tests.api.reporting.made_up import DAILY
from tests.databases import Databases

TOKEN = "123456:very-secret"
BOT = f"/bot{TOKEN}/sendMessage"
OK = json.dumps({"ok": True}).encode()
TIRED = json.dumps(
    {"ok": False, "error_code": 429, "description": "Too Many Requests", "parameters": {"retry_after": 600}}
).encode()
WRONG_TOKEN = json.dumps({"ok": False, "error_code": 401, "description": "Unauthorized"}).encode()

END_LEAD = """
SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
WHERE datname = current_database() AND application_name = 'chatledger reports'
  AND pid IN (SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted)
"""


@dataclass
class House:
    """One system, and the event loop in which its reports are sent."""

    system: System
    runner: asyncio.Runner
    receiver: Receiver

    def run(self, awaitable: Awaitable[Any]) -> Any:
        async def waited() -> Any:
            return await awaitable

        return self.runner.run(waited())


@dataclass
class Office:
    """A workspace of a test's own, a clock, and a process that sends."""

    house: House
    workspace_id: str
    at: datetime
    unmade: set[date] = field(default_factory=set)
    processes: list[Sending] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.sender = self.process()

    @property
    def receiver(self) -> Receiver:
        return self.house.receiver

    @property
    def folder(self) -> Path:
        return self.house.system.settings.reports_folder / self.workspace_id

    def by(self) -> By:
        return By(self.workspace_id, "system", self.at, "a test")

    def process(self) -> Sending:
        """One that has just been started."""
        settings = self.house.system.settings.model_copy(update={"telegram_url": self.receiver.url("")})
        system = replace(self.house.system, settings=settings)
        self.processes.append(Sending(system, Metrics(), self.report, lambda: self.at))
        return self.processes[-1]

    async def report(self, _: System, workspace_id: str, day: date, definition: Definition) -> DailyReport:
        if day in self.unmade:
            raise RuntimeError("no report of this day")
        return replace(DAILY, date=day, definition=str(definition))

    def configure(self, at: str, **settings: Any) -> None:
        self.at = datetime.fromisoformat(at)
        app = self.house.system.application
        accepted = app.configure_workspace(by=self.by(), **settings)
        assert self.house.system.follower.wait_for(accepted.position, PATIENCE_S)

    def put_webhook(self, path: str) -> str:
        """A webhook that wants reports, with its secret kept; its id."""
        digest = f"{self.workspace_id} {path}"
        kept = {"workspace_id": self.workspace_id, "webhook_id": path, "digest": digest, "secret": SECRET}
        with psycopg.connect(self.house.system.database_url, autocommit=True) as connection:
            connection.execute(delivering.STATEMENTS["keep_secret"], kept)
        statement = WebhookStatement(self.receiver.url(path), ["daily_report"], "", digest)
        app = self.house.system.application
        accepted = app.put_webhook(path, statement, active=True, by=self.by())
        assert self.house.system.follower.wait_for(accepted.position, PATIENCE_S)
        return path

    def look(self, at: str | datetime, sender: Sending | None = None) -> None:
        self.at = datetime.fromisoformat(at) if isinstance(at, str) else at
        self.house.run(self.looking(sender or self.sender))

    async def looking(self, sender: Sending) -> None:
        async with sender.leading() as lead:
            await sender.look(lead)

    def sent(self) -> list[tuple[str, str]]:
        """What is on record: days and destinations, in the order of the ledger."""
        with psycopg.connect(self.house.system.database_url) as connection:
            rows = connection.execute(
                "SELECT facts->>'date', facts->>'destination' FROM ledger"
                " WHERE topic = 'report.sent' AND workspace_id = %s ORDER BY position",
                [self.workspace_id],
            )
            return rows.fetchall()

    def told(self, path: str = "/told") -> list[str]:
        """Of which days reports were accepted at a path of webhooks."""
        return [request.told["date"] for request in self.receiver.accepted(path)]

    def wait_for(self, days: int) -> None:
        """Wait until reports of so many days were accepted, each at least once."""
        self.receiver.wait_until(lambda: len(set(self.told())) >= days)


@pytest.fixture(scope="module", autouse=True)
def hasty() -> Iterator[None]:
    """Nobody waits for what the clock of a test does not say."""
    with pytest.MonkeyPatch.context() as patched:
        for interval in ("LOOK_INTERVAL_S", "LEAD_INTERVAL_S", "BACKOFF_S"):
            patched.setattr(sending, interval, 0.01)
        yield


@pytest.fixture(scope="module")
def system(
    databases: Databases, migrated: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[System, asyncio.Runner]]:
    url = databases.create(template=migrated)
    chosen = Settings(
        database_url=url,
        admin_token=ADMIN_TOKEN,
        telegram_token=TOKEN,
        reports=tmp_path_factory.mktemp("reports"),
        webhooks_may_reach_private_networks=True,
        webhook_attempts=3,
    )
    with open_system(chosen) as system, asyncio.Runner() as runner:
        runner.run(system.async_pool.open())
        yield system, runner
        runner.run(system.async_pool.close())
    databases.drop(url)


@pytest.fixture
def house(system: tuple[System, asyncio.Runner], receiver: Receiver) -> House:
    receiver.words |= {200: OK, 429: TIRED, 401: WRONG_TOKEN}
    receiver.status = 200
    return House(*system, receiver)


@pytest.fixture
def office(house: House, request: pytest.FixtureRequest) -> Iterator[Office]:
    """Of a test's own, in Moscow, which wants nothing before and after the test."""
    office = Office(house, request.node.name, datetime.fromisoformat("2026-03-02T06:00Z"))
    office.configure("2026-03-02T06:00Z", timezone="Europe/Moscow", daily_report={"file": True})
    office.configure("2026-03-02T06:00Z", daily_report={})
    yield office
    office.configure(office.at.isoformat(), daily_report={})
    for process in office.processes:
        house.run(process.destinations.close())


def test_at_ten_it_goes_to_the_webhook_the_chat_and_the_file_once(office: Office) -> None:
    office.put_webhook("/told")
    wanted = {"webhook": True, "telegram_chat_id": "-1001", "file": True}
    office.configure("2026-03-02T06:10Z", daily_report=wanted)

    office.look("2026-03-02T06:59:59Z")
    assert (office.receiver.requests, office.sent()) == ([], [])
    for at in ("2026-03-02T07:00Z", "2026-03-02T07:00:05Z", "2026-03-03T06:59Z"):
        office.look(at)
    office.look("2026-03-03T06:59Z", office.process())

    (told,), (written,) = office.receiver.accepted("/told"), office.receiver.accepted(BOT)
    assert Webhook(SECRET).verify(told.body, told.headers) == {
        "type": "daily_report",
        "workspace_id": office.workspace_id,
        "date": "2026-03-01",
        "text": written.told["text"],
        "report": replace(DAILY, date=date(2026, 3, 1)).body(),
    }
    assert written.told["chat_id"] == "-1001"
    assert written.told["text"] == as_text(replace(DAILY, date=date(2026, 3, 1)), "ru")
    assert (office.folder / "2026-03-01.txt").read_text() == written.told["text"] + "\n"
    assert json.loads((office.folder / "2026-03-01.json").read_text()) == told.told["report"]
    assert len(list(office.folder.iterdir())) == 2
    assert office.sent() == [
        ("2026-03-01", destination) for destination in ("webhook:/told", "telegram:-1001", "file")
    ]


@pytest.mark.parametrize(
    ("day", "ten"),
    [("2026-03-28", "2026-03-29T08:00Z"), ("2026-10-24", "2026-10-25T09:00Z")],
    ids=["an hour less", "an hour more"],
)
def test_it_is_ten_on_the_clock_also_when_the_clock_changes(office: Office, day: str, ten: str) -> None:
    at = datetime.fromisoformat(ten)
    office.configure(
        (at - timedelta(hours=12)).isoformat(), timezone="Europe/Berlin", daily_report={"file": True}
    )

    office.look(at - timedelta(seconds=1))
    assert office.sent() == []
    for hours in range(24):
        office.look(at + timedelta(hours=hours))
    assert office.sent() == [(day, "file")]


def test_after_downtime_the_last_days_come_late_oldest_first(office: Office) -> None:
    office.put_webhook("/told")
    office.configure("2026-03-02T06:10Z", daily_report={"webhook": True})
    office.look("2026-03-04T07:00Z")

    office.look("2026-03-20T17:00Z", office.process())

    days = [f"2026-03-{day:02}" for day in range(13, 20)]
    assert office.told() == ["2026-03-01", "2026-03-02", "2026-03-03", *days]


def test_a_time_zone_that_changes_loses_no_day_and_doubles_none(office: Office) -> None:
    office.configure("2026-03-02T06:10Z", daily_report={"file": True})
    zones = ["Asia/Tokyo", "America/Los_Angeles", "Pacific/Kiritimati", "Europe/Moscow"]
    for number, zone in enumerate(zones):
        office.look(f"2026-03-{3 + number:02}T07:00Z")
        office.configure(f"2026-03-{3 + number:02}T12:00Z", timezone=zone)
        office.look(f"2026-03-{3 + number:02}T23:30Z")
    office.look("2026-03-09T07:00Z")

    assert office.sent() == [(f"2026-03-{day:02}", "file") for day in range(1, 9)]


def test_of_two_processes_one_sends_and_the_other_takes_over(office: Office) -> None:
    office.put_webhook("/told")
    office.configure("2026-03-02T06:10Z", daily_report={"webhook": True})
    others = [office.process(), office.process()]

    async def both() -> None:
        running = [asyncio.create_task(each.run()) for each in others]
        for day in (2, 3, 4):
            office.at = datetime(2026, 3, day, 7, tzinfo=office.at.tzinfo)
            await asyncio.to_thread(office.wait_for, day - 1)
            with psycopg.connect(office.house.system.database_url) as connection:
                assert connection.execute(END_LEAD).fetchone() == (1,)
        office.at += timedelta(days=1)
        await asyncio.to_thread(office.wait_for, 4)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    office.house.run(both())

    days = [f"2026-03-{day:02}" for day in range(1, 5)]
    assert list(dict.fromkeys(office.told())) == days
    assert len({request.headers["webhook-id"] for request in office.receiver.requests}) == 4


def test_who_is_killed_before_he_noted_it_has_it_sent_again_under_the_same_id(office: Office) -> None:
    office.put_webhook("/slow")
    office.configure("2026-03-02T06:10Z", daily_report={"webhook": True})
    office.at = datetime.fromisoformat("2026-03-02T07:00Z")

    async def killed() -> None:
        task = asyncio.create_task(office.looking(office.process()))
        await asyncio.to_thread(office.receiver.wait_until, lambda: office.receiver.at_once == 1)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    office.house.run(killed())
    assert office.sent() == []
    office.receiver.held.set()
    office.look(office.at)

    assert office.told("/slow") == ["2026-03-01", "2026-03-01"]
    assert len({request.headers["webhook-id"] for request in office.receiver.requests}) == 1
    assert office.sent() == [("2026-03-01", "webhook:/slow")]


def test_what_fails_is_tried_again_later_and_later_and_stops_no_other(
    office: Office, caplog: pytest.LogCaptureFixture
) -> None:
    office.put_webhook("/told")
    office.receiver.answers["/told"] = [500] * 4
    office.configure("2026-03-02T06:10Z", daily_report={"webhook": True, "file": True})
    ten = datetime.fromisoformat("2026-03-02T07:00Z")

    tried = []
    for second in range(8):
        office.look(ten + timedelta(seconds=second))
        tried.append(len(office.receiver.requests))
    assert tried in ([1, 1, 2, 2, 2, 3, 3, 3], [1, 1, 2, 2, 3, 3, 3, 3]), "after 1 s, and 2 s, and a bit"
    assert office.sent() == [("2026-03-01", "file")]

    office.look("2026-03-03T07:00Z")  # it failed often: the next day no longer waits for it
    office.look("2026-03-03T09:00Z")

    assert office.told() == ["2026-03-02", "2026-03-01"]
    assert sorted(office.sent()) == sorted(
        (day, name) for day in ("2026-03-01", "2026-03-02") for name in ("webhook:/told", "file")
    )
    assert "for 2026-03-01 did not reach webhook:/told (attempt 3): answered 500" in caplog.text
    metrics = {
        (sample.labels["destination"], sample.labels["outcome"]): sample.value for sample in samples(office)
    }
    assert metrics == {("webhook", "failed"): 4.0, ("webhook", "sent"): 2.0, ("file", "sent"): 2.0}


def test_the_days_come_in_order_also_where_the_first_has_to_be_tried_again(office: Office) -> None:
    office.put_webhook("/told")
    office.receiver.answers["/told"] = [500]
    office.configure("2026-03-02T06:10Z", daily_report={"webhook": True})

    office.look("2026-03-04T07:00:00Z")
    office.look("2026-03-04T07:00:05Z")

    assert len(office.receiver.requests) == 4
    assert office.told() == ["2026-03-01", "2026-03-02", "2026-03-03"]


def samples(office: Office) -> list[Any]:
    (family,) = office.sender.metrics.reports.collect()
    return [sample for sample in family.samples if sample.name.endswith("_total")]


def test_the_bot_is_not_asked_before_it_said_and_a_wrong_token_is_said_clearly(
    office: Office, caplog: pytest.LogCaptureFixture
) -> None:
    office.receiver.answers[BOT] = [429, 401]
    office.configure("2026-03-02T06:10Z", daily_report={"telegram_chat_id": "-1001"})
    for at in ("07:00:00", "07:09:59", "07:13:00"):
        office.look(f"2026-03-02T{at}Z")
    assert len(office.receiver.requests) == 2

    office.look("2026-03-02T08:00Z")

    assert office.sent() == [("2026-03-01", "telegram:-1001")]
    assert "429 Too Many Requests" in caplog.text
    assert "401 Unauthorized; is CHATLEDGER_TELEGRAM_TOKEN that of a bot?" in caplog.text
    assert TOKEN not in caplog.text


def test_a_day_that_no_report_can_be_made_of_does_not_stop_the_next(office: Office) -> None:
    office.configure("2026-03-02T06:10Z", daily_report={"file": True})
    office.unmade.add(date(2026, 3, 1))
    for minute in range(4):
        office.look(f"2026-03-03T07:{minute:02}Z")
    assert office.sent() == [("2026-03-02", "file")]

    office.unmade.clear()
    office.look("2026-03-03T09:00Z")
    assert office.sent() == [("2026-03-02", "file"), ("2026-03-01", "file")]


def test_a_webhook_that_is_gone_is_switched_off(office: Office) -> None:
    office.put_webhook("/told")
    office.receiver.answers["/told"] = [410]
    office.configure("2026-03-02T06:10Z", daily_report={"webhook": True})

    office.look("2026-03-02T07:00Z")
    assert office.house.system.follower.wait_for(office.house.system.application.head(), PATIENCE_S)
    office.look("2026-03-03T07:00Z")

    assert len(office.receiver.requests) == 1
    assert office.sent() == []


def test_a_webhook_that_is_connected_later_gets_what_comes_after(office: Office) -> None:
    office.configure("2026-03-02T06:10Z", daily_report={"webhook": True})
    office.look("2026-03-03T07:00Z")
    office.put_webhook("/told")
    office.look("2026-03-03T08:00Z")
    office.look("2026-03-04T08:00Z")

    assert office.told() == ["2026-03-03"]


def test_a_chat_that_is_stated_anew_gets_what_comes_after(office: Office) -> None:
    office.configure("2026-03-02T06:10Z", daily_report={"telegram_chat_id": "-1001"})
    office.look("2026-03-02T07:00Z")
    office.configure("2026-03-03T12:00Z", daily_report={"telegram_chat_id": "-1002"})
    office.look("2026-03-04T12:00Z")

    assert office.sent() == [("2026-03-01", "telegram:-1001"), ("2026-03-03", "telegram:-1002")]


def test_a_folder_that_can_not_be_written_is_told_and_an_odd_name_has_a_folder_of_its_own(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    odd = Office(house, "a/../b №1", datetime.fromisoformat("2026-03-02T06:00Z"))
    odd.configure("2026-03-02T06:00Z", daily_report={"file": True})
    folder = house.system.settings.reports_folder / str(derive("workspace", odd.workspace_id))
    folder.parent.mkdir(exist_ok=True)
    folder.write_text("in the way")
    odd.look("2026-03-02T12:00Z")
    assert "did not reach file (attempt 1): can't be written: File exists" in caplog.text

    folder.unlink()
    odd.look("2026-03-02T13:00Z")
    odd.configure("2026-03-02T13:00Z", daily_report={})

    assert odd.sent() == [("2026-03-01", "file")]
    assert {path.name for path in folder.iterdir()} == {"2026-03-01.json", "2026-03-01.txt"}
