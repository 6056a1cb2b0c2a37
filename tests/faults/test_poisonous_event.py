"""An event that one read model can't take over parks that one, visibly; the command line lets it go on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import psycopg

from projections.read_model import READ_MODELS
from tests.api.client import Client, Json
from tests.api.commands import chatledger, serving
from tests.faults.connector import Connector
from tests.faults.processes import PATIENCE_S, eventually
from tests.faults.proof import assert_nothing_is_lost_or_wrong

POISON = "Poison"
FAULTY = f"ALTER TABLE directory.contact ADD CONSTRAINT fault CHECK (name <> '{POISON}')"
FIXED = "ALTER TABLE directory.contact DROP CONSTRAINT fault"
"""The read model `directory` has a fault, which shows at a contact of this name; and has it no more."""

OTHERS = {name for name in READ_MODELS if name != "directory"}


class Company:
    """Seen from outside: over HTTP, and by the command line beside the server."""

    def __init__(self, url: str, admin: Client) -> None:
        self.admin = admin
        self.connector = Connector(admin.with_token("connector"))
        self._url = url

    def standing(self) -> dict[str, Json]:
        return {item["name"]: item for item in self.admin.get("/v1/projections")["items"]}

    def followed(self, names: set[str]) -> bool:
        """Whether these have everything."""
        standing = self.standing()
        return all(standing[name]["lag_events"] == 0 for name in names)

    def count_of_failures(self) -> int:
        return int((self.standing()["directory"]["parked"] or {"count": 0})["count"])

    def name_of(self, contact_id: str) -> Any:
        query = "SELECT name FROM directory.contact WHERE contact_id = %s"
        with psycopg.connect(self._url) as connection:
            return connection.execute(query, [contact_id]).fetchone()

    def alter(self, statement: str) -> None:
        with psycopg.connect(self._url, autocommit=True) as connection:
            connection.execute(statement.encode())

    def retry(self, name: str) -> str:
        done = chatledger("projections", "retry", name, CHATLEDGER_DATABASE_URL=self._url)
        assert done.returncode == 0, done.stderr
        return done.stdout


@contextmanager
def company(url: str) -> Iterator[Company]:
    with serving(CHATLEDGER_DATABASE_URL=url) as server:
        with httpx.Client(base_url=server.url, timeout=PATIENCE_S) as http:
            admin = Client(http)
            admin.put_channel("phone")
            admin.put_employee("oleg", receives_new_clients=True)
            yield Company(url, admin)


def test_a_poisonous_event_parks_one_read_model_until_it_is_fixed_and_retried(database_url: str) -> None:
    with company(database_url) as at:
        at.alter(FAULTY)
        poisonous = at.admin.put_contact("p", name=POISON)["position"]
        writes = "79990000001"
        later = at.admin.put_contact("q", writes, name="Harmless", responsible_id="oleg")["position"]
        assert at.connector.tell("hello").is_success

        assert_only_directory_is_parked(at, poisonous)
        oleg = at.admin.with_token("employee:oleg")
        assert [item["chats"][0]["external_id"] for item in oleg.inbox()] == ["chat"]
        assert [item["title"] for item in oleg.inbox()] != ["Harmless"]
        assert at.name_of("q") is None

        assert "directory goes on" in at.retry("directory")
        eventually(lambda: at.count_of_failures() == 2)
        assert_only_directory_is_parked(at, poisonous)

        at.alter(FIXED)
        assert "directory goes on" in at.retry("directory")
        eventually(lambda: at.followed(set(READ_MODELS)))
        assert at.standing()["directory"]["parked"] is None
        assert at.standing()["directory"]["position"] >= later
        assert (at.name_of("p"), at.name_of("q")) == ((POISON,), ("Harmless",))
        assert [item["title"] for item in oleg.inbox()] == ["Harmless"]
        assert at.admin.http.get("/readyz").is_success
        assert "not parked" in at.retry("directory")

    assert_nothing_is_lost_or_wrong(database_url, [])


def assert_only_directory_is_parked(at: Company, poisonous: int) -> None:
    """It stands before the event and says so; the others have everything."""
    eventually(lambda: at.standing()["directory"]["state"] == "parked")
    eventually(lambda: at.followed(OTHERS))
    standing = at.standing()
    parked = standing["directory"]
    assert {name for name, one in standing.items() if one["parked"]} == {"directory"}
    assert parked["parked"]["position"] == poisonous == parked["position"] + 1
    assert parked["lag_events"] == parked["head"] - parked["position"] > 1
    assert parked["lag_seconds"] > 0
    assert "CheckViolation" in parked["parked"]["error"]
    assert POISON not in parked["parked"]["error"]
    ready = at.admin.http.get("/readyz")
    assert (ready.status_code, ready.json()["parked"]) == (503, ["directory"])
