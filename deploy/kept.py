"""Runs a command as a container would be run: after others are ready, and again whenever it ended.

    python -m deploy.kept [--after NAME,NAME] [--once] COMMAND ...

What `depends_on` and `restart` are in docker-compose.yml. Its name is $PROCESS.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress

from api.complaints import SIGNALS, end_in_order
from deploy import states

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 10.0
LIVED_S = 10.0
"""Who lived so long is started again after the first pause; who ends sooner, after one twice as long."""


def keep(command: Sequence[str]) -> None:
    """Run it, and again whenever it ended by itself, until a signal comes."""
    pause_s = FIRST_PAUSE_S
    while True:
        begun = time.monotonic()
        code = run(command)
        pause_s = FIRST_PAUSE_S if time.monotonic() - begun >= LIVED_S else min(2 * pause_s, LONGEST_PAUSE_S)
        print(f"ended with {code} and is started again in {pause_s:g} s", flush=True)
        time.sleep(pause_s)


def complete(name: str, command: Sequence[str]) -> None:
    """Run it once. Then stay, doing nothing: who ends, ends all that the process manager runs.

    Raises:
        SystemExit: it failed; with its code.
    """
    if code := run(command):
        sys.exit(code)
    states.note_ready(name)
    while True:
        signal.pause()


def run(command: Sequence[str]) -> int:
    """Its exit code. A signal to us goes on to it, and it is waited for until it has ended in order.

    One that comes while it starts waits until it is known, so that nobody is left behind.
    """
    former = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    process = subprocess.Popen(command, preexec_fn=lambda: signal.pthread_sigmask(signal.SIG_SETMASK, former))
    try:
        signal.pthread_sigmask(signal.SIG_SETMASK, former)
        return process.wait()
    except KeyboardInterrupt:
        process.terminate()
        process.wait()
        raise


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m deploy.kept")
    parser.add_argument("--after", default="", help="who has to be ready first, separated by commas")
    parser.add_argument("--once", action="store_true", help="it ends by itself, and is ready then")
    parser.add_argument("command", nargs=argparse.REMAINDER)
    asked = parser.parse_args()
    end_in_order()
    with suppress(KeyboardInterrupt):
        states.wait_for(filter(None, asked.after.split(",")))
        if asked.once:
            complete(os.environ["PROCESS"], asked.command)
        keep(asked.command)


if __name__ == "__main__":
    main()
