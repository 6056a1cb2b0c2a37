"""`make processes`: what docker-compose.yml runs in containers, as processes of this machine, until Ctrl-C.

Real servers from their wheels, the Procfile beside this file, and the same variables. All data and the
secrets, which are made at the first start, are in one folder outside git.

    python -m deploy.processes [NAME ...]    only these processes
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from honcho import environ, manager

from deploy import states
from deploy.postgres import DATABASE, USER
from deploy.secrets import kept_secrets

ROOT = Path(__file__).resolve().parent.parent
PROCFILE = Path(__file__).with_name("Procfile")
PORTS = {
    "POSTGRES_PORT": "5433",  # not its usual one, as this machine may have a PostgreSQL
    "NATS_PORT": "4222",
    "NATS_MONITOR_PORT": "8222",
    "API_1_PORT": "8001",
    "API_2_PORT": "8002",
    "FOLLOWER_1_PORT": "8011",
    "FOLLOWER_2_PORT": "8012",
    "RELAY_PORT": "8021",
}
"""Where each listens if the environment says nothing else; docker-compose.yml publishes the same."""

GRACE_S = 20
"""So long processes may take to end. The process manager has it as a constant, of 5 s, which would cut off
requests under way, and with them the PostgreSQL that waits for their end."""

ENDED_BY_SIGNAL = (130, 143)


def environment(folder: Path) -> dict[str, str]:
    """What every process is started with, beside the environment of this one. folder: for all data."""
    secrets = kept_secrets(folder / "env")
    ports = {name: os.environ.get(name, port) for name, port in PORTS.items()}
    postgres = f"{USER}:{secrets['POSTGRES_PASSWORD']}@127.0.0.1:{ports['POSTGRES_PORT']}"
    nats = f"{USER}:{secrets['NATS_PASSWORD']}@127.0.0.1:{ports['NATS_PORT']}"
    return {
        **secrets,
        **ports,
        "CHATLEDGER_DATABASE_URL": f"postgresql://{postgres}/{DATABASE}",
        "CHATLEDGER_NATS_URL": f"nats://{nats}",
        "CHATLEDGER_FOLLOW": "false",
        "CHATLEDGER_LOGS": os.environ.get("CHATLEDGER_LOGS", "text"),
        "CHATLEDGER_DATA": str(folder / "chatledger"),
        "NATS_SERVER_NAME": "nats",
        "PROCESSES_DATA": str(folder),
        "PYTHONUNBUFFERED": "1",
        "PATH": os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath))),
    }


def procfile() -> dict[str, str]:
    """Name and shell command of each process."""
    processes: dict[str, str] = environ.parse_procfile(PROCFILE.read_text()).processes
    return processes


def main() -> None:
    folder = Path(os.environ.get("PROCESSES_DATA", "processes-data")).resolve()
    told = environment(folder)
    os.environ.update(told)
    states.forget()
    manager.KILL_WAIT = GRACE_S
    signal.signal(signal.SIGHUP, lambda *_: signal.raise_signal(signal.SIGTERM))  # the terminal was closed
    running = manager.Manager()
    for name in sys.argv[1:] or procfile():
        running.add_process(name, procfile()[name], env={**os.environ, "PROCESS": name}, cwd=ROOT)
    running.loop()
    sys.exit(0 if running.returncode in ENDED_BY_SIGNAL else running.returncode)


if __name__ == "__main__":
    main()
