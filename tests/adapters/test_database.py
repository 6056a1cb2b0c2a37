import asyncio
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from adapters.postgres.database import create_async_pool, create_pool, migrate
from tests.databases import Databases

TABLES = [
    "CREATE TABLE IF NOT EXISTS chat (name text); -- 100 % of the names",
    "CREATE OR REPLACE FUNCTION one() RETURNS int LANGUAGE sql AS 'SELECT 1'; INSERT INTO chat VALUES ('%s')",
]


def test_migrations_of_processes_that_start_together_run_one_after_the_other(database_url: str) -> None:
    def start() -> None:
        with psycopg.connect(database_url) as connection:
            migrate(connection, TABLES)

    with ThreadPoolExecutor(4) as processes:
        for done in [processes.submit(start) for _ in range(4)]:
            done.result()

    with psycopg.connect(database_url) as connection:
        assert connection.execute("SELECT name, count(*) FROM chat GROUP BY 1").fetchall() == [("%s", 4)]


def test_a_migration_happens_whole_or_not_at_all(database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as connection:
        with pytest.raises(psycopg.errors.SyntaxError):
            migrate(connection, [*TABLES, "CREATE TABEL misspelt ()"])

        assert connection.execute("SELECT to_regclass('chat')").fetchone() == (None,)


def test_connections_of_a_pool_commit_by_themselves(database_url: str) -> None:
    with create_pool(database_url, max_size=2) as pool:
        with pool.connection() as connection:
            connection.execute("CREATE TABLE chat (name text)")
            with pool.connection() as another:
                assert another.execute("SELECT count(*) FROM chat").fetchone() == (0,)


def test_a_statement_that_takes_too_long_is_cancelled(database_url: str) -> None:
    async def read() -> None:
        async with create_async_pool(database_url, max_size=1, statement_timeout_s=0.05) as pool:
            async with pool.connection() as connection:
                with pytest.raises(psycopg.errors.QueryCanceled):
                    await connection.execute("SELECT pg_sleep(5)")

    asyncio.run(read())


def test_a_copy_of_a_migrated_database_has_its_tables(databases: Databases) -> None:
    migrated = databases.create()
    with psycopg.connect(migrated) as connection:
        migrate(connection, TABLES)

    copy = databases.create(template=migrated)

    with psycopg.connect(copy) as connection:
        assert connection.execute("SELECT name FROM chat").fetchall() == [("%s",)]
    databases.drop(copy)
    databases.drop(migrated)
