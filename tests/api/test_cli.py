"""The commands, and a server's life from its start to its end, as real processes."""

import json
import signal
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest
import typer
from typer.testing import CliRunner

from api.cli import app
from tests.api.commands import ADMIN_TOKEN, chatledger, serving


def commands(group: typer.Typer, *words: str) -> Iterator[str]:
    for command in group.registered_commands:
        if command.callback:
            yield " ".join((*words, command.name or command.callback.__name__))
    for inner in group.registered_groups:
        if inner.typer_instance:
            name = [inner.name] if isinstance(inner.name, str) else []  # without one it is of its parent's
            yield from commands(inner.typer_instance, *words, *name)


@pytest.mark.parametrize("command", list(commands(app)))
def test_every_command_explains_itself_with_examples(command: str) -> None:
    told = CliRunner().invoke(app, [*command.split(), "--help"], env={"COLUMNS": "100"}).output
    assert "Examples:" in told
    assert f"chatledger {command}" in told


def test_a_server_from_its_start_to_its_end_and_again(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with serving("--data", data) as server:
        before = _head(server.url)
        _connect_the_house(server.url)
        second = chatledger("serve", "--port", "0", "--data", data)
        assert second.returncode == 1
        assert second.stderr.count("\n") == 1
        assert "is in use by chatledger serve on 127.0.0.1:0, pid" in second.stderr
        assert str(server.process.pid) in second.stderr
        for_machines = chatledger("serve", "--port", "0", "--data", data, CHATLEDGER_LOGS="json")
        assert json.loads(for_machines.stderr)["level"] == "critical"
        assert "inbox" in chatledger("status", "--data", data).stdout
        token = chatledger("token", "--scope", "admin", "--label", "x", "--workspace", "acme", "--data", data)
        assert _may_configure(server.url, token.stdout.strip())
        after = _head(server.url)
        code, said = server.stop()
        assert (code, said.count("Traceback")) == (0, 0)
    assert _postgres_in(data) == []
    assert not (data / "owner").exists()

    with serving("--data", data) as server:
        assert before < _head(server.url) == after
        assert server.stop(signal.SIGINT)[0] == 0
    assert _postgres_in(data) == []


def test_read_models_are_rebuilt_beside_a_server_and_without_one(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with serving("--data", data) as server:
        _connect_the_house(server.url)
        beside = chatledger("rebuild", "all", "--data", data)
        assert (beside.returncode, beside.stderr) == (0, "")
    alone = chatledger("rebuild", "inbox", "--data", data)
    assert alone.stdout.splitlines()[-1] == beside.stdout.splitlines()[-1]
    assert "Rebuilt from the first event to position 2." in alone.stdout
    assert "are back" in chatledger("rebuild", "inbox", "--roll-back", "--data", data).stdout
    assert chatledger("rebuild", "inbox", "--roll-back", "--drop", "--data", data).returncode == 2
    assert "are gone" in chatledger("rebuild", "inbox", "--drop", "--data", data).stdout
    assert "inbox is not parked" in chatledger("projections", "retry", "inbox", "--data", data).stdout


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["status", "--data", "nowhere"], "There is no Chatledger in nowhere."),
        (["rebuild", "inbox", "--data", "nowhere"], "There is no Chatledger in nowhere."),
        (["audit", "who", "--chat", "x", "--data", "nowhere"], "There is no Chatledger in nowhere."),
        (["projections", "retry", "inboxes"], "No read model is called 'inboxes'"),
        (
            ["token", "--scope", "king", "--label", "x"],
            "must be admin, connector, auditor, analyst",
        ),
        (["import", "nothing.jsonl", "--channel", "x"], "nothing.jsonl"),
    ],
)
def test_what_goes_wrong_is_one_line(arguments: list[str], complaint: str) -> None:
    ended = chatledger(*arguments)
    assert ended.returncode == 1
    assert complaint in ended.stderr
    assert ended.stderr.count("\n") == 1


def test_a_setting_that_cannot_be_meant_is_one_line() -> None:
    ended = chatledger("serve", CHATLEDGER_PORT="many")
    assert ended.returncode == 1
    assert "port" in ended.stderr
    assert ended.stderr.count("\n") == 1


def _connect_the_house(url: str) -> None:
    channel = {"kind": "whatsapp", "title": "House", "visibility": "client_owners"}
    httpx.put(f"{url}/v1/channels/house", json=channel, headers=_bearer(ADMIN_TOKEN)).raise_for_status()


def _head(url: str) -> int:
    models = (
        httpx.get(f"{url}/v1/projections", headers=_bearer(ADMIN_TOKEN)).raise_for_status().json()["items"]
    )
    return int(models[0]["head"])


def _may_configure(url: str, token: str) -> bool:
    return httpx.put(f"{url}/v1/workspace", json={"language": "ru"}, headers=_bearer(token)).is_success


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def _postgres_in(data: Path) -> list[psutil.Process]:
    return [
        process
        for process in psutil.process_iter(["name", "cwd"])
        if process.info["name"] == "postgres" and str(data) in (process.info["cwd"] or "")
    ]
