"""The passwords and the token that the processes need, in a file that is not in git.

`python -m deploy.secrets .env` writes it for docker-compose.yml; `make processes` keeps one of its own.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from secrets import token_hex

SECRETS = ("POSTGRES_PASSWORD", "NATS_PASSWORD", "CHATLEDGER_ADMIN_TOKEN")
SECRET_BYTES = 24
ONLY_OWNER = 0o600


def kept_secrets(path: Path) -> dict[str, str]:
    """The variables that the file sets; those of SECRETS that it lacks are made and added first.

    Each begins with a letter and has letters and digits only: they go into URLs, and into a configuration
    file that takes what begins with a digit for a number.
    """
    found = _read(path)
    made = {name: f"s{token_hex(SECRET_BYTES)}" for name in SECRETS if not found.get(name)}
    if made:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, ONLY_OWNER), "a") as file:
            file.writelines(f"\n{name}={value}\n" for name, value in made.items())
    return {**found, **made}


def _read(path: Path) -> dict[str, str]:
    lines = path.read_text().splitlines() if path.exists() else []
    pairs = (line.partition("=") for line in lines if not line.lstrip().startswith("#"))
    return {name.strip(): value.strip() for name, equals, value in pairs if equals}


if __name__ == "__main__":
    kept_secrets(Path(sys.argv[1]))
    print(f"{', '.join(SECRETS)} are set in {sys.argv[1]}, which only its owner may read.")
