"""Real servers, really killed: what an owner finds afterwards."""

import os
import pwd
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psutil
import psycopg
import pytest

from adapters.postgres.data_folder import DataFolderTaken
from adapters.postgres.embedded import EmbeddedPostgres, PostgresFailed

PATIENCE_S = 60
OWNER_PROCESS = """
import os, sys
from pathlib import Path
from adapters.postgres.embedded import EmbeddedPostgres
if len(sys.argv) > 2:
    os.setgroups([])
    os.setgid(int(sys.argv[2]))
    os.setuid(int(sys.argv[2]))
print(EmbeddedPostgres(Path(sys.argv[1]), owner="chatledger serve on 127.0.0.1:8000").start(), flush=True)
sys.stdin.read()
"""


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "data"
    yield folder
    assert postgres_processes(folder) == []
    assert not (folder / "owner").exists()


def postgres_processes(folder: Path) -> list[psutil.Process]:
    def stands_there(process: psutil.Process) -> bool:
        try:
            return folder in Path(process.cwd()).parents
        except psutil.Error:
            return False

    return [process for process in psutil.process_iter() if stands_there(process)]


def postmaster_pid(folder: Path) -> int:
    return int((folder / "postgres" / "postmaster.pid").read_text().splitlines()[0])


def write_names(url: str, *names: str) -> None:
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS name (name text)")
        connection.cursor().executemany("INSERT INTO name VALUES (%s)", [(name,) for name in names])


def names(url: str) -> list[str]:
    with psycopg.connect(url) as connection:
        return [name for (name,) in connection.execute("SELECT name FROM name ORDER BY name").fetchall()]


def answers(url: str) -> bool:
    try:
        return bool(names(url))
    except psycopg.OperationalError:
        return False


