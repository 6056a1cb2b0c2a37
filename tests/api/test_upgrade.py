"""A data folder of another version: its read models are built anew before anybody reads them."""

import psycopg

from projections.checkpoints import statuses
from tests.api.client import serving


def test_what_another_version_made_otherwise_is_built_anew_at_the_start(database_url: str) -> None:
    with serving(database_url) as server:
        connector = server.client.with_token("connector")
        server.client.put_employee("irina", role="supervisor")
        server.client.put_channel()
        connector.tell(connector.message("chat", "+7 999 1"))
        irina = server.client.with_token("employee:irina")
        before = irina.inbox()
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("ALTER TABLE timeline.message DROP COLUMN delivery_id, ADD COLUMN old_name text")
        connection.execute(
            "UPDATE projection.checkpoint SET definition = 'of another version' WHERE name = 'timeline'"
        )

    with serving(database_url) as server, psycopg.connect(database_url, autocommit=True) as connection:
        irina.http = server.client.http
        assert irina.inbox() == before
        rebuilt = {status["name"] for status in statuses(connection) if status["rebuild"]}
        assert rebuilt == {"timeline", "inbox", "search", "waits"}

    with serving(database_url) as server:
        irina.http = server.client.http
        assert irina.inbox() == before


def test_read_models_that_an_older_version_did_not_have_are_made_at_the_start(database_url: str) -> None:
    """Also where the functions of others, which are made anew first, already name them."""
    with serving(database_url) as server:
        connector = server.client.with_token("connector")
        server.client.put_employee("irina", role="supervisor")
        server.client.put_channel()
        irina = server.client.with_token("employee:irina")
        irina.get("/v1/inbox", min_position=connector.tell(connector.message("chat", "+7 999 1"))["position"])
        messages = f"/v1/conversations/{irina.conversation_with('chat')}/messages"
        thread = f"{messages}/{irina.get(messages)['items'][0]['message_id']}/thread"
        irina.post(thread, {"text": "hidden"})
        irina.post(messages.replace("messages", "tasks"), {"text": "call"})
        before = [irina.get(path) for path in (messages, thread, "/v1/tasks")]
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("DROP SCHEMA threads, tasks CASCADE")
        connection.execute("DELETE FROM projection.checkpoint WHERE name IN ('threads', 'tasks')")
        connection.execute(
            "UPDATE projection.checkpoint SET definition = 'of an older version'"
            " WHERE name IN ('visibility', 'timeline')"
        )

    with serving(database_url) as server:
        irina.http = server.client.http
        after = [irina.get(path, min_position=server.head) for path in (messages, thread, "/v1/tasks")]
        assert after == before
