import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import psycopg
import pytest

from api import idempotency, limits
from domain.application import Chatledger
from tests.api.client import Client, Server

DEAD = 1
"""The number of a run that lives no more."""


@pytest.fixture(scope="module")
def oleg(admin: Client, connector: Client) -> Client:
    admin.put_channel()
    admin.put_employee("oleg", receives_new_clients=True)
    connector.tell(connector.message("chat", "+7 999 1"))
    return admin.with_token("employee:oleg")


@pytest.fixture(scope="module")
def conversation(oleg: Client) -> str:
    return oleg.conversation_with("chat")


def keyed(client: Client, path: str, body: Any, key: str) -> httpx.Response:
    return client.ask("POST", path, json=body, headers={"Idempotency-Key": key})


def twice(server: Server, client: Client, path: str, body: Any, key: str) -> httpx.Response:
    """Send a request twice; the second time the answer has to be the same, and nothing recorded."""
    first = keyed(client, path, body, key)
    head = server.head
    second = keyed(client, path, body, key)

    assert (second.status_code, second.json(), server.head) == (first.status_code, first.json(), head)
    assert "idempotent-replay" not in first.headers
    assert second.headers["idempotent-replay"] == "true"
    assert second.headers["content-type"] == first.headers["content-type"]
    return first


def test_a_message_is_sent_once(server: Server, oleg: Client, conversation: str) -> None:
    path = f"/v1/conversations/{conversation}/messages"

    assert twice(server, oleg, path, {"text": "hello"}, "hello").status_code == 201


def test_each_call_has_the_same_answer_again(
    server: Server, admin: Client, connector: Client, oleg: Client, conversation: str
) -> None:
    event = connector.message("another", "+7 999 2")
    admin.put_employee("vera")
    admin.put_deal("deal", "oleg")

    for client, path, body in (
        (connector, "/v1/channels/phone/events", {"events": [event, {"type": "no"}]}),
        (admin, "/v1/deals/deal/reassign", {"owner_id": "vera", "reason": "leaves"}),
        (admin, "/v1/handover", {"from_employee_id": "vera", "to_employee_id": "oleg"}),
        (oleg, f"/v1/conversations/{conversation}/claim", {}),
        (oleg, "/v1/conversations/bulk", {"action": "close", "conversation_ids": [conversation]}),
    ):
        assert twice(server, client, path, body, f"again {path}").status_code == 200


def test_a_token_is_issued_once_and_shown_the_same_again(server: Server, admin: Client) -> None:
    issued = twice(server, admin, "/v1/tokens", {"scopes": ["auditor"]}, "token").json()

    assert Client(admin.http, issued["token"]).ask("GET", "/v1/audit/visibility").status_code == 422


def test_a_lost_race_stays_lost(server: Server, admin: Client, oleg: Client, connector: Client) -> None:
    connector.tell(connector.message("raced", "+7 999 3"))
    admin.put_employee("boris", receives_new_clients=True)
    boris = admin.with_token("employee:boris")
    conversation = oleg.conversation_with("raced")
    boris.act(conversation, "claim")
    path = f"/v1/conversations/{conversation}/claim"

    assert twice(server, oleg, path, {}, "raced").json()["holder_id"] == "boris"
    assert twice(server, oleg, path, {"foo": 1}, "mistyped").status_code == 422


def test_what_was_not_there_may_be_tried_again(admin: Client, connector: Client) -> None:
    path, body = "/v1/channels/later/events", {"events": [connector.message("x", "+7 999 4")]}
    assert keyed(connector, path, body, "early").status_code == 404

    admin.put_channel("later")

    assert keyed(connector, path, body, "early").json()["results"][0]["status"] == "appended"


def test_a_key_belongs_to_one_request(server: Server, oleg: Client, conversation: str) -> None:
    path = f"/v1/conversations/{conversation}/messages"
    keyed(oleg, path, {"text": "one"}, "key")
    before = server.head

    for other_path, body in ((path, {"text": "two"}), (path.replace("messages", "claim"), {})):
        answer = keyed(oleg, other_path, body, "key")
        assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_key_reused")
        assert answer.json()["errors"][0]["field"] == "Idempotency-Key"
    assert server.head == before


def test_a_key_belongs_to_one_token(admin: Client, oleg: Client, conversation: str) -> None:
    path = f"/v1/conversations/{conversation}/messages"
    on_the_phone = admin.with_token("employee:oleg")
    first = keyed(oleg, path, {"text": "from here"}, "shared").json()

    assert keyed(on_the_phone, path, {"text": "from there"}, "shared").json() != first


@pytest.mark.parametrize(
    "key", ["", "schlüssel".encode(), "a\tb", "x" * (limits.IDEMPOTENCY_KEY_CHARACTERS + 1)]
)
def test_a_key_has_bounds(server: Server, oleg: Client, conversation: str, key: str) -> None:
    before = server.head
    answer = keyed(oleg, f"/v1/conversations/{conversation}/messages", {"text": "x"}, key)

    assert (answer.status_code, server.head) == (422, before)


