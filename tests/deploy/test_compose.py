"""docker-compose.yml says what the Procfile, the settings, the wheels and the Dockerfile say."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path
from string import Template
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from adapters.postgres import embedded
from adapters.settings import Settings
from api.cli import app
from deploy import nats, postgres, processes
from deploy.processes import PORTS, ROOT, environment, procfile
from deploy.secrets import SECRETS, kept_secrets
from tests.deploy.compose import Missing, Service, compose, published

SERVERS = ("postgres", "nats")
KEPT = ["exec", "python", "-m", "deploy.kept"]
GIVEN = {name: f"the-{name}" for name in SECRETS}
SERVICES: dict[str, Service] = compose(GIVEN)["services"]
OURS = {name: service for name, service in SERVICES.items() if name not in SERVERS}
INSTALLED = ("domain", "projections", "adapters", "api")
HEALTH_PORT = 8000


class Line:
    """A line of the Procfile, of one of our own processes."""

    def __init__(self, command: str) -> None:
        words = shlex.split(Template(command).safe_substitute(PORTS))
        assert words[: len(KEPT)] == KEPT
        begun = words.index("chatledger")
        options = words[len(KEPT) : begun]
        self.command = words[begun:]
        self.once = "--once" in options
        self.after = set(options[options.index("--after") + 1].split(","))


LINES = {name: Line(command) for name, command in procfile().items() if name not in SERVERS}


def test_both_run_the_same_processes() -> None:
    assert set(procfile()) == set(SERVICES)
    kinds = [re.sub(r"-\d", "", name) for name in SERVICES]
    assert {kind: kinds.count(kind) for kind in kinds} == {
        **{"postgres": 1, "nats": 1, "migrate": 1},
        **{"api": 2, "follower": 2, "relay": 1},
    }


@pytest.mark.parametrize("name", OURS)
def test_both_give_the_same_command_but_for_where_it_listens(name: str) -> None:
    inside, _ = _without_place(OURS[name]["command"])
    here, _ = _without_place(LINES[name].command)
    assert inside == here


@pytest.mark.parametrize("name", OURS)
def test_what_a_container_publishes_is_where_the_process_listens(name: str) -> None:
    _, inside = _without_place(OURS[name]["command"])
    _, here = _without_place(LINES[name].command)
    assert published(OURS[name]) == {int(at): int(port) for at, port in zip(here, inside, strict=True)}


def test_no_two_listen_on_one_port_and_each_port_can_be_chosen() -> None:
    chosen = {name: str(40_000 + number) for number, name in enumerate(PORTS)}
    services = compose({**GIVEN, **chosen})["services"]
    ports = [port for service in services.values() for port in published(service)]
    assert sorted(map(str, ports)) == sorted(set(chosen.values()) - {chosen["POSTGRES_PORT"]})
    defaults = [port for service in SERVICES.values() for port in published(service)]
    assert sorted(map(str, defaults)) == sorted(set(PORTS.values()) - {PORTS["POSTGRES_PORT"]})


def test_nats_runs_the_same_server_and_configuration(tmp_path: Path) -> None:
    service = SERVICES["nats"]
    mounted = dict(volume.split(":")[:2] for volume in service["volumes"])
    assert (ROOT / "deploy/nats.conf").samefile(nats.CONFIGURATION)
    program, *options = service["command"]
    here = nats.command(Path("/data"), "4222", "8222")
    assert [program, "-c", mounted["./deploy/nats.conf"]] == ["nats-server", *options[:2]]
    assert here[3:5] == options[2:] == ["-sd", mounted["nats"]]
    assert published(service) == {4222: 4222, 8222: 8222}
    for needed in re.findall(r"\$(\w+)", nats.CONFIGURATION.read_text()):
        assert needed in service["environment"]
        assert needed in environment(tmp_path)


def test_postgres_is_set_as_where_we_run_it_ourselves() -> None:
    program, *options = SERVICES["postgres"]["command"]
    told = dict(option.removeprefix("--").split("=", 1) for option in options)
    assert program == "postgres"
    assert told == {name: value for name, value in postgres.SETTINGS.items() if name != "listen_addresses"}
    assert set(told) == set(embedded.SETTINGS) - {"listen_addresses"}
    initdb = SERVICES["postgres"]["environment"]["POSTGRES_INITDB_ARGS"].split()
    written = Path(embedded.__file__).read_text()
    assert all(f'"{option}"' in written for option in initdb)


def test_images_are_the_versions_that_we_test_with() -> None:
    server = _told(embedded.programs() / "postgres", "--version").split()[2]
    assert SERVICES["postgres"]["image"] == f"postgres:{server}"
    nats_server = _told(Path(sys.executable).with_name("nats-server"), "--version").rpartition("v")[2]
    assert SERVICES["nats"]["image"] == f"nats:{nats_server}-alpine"
    version = re.search(r'^version = "(.+)"', _text("pyproject.toml"), re.MULTILINE)
    assert version
    assert {service["image"] for service in OURS.values()} == {f"chatledger:{version[1]}"}
    assert all(service["build"] == "." for service in OURS.values())


@pytest.mark.parametrize("name", OURS)
def test_variables_are_settings_and_those_of_the_processes(name: str, tmp_path: Path) -> None:
    told = OURS[name]["environment"]
    here = environment(tmp_path)
    assert set(told) <= {f"CHATLEDGER_{field.upper()}" for field in Settings.model_fields}
    assert set(told) <= set(here)
    assert told["CHATLEDGER_FOLLOW"] == here["CHATLEDGER_FOLLOW"]
    for url in ("CHATLEDGER_DATABASE_URL", "CHATLEDGER_NATS_URL"):
        assert _anonymous(told[url]) == _anonymous(here[url])


def test_nothing_is_set_for_processes_here_that_containers_lack(tmp_path: Path) -> None:
    told = {variable for service in OURS.values() for variable in service["environment"]}
    assert {name for name in environment(tmp_path) if name.startswith("CHATLEDGER_")} == told


@pytest.mark.parametrize("name", OURS)
def test_who_waits_for_whom_is_the_same(name: str) -> None:
    assert LINES[name].after == set(OURS[name]["depends_on"])
    assert LINES[name].once == (OURS[name]["restart"] == "no")
    for needed, how in OURS[name]["depends_on"].items():
        once = needed in LINES and LINES[needed].once
        assert how["condition"] == f"service_{'completed_successfully' if once else 'healthy'}"


@pytest.mark.parametrize("name", SERVICES)
def test_each_is_limited_watched_and_without_rights(name: str) -> None:
    service = SERVICES[name]
    assert set(service["deploy"]["resources"]["limits"]) == {"cpus", "memory", "pids"}
    assert "no-new-privileges:true" in service["security_opt"]
    assert int(service["logging"]["options"]["max-file"]) > 0
    if name == "migrate":
        assert service["healthcheck"] == {"disable": True}
    else:
        assert service["restart"] == "unless-stopped"
        assert service["healthcheck"]["test"][0] == "CMD"
    if name in OURS:
        assert (service["read_only"], service["cap_drop"]) == (True, ["ALL"])


def test_who_serves_http_is_asked_whether_he_is_ready_where_he_listens() -> None:
    for name in set(OURS) - {"migrate"}:
        assert f"127.0.0.1:{HEALTH_PORT}/readyz" in OURS[name]["healthcheck"]["test"][-1]
        assert list(published(OURS[name]).values()) == [HEALTH_PORT]


def test_data_is_in_named_volumes_and_postgres_is_not_reached_from_outside() -> None:
    whole = compose(GIVEN)
    mounted = [volume.split(":")[0] for service in SERVICES.values() for volume in service.get("volumes", [])]
    assert {name for name in mounted if not name.startswith(".")} == set(whole["volumes"])
    assert "postgres:/var/lib/postgresql" in SERVICES["postgres"]["volumes"]
    assert whole["networks"][SERVICES["postgres"]["networks"][0]]["internal"] is True
    assert not published(SERVICES["postgres"])
    assert OURS["api-1"]["environment"]["CHATLEDGER_DATA"] == OURS["api-1"]["volumes"][0].partition(":")[2]


@pytest.mark.parametrize("name", SECRETS)
def test_no_secret_is_in_the_file_and_who_sets_none_is_told_how(name: str) -> None:
    assert not set(GIVEN.values()) & set(_strings(yaml.safe_load(_text("docker-compose.yml"))))
    with pytest.raises(Missing, match=f"{name}: run make secrets"):
        compose({other: value for other, value in GIVEN.items() if other != name})


def test_secrets_are_made_once_for_their_owner_only_and_kept(tmp_path: Path) -> None:
    path = tmp_path / "new" / ".env"
    made = kept_secrets(path)
    assert set(made) == set(SECRETS)
    assert all(re.fullmatch(r"[a-z][a-z0-9]{32,}", value) for value in made.values())
    assert len(set(made.values())) == len(SECRETS)
    assert path.stat().st_mode & 0o777 == 0o600
    assert kept_secrets(path) == made

    path.write_text(f"# mine\nNATS_PASSWORD = {made['NATS_PASSWORD']}\nAPI_1_PORT=9001")
    again = kept_secrets(path)
    assert (again["NATS_PASSWORD"], again["API_1_PORT"]) == (made["NATS_PASSWORD"], "9001")
    assert again["POSTGRES_PASSWORD"] != made["POSTGRES_PASSWORD"]
    assert kept_secrets(path) == again


def test_what_is_secret_or_data_is_in_neither_git_nor_the_image() -> None:
    ignored = _text(".gitignore").splitlines()
    assert {"/.env", "/chatledger.env", "/processes-data/"} <= set(ignored)
    allowed = [line[1:] for line in _text(".dockerignore").splitlines() if line.startswith("!")]
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", _text("Dockerfile"), re.MULTILINE)
    assert "*" in _text(".dockerignore").splitlines()
    assert sorted(allowed) == sorted(" ".join(copied).split())


def test_the_image_has_everything_that_is_installed_and_is_not_root() -> None:
    dockerfile, project = _text("Dockerfile"), _text("pyproject.toml")
    files = (
        path for part in ("domain", "projections", "adapters", "api") for path in (ROOT / part).rglob("*")
    )
    used = [path for path in files if path.is_file() and "__pycache__" not in path.parts]
    for package in {path.parent.relative_to(ROOT) for path in used}:
        assert f'"{".".join(package.parts)}"' in project
    assert {path.suffix for path in used} == {".py", ".sql", ".html"}
    assert re.search(r'"\*" = \["\*\.sql", "\*\.html"\]', project)
    assert "--require-hashes" in dockerfile
    assert "index" not in dockerfile
    assert re.search(r"^USER [1-9]", dockerfile, re.MULTILINE)
    target = re.search(r'python_version = "(.+)"', project)
    assert target
    assert set(re.findall(r"^FROM python:([\d.]+)-", dockerfile, re.MULTILINE)) == {target[1]}


@pytest.mark.parametrize("name", OURS)
def test_every_command_is_there_with_its_options(name: str) -> None:
    _, command, *options = OURS[name]["command"]
    told = CliRunner().invoke(app, [command, "--help"], env={"COLUMNS": "200"})
    assert told.exit_code == 0
    assert all(option in told.output for option in options if option.startswith("--"))


def test_the_docs_name_the_ports_and_limits_that_are_set() -> None:
    told = " ".join(_text("docs/deployment.md").split())
    assert all(f"`{name}` {port}" in told for name, port in PORTS.items())
    for name, service in SERVICES.items():
        limits = service["deploy"]["resources"]["limits"]
        cpus = f"{limits['cpus']} CPU{'s' if limits['cpus'] != '1' else ''}"
        (row,) = (
            line for line in _text("docs/deployment.md").splitlines() if re.match(rf"\|.*`{name}`.*CPU", line)
        )
        assert f"| {cpus}, {limits['memory'].upper().replace('G', ' GB')}" in row
    assert all(f"| `{name}` |" in told for name in SECRETS)


def test_make_knows_both_ways() -> None:
    assert "deploy.processes" in _text("Makefile")
    assert "deploy.secrets .env" in _text("Makefile")
    assert processes.PROCFILE.exists()


def _without_place(command: list[str]) -> tuple[list[str], list[str]]:
    """The command without where it listens, and its ports."""
    kept, ports, words = [], [], iter(command)
    for word in words:
        if word in ("--port", "--metrics-port"):
            kept.append(word)
            ports.append(next(words))
        elif word in ("--host", "--metrics-host"):
            next(words)
        else:
            kept.append(word)
    return kept, ports


def _anonymous(url: str) -> str:
    """Without the password, and where the server is."""
    return re.sub(r":[^:@/]+@[^:/]+:\d+", ":…@…", url)


def _strings(node: Any) -> list[str]:
    if isinstance(node, dict):
        return [text for each in node.values() for text in _strings(each)]
    return [text for each in node for text in _strings(each)] if isinstance(node, list) else [str(node)]


def _told(program: Path, *options: str) -> str:
    return subprocess.run([program, *options], capture_output=True, text=True, check=True).stdout.strip()


def _text(name: str) -> str:
    return (ROOT / name).read_text()
