"""docker-compose.replicas.yml: three servers of NATS, of which one may be lost."""

from __future__ import annotations

import asyncio
import re
import subprocess
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TypeVar

import nats
import pytest
from nats.js.api import StreamConfig
from nats.js.errors import APIError

from adapters.settings import Settings
from deploy.nats import CONFIGURATION
from deploy.secrets import SECRETS
from tests.deploy.compose import compose
from tests.nats_servers import PROGRAM, free_port

PATIENCE_S = 60
GIVEN = {name: f"the-{name}" for name in SECRETS}
SERVICES = compose(GIVEN)["services"]
MORE = compose(GIVEN, "docker-compose.replicas.yml")
SERVERS = ("nats", "nats-2", "nats-3")
ADDRESS = re.compile(r"@([\w.-]+):(\d+)")

Ports = dict[tuple[str, int], str]
T = TypeVar("T")


def test_the_others_are_as_the_first_is() -> None:
    for name in SERVERS[1:]:
        more, first = MORE["services"][name], SERVICES["nats"] | MORE["services"]["nats"]
        assert "ports" not in more, "clients find it by the first"
        assert more["environment"] == {**first["environment"], "NATS_SERVER_NAME": name}
        assert more["volumes"] == [volume.replace("nats:/", f"{name}:/") for volume in first["volumes"]]
        assert more["networks"] == ["inside"]
        for what in set(first) - {"ports", "environment", "volumes", "networks"}:
            assert more[what] == first[what], what
    assert set(MORE["volumes"]) == set(SERVERS[1:])


def test_everybody_who_uses_nats_is_told_of_all_three() -> None:
    users = {name for name in SERVICES if name not in ("postgres", "nats", "migrate")}
    assert set(MORE["services"]) == users | set(SERVERS)
    for name in users:
        told = {
            field: MORE["services"][name]["environment"][f"CHATLEDGER_{field.upper()}"]
            for field in ("nats_url", "nats_replicas")
        }
        settings = Settings(**told)
        assert settings.nats_replicas == len(SERVERS)
        assert settings.nats_url
        first, *others = settings.nats_url.split(",")
        assert first == SERVICES[name]["environment"]["CHATLEDGER_NATS_URL"]
        assert others == [first.replace("@nats:", f"@{server}:") for server in SERVERS[1:]]


@pytest.mark.drill
def test_what_was_acknowledged_is_there_when_any_one_server_is_lost(tmp_path: Path) -> None:
    with cluster(tmp_path) as (servers, url):
        asyncio.run(_written_and_read(url, servers["nats"]))


@contextmanager
def cluster(folder: Path) -> Iterator[tuple[dict[str, subprocess.Popen[bytes]], str]]:
    """The servers with the commands that the file gives them, at addresses of this machine; and their URL."""
    ports = {(name, inside): str(free_port()) for name in SERVERS for inside in (4222, 6222, 8222)}
    with ExitStack() as stack:
        servers = {}
        for name in SERVERS:
            command = _here(MORE["services"][name]["command"], name, folder, ports)
            variables = {"NATS_SERVER_NAME": name, "NATS_PASSWORD": GIVEN["NATS_PASSWORD"]}
            log = stack.enter_context((folder / f"{name}.log").open("wb"))
            servers[name] = subprocess.Popen([PROGRAM, *command], env=variables, stdout=log, stderr=log)
            stack.callback(servers[name].wait)
            stack.callback(servers[name].kill)
        url = MORE["services"]["relay"]["environment"]["CHATLEDGER_NATS_URL"]
        yield servers, _moved(url, "", ports)


def _here(command: list[str], name: str, folder: Path, ports: Ports) -> list[str]:
    """What a container runs, as what this machine can run beside the others."""
    program, *options = command
    assert program == "nats-server"
    places = {"/etc/nats/nats.conf": str(CONFIGURATION), "/data": str(folder / name)}
    told = [places.get(option, _moved(option, name, ports)) for option in options]
    return [*told, "-a", "127.0.0.1", "-p", ports[name, 4222], "-m", ports[name, 8222]]


def _moved(urls: str, name: str, ports: Ports) -> str:
    """name: whose address 0.0.0.0 is."""
    return ADDRESS.sub(
        lambda found: f"@127.0.0.1:{ports[name if found[1] == '0.0.0.0' else found[1], int(found[2])]}", urls
    )


async def _written_and_read(url: str, lost: subprocess.Popen[bytes]) -> None:
    client = await nats.connect(url.split(","), max_reconnect_attempts=-1, error_cb=_note)
    try:
        stream = client.jetstream(timeout=2)
        wanted = StreamConfig("LEDGER", subjects=["ledger.>"], num_replicas=len(SERVERS))
        async with asyncio.timeout(PATIENCE_S):
            await _until_done(lambda: stream.add_stream(wanted))
            await _until_done(lambda: stream.publish("ledger.a", b"before"))
            lost.kill()
            await _until_done(lambda: stream.publish("ledger.a", b"after"))
            kept = [await _until_done(partial(stream.get_msg, "LEDGER", number)) for number in (1, 2)]
        assert [message.data for message in kept] == [b"before", b"after"]
    finally:
        await client.close()


async def _until_done(ask: Callable[[], Awaitable[T]]) -> T:
    """Ask again while the servers choose who leads."""
    while True:
        with suppress(nats.errors.Error, APIError):
            return await ask()
        await asyncio.sleep(0.1)


async def _note(error: Exception) -> None:
    """That one server is lost is what is tried."""
