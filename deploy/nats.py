"""nats-server as docker-compose.yml has it, from the wheel, on ports of this machine, until it is ended."""

from __future__ import annotations

import os
import time
import urllib.request
from contextlib import suppress
from pathlib import Path
from threading import Thread

from api.complaints import end_in_order
from deploy import states
from deploy.kept import keep

CONFIGURATION = Path(__file__).with_name("nats.conf")
LOOK_INTERVAL_S, LOOK_TIMEOUT_S = 0.1, 2.0


def command(folder: Path, port: str, monitor_port: str) -> list[str]:
    """What runs the server. The ports of the configuration are those of a container, which has them all."""
    here = ["-a", "127.0.0.1", "-p", port, "-m", monitor_port]
    return ["nats-server", "-c", str(CONFIGURATION), "-sd", str(folder), *here]


def note_when_healthy(url: str) -> None:
    while True:
        with suppress(OSError), urllib.request.urlopen(url, timeout=LOOK_TIMEOUT_S):
            return states.note_ready("nats")
        time.sleep(LOOK_INTERVAL_S)


if __name__ == "__main__":
    end_in_order()
    monitor = os.environ["NATS_MONITOR_PORT"]
    health = f"http://127.0.0.1:{monitor}/healthz"
    Thread(target=note_when_healthy, args=(health,), name="health", daemon=True).start()
    with suppress(KeyboardInterrupt):
        keep(command(Path(os.environ["PROCESSES_DATA"]) / "nats", os.environ["NATS_PORT"], monitor))
