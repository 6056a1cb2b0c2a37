"""PostgreSQL's processes as the operating system sees them: under which account they run, how they end."""

import os
import pwd
import signal
import stat
import subprocess
import time
from collections.abc import Collection, Sequence
from contextlib import suppress
from pathlib import Path

import psutil

SYSTEM_ACCOUNT = "chatledger"  # PostgreSQL refuses to run as root
SHUTDOWN_TIMEOUT_S = 60.0
POLL_INTERVAL_S = 0.02
LOG_SIZE_LIMIT = 16 * 2**20  # bytes; a longer log is begun anew by the next process


def spawn(
    program: Path, arguments: Sequence[str | Path], *, folder: Path, log: Path
) -> subprocess.Popen[bytes]:
    """Start a program in `folder`; as root, under the account to which the folder belongs."""
    as_root = os.geteuid() == 0
    if as_root:
        _open_the_way(folder)
        _open_the_way(program)
    account = folder.stat()
    log.touch(mode=0o600)
    with log.open("wb" if log.stat().st_size > LOG_SIZE_LIMIT else "ab") as output:
        return subprocess.Popen(
            [program, *arguments],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,  # Ctrl-C is for the owner, who then stops PostgreSQL in order
            user=account.st_uid if as_root else None,
            group=account.st_gid if as_root else None,
            extra_groups=[] if as_root else None,
        )


def end_processes(folders: Collection[Path], *, postmaster_pid: int | None) -> bool:
    """End all that PostgreSQL runs in these folders; False if some are still there after all patience."""
    for process in _processes(folders):
        if process.pid == postmaster_pid:
            with suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGINT)  # a fast shutdown: roll back, write all, end
            _wait_for_end(folders)
    # Without their first process the others can only die; crash recovery keeps what was committed.
    for process in _processes(folders):
        with suppress(psutil.NoSuchProcess):
            process.kill()
    return _wait_for_end(folders)


def give_to_system_account(path: Path) -> None:
    """As root: let PostgreSQL own the path. An ordinary user's PostgreSQL runs as that user."""
    if os.geteuid() != 0:
        return
    try:
        account = pwd.getpwnam(SYSTEM_ACCOUNT)
    except KeyError:
        subprocess.run(["useradd", "--system", "--no-create-home", SYSTEM_ACCOUNT], check=True)
        account = pwd.getpwnam(SYSTEM_ACCOUNT)
    os.chown(path, account.pw_uid, account.pw_gid)


def _wait_for_end(folders: Collection[Path]) -> bool:
    deadline = time.monotonic() + SHUTDOWN_TIMEOUT_S
    while _processes(folders):
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_INTERVAL_S)
    return True


def _processes(folders: Collection[Path]) -> list[psutil.Process]:
    """PostgreSQL's living processes stand in the folder of their database, also when they are orphans."""
    return [process for process in psutil.process_iter() if _stands_in(folders, process)]


def _stands_in(folders: Collection[Path], process: psutil.Process) -> bool:
    try:
        return process.name() in {"postgres", "initdb"} and Path(process.cwd()) in folders
    except psutil.Error:  # it has ended, or belongs to another account
        return False


def _open_the_way(path: Path) -> None:
    """Let PostgreSQL's account pass through the folders above `path`; it still can't list them."""
    for folder in path.parents:
        mode = folder.stat().st_mode
        if not mode & stat.S_IXOTH:
            folder.chmod(mode | stat.S_IXOTH)