@pytest.fixture
def slow_sending(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Sending a message waits until the test lets it go."""
    let_go = threading.Event()
    send: Callable[..., Any] = Chatledger.send_message

    def slowly(*arguments: Any, **facts: Any) -> Any:
        let_go.wait(10)
        return send(*arguments, **facts)

    monkeypatch.setattr(Chatledger, "send_message", slowly)
    return let_go


def test_the_second_of_two_at_once_waits_for_the_first(
    server: Server, oleg: Client, conversation: str, slow_sending: threading.Event
) -> None:
    path, before = f"/v1/conversations/{conversation}/messages", server.head
    with ThreadPoolExecutor(4) as attempts:
        sent = [attempts.submit(keyed, oleg, path, {"text": "at once"}, "at once") for _ in range(4)]
        threading.Timer(0.2, slow_sending.set).start()
        answers = [attempt.result() for attempt in sent]

    assert [answer.status_code for answer in answers] == [201] * 4
    assert len({answer.text for answer in answers}) == 1
    assert sum("idempotent-replay" in answer.headers for answer in answers) == 3
    assert server.head == before + 1


def test_the_second_does_not_wait_for_ever(
    oleg: Client, conversation: str, slow_sending: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "WAIT_S", 0.1)
    path = f"/v1/conversations/{conversation}/messages"
    with ThreadPoolExecutor(2) as attempts:
        answers = [attempts.submit(keyed, oleg, path, {"text": "slow"}, "slow") for _ in range(2)]
        threading.Timer(0.6, slow_sending.set).start()
        first, second = sorted((answer.result() for answer in answers), key=lambda one: one.status_code)

    assert first.status_code == 201
    assert (second.status_code, second.json()["code"]) == (409, "idempotency_key_busy")
    assert "retry-after" in second.headers


def test_what_a_killed_run_left_is_taken_over_and_appends_nothing_twice(
    server: Server, oleg: Client, conversation: str
) -> None:
    path = f"/v1/conversations/{conversation}/messages"
    first = keyed(oleg, path, {"text": "crash"}, "crash").json()
    before = server.head
    with psycopg.connect(server.system.database_url) as connection:
        connection.execute(
            "UPDATE idempotency.answer SET status = NULL, body = NULL, instance = %s WHERE key = 'crash'",
            (DEAD,),
        )

    again = keyed(oleg, path, {"text": "crash"}, "crash")

    assert (again.status_code, again.json()["message_id"]) == (201, first["message_id"])
    assert server.head == before


def test_what_another_living_run_carries_out_is_left_to_it(
    server: Server, oleg: Client, conversation: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "WAIT_S", 0.1)
    path = f"/v1/conversations/{conversation}/messages"
    keyed(oleg, path, {"text": "living"}, "living")
    with psycopg.connect(server.system.database_url, autocommit=True) as other:
        other.execute(
            "UPDATE idempotency.answer SET status = NULL, body = NULL, instance = 7 WHERE key = 'living'"
        )
        idempotency.live(other, 7)

        assert keyed(oleg, path, {"text": "living"}, "living").status_code == 409


LOST = """
CREATE FUNCTION no_room() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN RAISE 'no room' USING ERRCODE = 'disk_full'; END
$$;
CREATE TRIGGER no_room BEFORE UPDATE OR DELETE ON idempotency.answer FOR EACH ROW EXECUTE FUNCTION no_room()
"""


@pytest.fixture
def nothing_put_down(server: Server) -> Iterator[Callable[[], None]]:
    """No answer can be kept, and no key let go, until the test says so."""
    with psycopg.connect(server.system.database_url, autocommit=True) as connection:
        connection.execute(LOST.encode())

        def end() -> None:
            connection.execute("DROP FUNCTION IF EXISTS no_room CASCADE")

        yield end
        end()


def test_an_answer_that_cant_be_kept_is_told_and_kept_as_soon_as_it_can_be(
    oleg: Client, conversation: str, nothing_put_down: Callable[[], None]
) -> None:
    path = f"/v1/conversations/{conversation}/messages"
    first = keyed(oleg, path, {"text": "told"}, "not kept")
    assert first.status_code == 201

    nothing_put_down()
    again = keyed(oleg, path, {"text": "told"}, "not kept")

    assert (again.json(), again.headers["idempotent-replay"]) == (first.json(), "true")


def test_a_key_that_cant_be_let_go_is_let_go_as_soon_as_it_can_be(
    admin: Client, connector: Client, nothing_put_down: Callable[[], None]
) -> None:
    path, body = "/v1/channels/much-later/events", {"events": [connector.message("x", "+7 999 5")]}
    assert keyed(connector, path, body, "not let go").status_code == 404
    admin.put_channel("much-later")

    nothing_put_down()

    assert keyed(connector, path, body, "not let go").json()["results"][0]["status"] == "appended"


def test_a_run_that_loses_its_session_is_seen_to_live_again(server: Server) -> None:
    seen = "SELECT FROM pg_locks WHERE locktype = 'advisory' AND objid = %s::bigint::oid AND pid <> %s"
    with psycopg.connect(server.system.database_url, autocommit=True) as connection:
        ended = connection.execute(
            "SELECT pid, pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            " WHERE application_name = 'chatledger lives' AND datname = current_database()"
        ).fetchone()
        assert ended is not None
        deadline = time.monotonic() + 30
        while not connection.execute(seen, (server.system.instance, ended[0])).fetchall():
            assert time.monotonic() < deadline
            time.sleep(0.01)


def test_answers_are_not_kept_for_ever(server: Server, oleg: Client, conversation: str) -> None:
    path = f"/v1/conversations/{conversation}/messages"
    keyed(oleg, path, {"text": "old"}, "old")
    with psycopg.connect(server.system.database_url, autocommit=True) as connection:
        connection.execute("UPDATE idempotency.answer SET begun_at = '2020-01-01' WHERE key = 'old'")
        keyed(oleg, path, {"text": "new"}, "new")
        kept = {row[0] for row in connection.execute("SELECT key FROM idempotency.answer")}

    assert "new" in kept
    assert "old" not in kept
