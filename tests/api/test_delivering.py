"""Webhooks over restarts, kills and lost leads: in order, at least once, and never by two at a time."""

from __future__ import annotations

import httpx
import psycopg

from api import limits
from api.delivering import STATEMENTS
from tests.api import commands
from tests.api.client import Client, serving
from tests.api.receiver import SECRET, Receiver
from tests.api.telling import QUICK, deliveries, found, put, tell, wait_for_log

END_LEAD = """
SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
WHERE datname = current_database() AND application_name = 'chatledger webhooks'
  AND pid IN (SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted)
"""


def test_private_networks_are_reached_only_where_the_operator_allows_it(
    database_url: str, receiver: Receiver
) -> None:
    with serving(database_url, webhook_first_retry_s=0.02, webhook_attempts=1) as server:
        admin = server.client
        found(admin)
        for host in ("127.0.0.1", "localhost", "10.1.2.3", "169.254.169.254", "[::1]", "[::ffff:127.0.0.1]"):
            answer = admin.ask("PUT", "/v1/webhooks/x", json={"url": f"http://{host}/", "secret": SECRET})
            assert answer.json()["code"] == "private_network", host
        put(admin, "short", f"http://2130706433:{receiver.port}/told")  # 127.0.0.1, in a way only C knows
        tell(admin)
        (line,) = wait_for_log(admin, receiver, "short", bool)
        assert line["last_error"] == "the name stands for an address on a private network"
    assert receiver.requests == []


def test_another_process_goes_on_where_the_first_was(database_url: str, receiver: Receiver) -> None:
    receiver.answers["/told"] = [204, 500]
    with serving(database_url, **QUICK) as server:
        found(server.client)
        put(server.client, "hook", receiver.url())
        positions = tell(server.client, 5)
        receiver.wait_for_attempts(2)
    with serving(database_url, **QUICK):
        receiver.wait_for(5)

    assert list(dict.fromkeys(receiver.positions())) == positions


def test_two_processes_tell_everything_once_and_never_both(database_url: str, receiver: Receiver) -> None:
    with serving(database_url, **QUICK) as one, serving(database_url, **QUICK) as other:
        found(one.client)
        put(other.client, "hook", receiver.url())
        positions = [*tell(one.client, 10), *tell(other.client, 10, "another")]
        receiver.wait_for(20)

    assert receiver.positions() == positions
    assert receiver.most_at_once == 1


def test_what_a_killed_process_was_telling_is_told_by_the_next(database_url: str, receiver: Receiver) -> None:
    with commands.serving(
        CHATLEDGER_DATABASE_URL=database_url, CHATLEDGER_WEBHOOKS_MAY_REACH_PRIVATE_NETWORKS="true"
    ) as killed:
        with httpx.Client(base_url=killed.url) as http:
            admin = Client(http)
            found(admin)
            put(admin, "hook", receiver.url("/slow"))
            positions = tell(admin, 3)
            receiver.wait_until(lambda: receiver.at_once == 1)
        killed.process.kill()
        killed.process.communicate(timeout=commands.TIMEOUT_S)
    with serving(database_url, **QUICK):
        receiver.held.set()
        receiver.wait_until(lambda: set(receiver.positions("/slow")) == set(positions))

    assert list(dict.fromkeys(receiver.positions("/slow"))) == positions


def test_who_loses_the_lead_writes_nothing_down(database_url: str, receiver: Receiver) -> None:
    with serving(database_url, **QUICK) as one, serving(database_url, **QUICK):
        found(one.client)
        put(one.client, "hook", receiver.url("/slow"))
        positions = tell(one.client, 2)
        receiver.wait_until(lambda: receiver.at_once == 1)
        with psycopg.connect(database_url) as connection:
            assert connection.execute(END_LEAD).fetchone() == (1,)
        receiver.wait_until(lambda: receiver.at_once == 2)
        receiver.held.set()
        log = wait_for_log(one.client, receiver, "hook", lambda log: len(log) == 2)

    assert [(line["position"], line["status"], line["attempts"]) for line in log] == [
        (position, "delivered", 1) for position in reversed(positions)
    ]
    assert list(dict.fromkeys(receiver.positions("/slow"))) == positions


def test_old_lines_and_old_secrets_are_forgotten_and_what_is_in_use_is_not(
    database_url: str, receiver: Receiver
) -> None:
    old = {"days": limits.DELIVERIES_KEPT_DAYS, "secret_kept_s": limits.OLD_SECRET_KEPT_S}
    with (
        serving(database_url, **QUICK) as server,
        psycopg.connect(database_url, autocommit=True) as connection,
    ):
        found(server.client)
        for secret in ("the secret of before", "the secret of today"):
            put(server.client, "hook", receiver.url(), secret=secret)
        tell(server.client, 2)
        first, second = reversed(wait_for_log(server.client, receiver, "hook", lambda log: len(log) == 2))
        connection.execute(STATEMENTS["forget"], old)
        assert len(deliveries(server.client, "hook")) == 2
        assert secrets(connection) == {"the secret of before", "the secret of today"}

        connection.execute("UPDATE delivering.secret SET kept_at = kept_at - interval '2 hours'")
        connection.execute(
            "UPDATE delivering.delivery SET at = at - interval '31 days' WHERE position = %s",
            [first["position"]],
        )
        connection.execute(STATEMENTS["forget"], old)

        assert deliveries(server.client, "hook") == [second]
        assert secrets(connection) == {"the secret of today"}
        tell(server.client)
        receiver.wait_for(3)
        metrics = server.client.ask("GET", "/metrics").text
    assert 'chatledger_webhook_deliveries_total{outcome="delivered"}' in metrics


def secrets(connection: psycopg.Connection[tuple[str]]) -> set[str]:
    return {secret for (secret,) in connection.execute("SELECT secret FROM delivering.secret")}
