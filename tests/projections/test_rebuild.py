"""A rebuild stands beside the live tables until both are equal, and each of its steps can be cut off."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from psycopg import Connection

from adapters.postgres.database import create_pool
from projections.building import Building
from projections.checkpoints import Fenced, Range, retry, statuses
from projections.leader import ReadModelFailed
from projections.read_model import READ_MODELS, ReadModel, made_otherwise, note_definitions
from projections.rebuild import (
    CONNECTIONS,
    Different,
    FormerDefinition,
    NothingKept,
    ReadersLeftOut,
    Rebuild,
    RebuildRunning,
    UnknownReadModel,
    rebuilding,
)
from projections.replay import take_over
from projections.statements import Statements
from tests.projections.history import History, all_rows, follow, named, noon, rebuild

STEPS = ("replay", "index", "verify")


@pytest.fixture
def company(url: str, history: History) -> History:
    """Forty chats of two clients, followed to the head."""
    for number, client in enumerate(("husband", "wife")):
        facts: dict[str, Any] = {"contact_id": client, "responsible_id": "oleg"}
        history.append("contact.registered", client, private={"name": client}, **facts)
        link: dict[str, Any] = {"contact_id": client, "address_id": named(client), "kind": "whatsapp"}
        history.append("contact.address_linked", client, private={"address": f"+{number}"}, **link)
    standing: dict[str, Any] = {"role": "seller", "receives_new_clients": True, "active": True}
    history.append("employee.registered", "oleg", private={"name": "Oleg"}, employee_id="oleg", **standing)
    for number in range(40):
        write(history, f"chat-{number}", ("husband", "wife", "stranger")[number % 3])
    follow(history.connection, history.head)
    return history


def write(history: History, chat: str, sender: str) -> int:
    """A chat with its first message."""
    ids: dict[str, Any] = {"chat_id": named(chat), "conversation_id": named(f"conversation of {chat}")}
    ids["channel_id"] = "wa"
    history.append("chat.opened", chat, noon(), {"external_id": chat}, kind="group", **ids)
    joined: dict[str, Any] = {"chat_id": named(chat), "address_id": named(sender), "kind": "whatsapp"}
    history.append("chat.participant_joined", chat, noon(), {"address": sender}, **joined)
    message = f"message of {chat}"
    facts = {**ids, "message_id": named(message), "direction": "in", "author_kind": "client", "echo": False}
    texts = {"text": "hello", "external_id": message, "attachments": []}
    return history.append("message.received", message, noon(1), texts, **facts, sender_id=named(sender))


@contextmanager
def building(url: str, *names: str) -> Iterator[Rebuild]:
    with create_pool(url, max_size=CONNECTIONS) as pool, rebuilding(pool, names or READ_MODELS) as found:
        yield found


def schemas(connection: Connection[Any]) -> set[str]:
    rows = connection.execute("SELECT nspname FROM pg_namespace WHERE nspname ~ '_(next|before)$'")
    return {name for (name,) in rows}


def live(connection: Connection[Any]) -> dict[str, list[Any]]:
    return all_rows(connection, *READ_MODELS)


def step_of(connection: Connection[Any], name: str) -> dict[str, Any] | None:
    found: dict[str, Any] | None = next(row for row in statuses(connection) if row["name"] == name)["rebuild"]
    return found


def test_what_was_built_anew_takes_over_and_the_former_tables_are_kept(url: str, company: History) -> None:
    before = live(company.connection)
    told: list[str] = []

    assert rebuild(url, watch=lambda step, done, total: told.append(step)) == company.head

    assert live(company.connection) == before
    assert sum(map(len, before.values())) > 200
    assert list(dict.fromkeys(told)) == [*STEPS]
    assert schemas(company.connection) == {f"{name}_before" for name in READ_MODELS}
    with building(url) as rebuilt:
        rebuilt.drop()
    assert schemas(company.connection) == set()
    assert step_of(company.connection, "inbox") is None


def test_those_who_follow_go_on_with_the_tables_that_took_over(url: str, company: History) -> None:
    rebuild(url)
    write(company, "later", "husband")
    follow(company.connection, company.head)

    found = company.connection.execute("SELECT count(*) FROM inbox.chat").fetchone()
    assert found == (41,)
    rebuild(url)


@pytest.mark.parametrize("step", STEPS)
def test_a_rebuild_that_was_cut_off_goes_on_where_it_was(url: str, company: History, step: str) -> None:
    before = live(company.connection)

    with pytest.raises(KeyboardInterrupt):
        rebuild(url, watch=cut_off(step))
    assert live(company.connection) == before
    begun = step_of(company.connection, "inbox")
    assert begun is not None
    assert begun["step"] == ("replay" if step in ("replay", "index") else "index")

    write(company, "meanwhile", "wife")
    follow(company.connection, company.head)
    assert rebuild(url) == company.head
    kept = step_of(company.connection, "inbox")
    assert kept is not None
    assert (kept["step"], kept["begun_at"]) == ("kept", begun["begun_at"])


@pytest.mark.parametrize("step", STEPS)
def test_a_rebuild_can_be_taken_back_at_each_step(url: str, company: History, step: str) -> None:
    before = live(company.connection)
    with pytest.raises(KeyboardInterrupt):
        rebuild(url, watch=cut_off(step))

    with building(url) as begun:
        assert begun.abort()
        assert not begun.abort()

    assert live(company.connection) == before
    assert schemas(company.connection) == set()


def cut_off(step: str) -> Callable[[str, int, int], None]:
    def watch(at: str, done: int, total: int) -> None:
        if at == step:
            raise KeyboardInterrupt

    return watch


def test_a_difference_is_named_and_nothing_is_switched_until_it_is_accepted(
    url: str, company: History
) -> None:
    chat = named("chat-1")
    company.connection.execute("UPDATE inbox.chat SET client_count = 7 WHERE chat_id = %s", [chat])
    company.connection.execute("DELETE FROM inbox.line WHERE chat_ids = ARRAY[%s::uuid]", [named("chat-2")])

    with pytest.raises(Different) as different:
        rebuild(url, ["inbox", "waits"])

    told = {(found.table, found.row, found.what) for found in different.value.found}
    assert ("chat", f"chat_id {chat}", "client_count 7 → 1") in told
    assert {(table, what) for table, _, what in told} == {
        ("chat", "client_count 7 → 1"),
        ("line", "is not live"),
    }
    assert company.connection.execute(
        "SELECT client_count FROM inbox.chat WHERE chat_id = %s", [chat]
    ).fetchone() == (7,)

    rebuild(url, ["inbox", "waits"], accept_difference=True)
    assert company.connection.execute(
        "SELECT client_count FROM inbox.chat WHERE chat_id = %s", [chat]
    ).fetchone() == (1,)


def test_rows_without_a_key_and_other_columns_are_differences_too(url: str, company: History) -> None:
    company.connection.execute("UPDATE visibility.sight SET deal_id = 'x' WHERE principal = 'oversight'")
    company.connection.execute("ALTER TABLE directory.deal ADD COLUMN amount bigint")

    with pytest.raises(Different) as different:
        rebuild(url)

    told = {(found.model, found.table, found.what.split(" ")[0]) for found in different.value.found}
    assert ("visibility", "sight", "is") in told
    assert [found.row for found in different.value.found if found.model == "directory"] == ["columns"]


def test_who_reads_the_rows_that_change_is_rebuilt_with_them(url: str, company: History) -> None:
    company.connection.execute("UPDATE visibility.sight SET deal_id = 'x' WHERE principal = 'oversight'")

    with pytest.raises(ReadersLeftOut, match="inbox"):
        rebuild(url, ["visibility"], accept_difference=True)


def test_the_former_tables_come_back_up_to_date(url: str, company: History) -> None:
    company.connection.execute("UPDATE inbox.chat SET title = 'as it was'")
    rebuild(url, ["inbox", "waits"], accept_difference=True)
    write(company, "later", "husband")
    follow(company.connection, company.head)

    with building(url, "inbox", "waits") as rebuilt:
        assert rebuilt.roll_back() == company.head

    titles = company.connection.execute("SELECT title, count(*) FROM inbox.chat GROUP BY 1 ORDER BY 2 DESC")
    assert titles.fetchall() == [("as it was", 40), (None, 1)]
    assert schemas(company.connection) == {"inbox_before", "waits_before"}


@pytest.mark.parametrize("what", [Rebuild.roll_back, Rebuild.drop])
def test_nothing_comes_back_where_nothing_is_kept(
    url: str, company: History, what: Callable[[Rebuild], object]
) -> None:
    with building(url, "inbox") as rebuilt, pytest.raises(NothingKept, match="inbox"):
        what(rebuilt)


def test_a_changed_definition_begins_anew(
    url: str, company: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(KeyboardInterrupt):
        rebuild(url, watch=cut_off("verify"))
    begun = step_of(company.connection, "inbox")

    monkeypatch.setattr(ReadModel, "definition", "another")
    with pytest.raises(KeyboardInterrupt):
        rebuild(url, watch=cut_off("replay"))

    again = step_of(company.connection, "inbox")
    assert begun is not None
    assert again is not None
    assert again["begun_at"] > begun["begun_at"]


def test_what_another_version_made_otherwise_is_found_with_all_that_is_built_from_it(
    url: str, company: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = company.connection
    assert made_otherwise(connection) == []
    note_definitions(connection)
    assert made_otherwise(connection) == []

    connection.execute("UPDATE projection.checkpoint SET definition = 'before' WHERE name = 'timeline'")
    note_definitions(connection)
    assert made_otherwise(connection) == ["timeline", "inbox", "search", "waits"]

    rebuild(url, ["timeline", "inbox", "search", "waits"])
    assert made_otherwise(connection) == []
    with building(url, "timeline", "inbox", "search", "waits") as rebuilt:
        with pytest.raises(FormerDefinition, match="timeline"):
            rebuilt.roll_back()


def test_only_what_decides_about_rows_is_part_of_a_definition() -> None:
    inbox = ReadModel("inbox")
    before = inbox.definition

    def with_other(text: str, other: str) -> str:
        assert text in inbox.statements.text
        inbox.statements = Statements("inbox.sql", inbox.statements.text.replace(text, other))
        return inbox.definition

    assert with_other("-- name: page", "-- name: leaf") == before
    assert with_other("client_count + news.client_count", "news.client_count") != before


def test_two_rebuilds_at_once_the_second_is_told_who_was_first(url: str, company: History) -> None:
    with create_pool(url, max_size=CONNECTIONS, name="the first") as pool, rebuilding(pool, ["inbox"]):
        with pytest.raises(RebuildRunning, match="the first"):
            rebuild(url, ["visibility"])


def test_whoever_lost_the_right_to_rebuild_writes_nothing_more(url: str, company: History) -> None:
    with building(url, "directory") as paused:
        paused.begin()
        with psycopg.connect(url, autocommit=True) as other:
            Building(other, ["directory"]).execute("go_on")

            with pytest.raises(Fenced):
                take_over(
                    other, paused.building.models[0], paused.building.epoch, Range(("directory",), 0, 2)
                )
            with pytest.raises(Fenced):
                paused.index()
        assert all(not rows for rows in all_rows(company.connection, "directory_next").values())


def test_a_rebuild_is_strict_and_names_the_event(url: str, company: History) -> None:
    before = live(company.connection)
    poison = company.append("contact.registered", "poison", contact_id=None, responsible_id=None)
    company.connection.execute("UPDATE projection.checkpoint SET position = %s", [company.head])

    with pytest.raises(ReadModelFailed, match=rf"directory.*\({poison - 1}, {poison}\]"):
        rebuild(url)

    assert live(company.connection) == before


def test_a_parked_read_model_goes_on_when_it_was_built_anew(url: str, company: History) -> None:
    company.connection.execute("UPDATE projection.checkpoint SET state = 'parked' WHERE name = 'inbox'")

    rebuild(url, ["inbox"])

    assert not retry(company.connection, "inbox")
    assert {row["state"] for row in statuses(company.connection)} == {"following"}


def test_an_unknown_name_changes_nothing(url: str, company: History) -> None:
    with pytest.raises(UnknownReadModel, match="inboxes"):
        rebuild(url, ["inboxes"])