@contextmanager
def owner_process(folder: Path, *, as_user: int | None = None) -> Iterator[tuple[subprocess.Popen[str], str]]:
    process = subprocess.Popen(
        [sys.executable, "-c", OWNER_PROCESS, str(folder), *([] if as_user is None else [str(as_user)])],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin
    assert process.stdout
    with process:
        yield process, process.stdout.readline().strip()
        process.kill()


def test_a_stopped_server_leaves_its_data_and_no_process(folder: Path) -> None:
    with EmbeddedPostgres(folder, owner="first") as url:
        write_names(url, "Oleg")

    assert postgres_processes(folder) == []
    with EmbeddedPostgres(folder, owner="second") as url:
        assert names(url) == ["Oleg"]


def test_commits_are_durable_and_nobody_is_let_in_from_the_network(folder: Path) -> None:
    with EmbeddedPostgres(folder, owner="test") as url, psycopg.connect(url) as connection:
        row = connection.execute(
            "SELECT current_setting('fsync'), current_setting('synchronous_commit'),"
            " current_setting('full_page_writes'), current_setting('listen_addresses')"
        ).fetchone()
        assert row == ("on", "on", "on", "")
        assert connection.info.server_version // 10_000 == 18
        assert (folder / "postgres").stat().st_mode & 0o077 == 0


def test_a_second_owner_is_refused_and_told_who_is_first(folder: Path) -> None:
    with owner_process(folder) as (process, url):
        with pytest.raises(DataFolderTaken) as refusal:
            EmbeddedPostgres(folder, owner="another serve").start()

        write_names(url, "Oleg")
        assert str(refusal.value) == (
            f"{folder} is in use by chatledger serve on 127.0.0.1:8000, pid {process.pid}"
        )
        assert refusal.value.url == url

    with EmbeddedPostgres(folder, owner="another serve") as url:
        assert names(url) == ["Oleg"]


def test_after_its_owner_was_killed_a_server_left_over_is_replaced(folder: Path) -> None:
    with owner_process(folder) as (process, url):
        write_names(url, "Oleg", "Pavel")
        process.kill()
        process.wait()
        left_over = psutil.Process(postmaster_pid(folder))
        with psycopg.connect(url) as still_connected:
            assert left_over.is_running()

            with EmbeddedPostgres(folder, owner="next") as new_url:
                assert names(new_url) == ["Oleg", "Pavel"]
                assert postmaster_pid(folder) != left_over.pid
                with pytest.raises(psycopg.OperationalError):
                    still_connected.execute("SELECT 1")


@pytest.mark.parametrize("killed", ["the first process", "all of them"])
def test_a_killed_server_is_recovered_at_the_next_start(folder: Path, killed: str) -> None:
    server = EmbeddedPostgres(folder, owner="test")
    url = server.start()
    write_names(url, "Oleg")
    every = postgres_processes(folder)
    for process in [psutil.Process(postmaster_pid(folder))] if killed == "the first process" else every:
        process.kill()

    server.stop()
    url = server.start()

    assert names(url) == ["Oleg"]
    server.stop()


@pytest.mark.parametrize("killed", ["the first process", "all of them"])
def test_a_server_that_is_killed_is_started_again_while_its_owner_lives(folder: Path, killed: str) -> None:
    with EmbeddedPostgres(folder, owner="test") as url:
        for count in (1, 2):
            write_names(url, f"name {count}")
            first = psutil.Process(postmaster_pid(folder))
            for process in [first] if killed == "the first process" else postgres_processes(folder):
                process.kill()
            deadline = time.monotonic() + PATIENCE_S
            while not answers(url):
                assert time.monotonic() < deadline
                time.sleep(0.02)
            assert len(names(url)) == count
            assert postmaster_pid(folder) != first.pid


def test_a_server_that_ends_while_it_is_stopped_stays_away(folder: Path) -> None:
    server = EmbeddedPostgres(folder, owner="test")
    server.start()
    psutil.Process(postmaster_pid(folder)).kill()
    server.stop()


def test_owner_and_server_may_be_killed_together_while_a_query_runs(folder: Path) -> None:
    with owner_process(folder) as (process, url):
        write_names(url, "Oleg")
        with closing(psycopg.connect(url, autocommit=True)) as connection:
            busy = psutil.Process(connection.info.backend_pid)
            connection.pgconn.send_query(b"DO $$ BEGIN LOOP END LOOP; END $$")
            while busy.cpu_times().user < 0.1:
                time.sleep(0.02)
            os.kill(postmaster_pid(folder), signal.SIGKILL)
            process.kill()
            process.wait()
            assert busy.is_running()

            with EmbeddedPostgres(folder, owner="next") as new_url:
                assert names(new_url) == ["Oleg"]


def test_a_first_start_that_was_killed_half_way_is_begun_anew(folder: Path) -> None:
    (folder / "postgres.unfinished").mkdir(parents=True)
    (folder / "postgres.unfinished" / "PG_VERSION").write_text("18\n")

    with EmbeddedPostgres(folder, owner="test") as url:
        write_names(url, "Oleg")


def test_a_pid_file_whose_number_another_process_got_does_not_stop_the_start(folder: Path) -> None:
    with EmbeddedPostgres(folder, owner="test"):
        lines = (folder / "postgres" / "postmaster.pid").read_text().splitlines()
    stale = folder / "postgres" / "postmaster.pid"
    stale.write_text("\n".join([str(os.getpid()), *lines[1:], ""]))

    with EmbeddedPostgres(folder, owner="test") as url:
        write_names(url, "Oleg")


@pytest.mark.parametrize("name", ["long " * 40, "with, comma and ünicode", "100%"])
def test_a_folder_may_have_a_long_or_odd_name(folder: Path, name: str) -> None:
    with EmbeddedPostgres(folder / name, owner="test") as url:
        write_names(url, "Oleg")


def test_a_server_that_does_not_start_says_why_and_leaves_nothing(folder: Path) -> None:
    with pytest.raises(PostgresFailed, match="nonsense"):
        EmbeddedPostgres(folder, owner="test", settings={"nonsense": "on"}).start()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_an_ordinary_user_owns_a_server_too_and_root_may_carry_on(
    folder: Path, open_way: Callable[[], None]
) -> None:
    nobody = pwd.getpwnam("nobody").pw_uid
    folder.mkdir()
    os.chown(folder, nobody, nobody)
    open_way()
    with owner_process(folder, as_user=nobody) as (_, url):
        write_names(url, "Oleg")
        assert psutil.Process(postmaster_pid(folder)).uids().real == nobody

    with EmbeddedPostgres(folder, owner="root") as url:
        assert names(url) == ["Oleg"]
        assert psutil.Process(postmaster_pid(folder)).uids().real == nobody


@pytest.fixture
def open_way(tmp_path: Path) -> Callable[[], None]:
    def open_way() -> None:
        for parent in tmp_path.parents:
            if not parent.stat().st_mode & 0o001:
                parent.chmod(parent.stat().st_mode | 0o001)
        tmp_path.chmod(0o755)

    return open_way
