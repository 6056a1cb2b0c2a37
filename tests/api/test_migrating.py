"""`chatledger migrate`: once, before several processes start on one database."""

import psycopg
import pytest

from api.migrating import migrate_database
from projections.checkpoints import statuses
from projections.rebuild import REBUILD_LOCK, RebuildRunning
from tests.api.client import serving
from tests.databases import Databases


@pytest.fixture
def empty_url(databases: Databases) -> str:
    return databases.create()


def test_an_empty_database_is_made_ready_once_and_repeated_nothing_changes(empty_url: str) -> None:
    assert migrate_database(empty_url) == 0
    made = _everything_made(empty_url)
    assert migrate_database(empty_url) == 0
    assert _everything_made(empty_url) == made

    with serving(empty_url) as server:
        head = server.head
        assert _everything_made(empty_url) == made, "a server makes more than migrate did"
    assert migrate_database(empty_url) == head


def test_what_another_version_made_otherwise_is_built_anew_before_servers_start(database_url: str) -> None:
    with serving(database_url) as server:
        server.client.put_channel()
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(
            "UPDATE projection.checkpoint SET definition = 'of another version' WHERE name = 'search'"
        )
    migrate_database(database_url)

    with psycopg.connect(database_url) as connection:
        assert {each["name"] for each in statuses(connection) if each["rebuild"]} == {"search"}


def test_who_is_second_while_tables_are_built_anew_is_told(database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(
            "UPDATE projection.checkpoint SET definition = 'of another version' WHERE name = 'search'"
        )
        connection.execute("SELECT pg_advisory_lock(%s)", (REBUILD_LOCK,))
        with pytest.raises(RebuildRunning):
            migrate_database(database_url)


def _everything_made(url: str) -> list[tuple[str, ...]]:
    """Tables with their columns, and functions with what they do."""
    with psycopg.connect(url) as connection:
        return connection.execute(
            "SELECT attrelid::regclass::text, attname, format_type(atttypid, atttypmod) FROM pg_attribute"
            " JOIN pg_class ON pg_class.oid = attrelid WHERE attnum > 0 AND NOT attisdropped"
            " AND relnamespace::regnamespace::text NOT IN ('pg_catalog', 'information_schema', 'pg_toast')"
            " UNION ALL SELECT pg_proc.oid::regprocedure::text, md5(prosrc), '' FROM pg_proc"
            " WHERE pronamespace::regnamespace::text NOT IN ('pg_catalog', 'information_schema')"
            " ORDER BY 1, 2, 3"
        ).fetchall()
