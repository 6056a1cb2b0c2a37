"""`chatledger follow`: a process that leads read models for servers that do not."""

import signal
import subprocess

import httpx
import pytest
import typer
from typer.testing import CliRunner

from api.cli import app
from api.followers import NotInPartitions, leads_named
from projections.read_model import LEADS, REACTIONS, READ_MODELS
from projections.rebuild import UnknownReadModel
from projections.sharing import PartitionsUnclear
from tests.api.client import serving
from tests.api.commands import TIMEOUT_S, started


def test_a_process_of_its_own_follows_for_a_server_and_ends_in_order(database_url: str) -> None:
    with serving(database_url, follow=False) as server:
        assert server.system.follower.led == []
        process = started("follow", "--metrics-port", "0", CHATLEDGER_DATABASE_URL=database_url)
        try:
            numbers = _numbers(process)
            server.client.put_channel()  # answered when it is effective

            told = httpx.get(f"{numbers}/readyz").raise_for_status().json()
            assert (told["status"], told["leads"]) == ("ok", [*READ_MODELS, REACTIONS])
            lines = httpx.get(f"{numbers}/metrics").text.splitlines()
            assert 'chatledger_read_model_led{name="inbox"} 1.0' in lines
            assert f'chatledger_read_model_position{{name="inbox"}} {float(server.head)}' in lines
        finally:
            process.send_signal(signal.SIGTERM)
            _, complaints = process.communicate(timeout=TIMEOUT_S)
        assert (process.returncode, complaints) == (0, "")


def _numbers(process: subprocess.Popen[str]) -> str:
    """Where it answers, which it says when it follows."""
    assert process.stdout is not None
    for line in process.stdout:
        if "its numbers" in line:
            return line.split()[-1].removesuffix("/metrics")
    raise AssertionError(process.communicate(timeout=TIMEOUT_S)[1])


def test_what_may_be_led_is_named_in_any_order() -> None:
    assert leads_named(None) == LEADS
    assert leads_named("waits, inbox") == ("inbox", "waits")
    assert leads_named("inbox,directory") == ("inbox",)
    with pytest.raises(UnknownReadModel):
        leads_named("inbox,inboxes")
    with pytest.raises(typer.BadParameter, match="directory is led with inbox: say inbox"):
        leads_named("directory")


@pytest.mark.parametrize(
    ("arguments", "refused", "told"),
    [
        (["--projections", "inbox,timeline", "--partitions", "0-7/16"], NotInPartitions, "of inbox, only"),
        (["--projections", "waits", "--partitions", "0-7/16"], NotInPartitions, "only of timeline, subjects"),
        (["--partitions", "7-0/16"], PartitionsUnclear, "'7-0/16' are no partitions"),
    ],
)
def test_partitions_of_what_has_none_are_refused(
    arguments: list[str], refused: type[Exception], told: str
) -> None:
    ended = CliRunner().invoke(app, ["follow", *arguments])
    assert isinstance(ended.exception, refused)
    assert told in str(ended.exception)
