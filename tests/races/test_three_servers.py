"""API processes keep nothing of their own: three race over one database, and others follow for them.

The processes are real ones, and so are the two that share the read models out; one of these is killed midway.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import httpx
import psycopg
import pytest

from projections.read_model import LEADS
from tests.api.client import REQUEST_TIMEOUT_S, Client, Json, serving
from tests.api.following import following, listed
from tests.databases import Databases
from tests.faults import company
from tests.faults.processes import Processes, Telling, eventually
from tests.races.contest import contest

SERVERS = 3
CHATS = 12
ROUNDS = 2
HANDOVERS = 6
SELLERS = ("oleg", "vera", "pavel")
SHARES = (("inbox", "visibility", "access"), tuple(set(LEADS) - {"inbox", "visibility", "access"}))

OVERLOOKED = "SELECT count(*) FROM inbox.chat WHERE overlooked"
LEVEL = "SELECT min(checkpoint.position) = max(ledger_head.position) FROM projection.checkpoint, ledger_head"


def serve(tell: Telling, url: str, name: str) -> None:
    with serving(url, follow=False) as server:
        tell(address=server.url)
        signal.pause()


@dataclass
class Town:
    """url: of the database. admins, connectors: one for each server."""

    url: str
    processes: Processes
    admins: list[Client]
    connectors: list[Client] = field(default_factory=list)

    def everywhere(self, *scopes: str) -> list[Client]:
        """One caller, at each server."""
        token = self.admins[0].with_token(*scopes).token
        return [Client(admin.http, token, admin.numbers) for admin in self.admins]

    def settle(self) -> None:
        eventually(lambda: self.asked(LEVEL) is True)

    def asked(self, question: str) -> Any:
        with psycopg.connect(self.url) as connection:
            row = connection.execute(question.encode()).fetchone()
        return row and row[0]


@contextmanager
def town(url: str, folder: Path) -> Iterator[Town]:
    with ExitStack() as stack:
        processes = Processes(folder)
        stack.callback(processes.kill_all)
        for share in SHARES:
            processes.start(company.follow, url, share[0], *share)
        servers = [processes.start(serve, url, f"server-{number}") for number in range(SERVERS)]
        admins = []
        for server in servers:
            server.wait_until_it_told("address")
            address = server.told[0]["address"]
            http = httpx.Client(base_url=address, timeout=REQUEST_TIMEOUT_S)
            admins.append(Client(stack.enter_context(http)))
        yield Town(url, processes, admins)


@pytest.fixture(scope="module")
def busy_town(
    databases: Databases, migrated: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Town]:
    """With sellers, and chats of clients whom nobody knows."""
    url = databases.create(template=migrated)
    with town(url, tmp_path_factory.mktemp("town")) as made:
        admin = made.admins[0]
        admin.put_channel(visibility="client_owners")
        for seller in SELLERS:
            admin.put_employee(seller, receives_new_clients=True)
        made.connectors = made.everywhere("connector")
        made.connectors[0].tell(*(admin.message(f"chat {number}", str(number)) for number in range(CHATS)))
        yield made
    databases.drop(url)


def test_three_servers_race_over_one_database(busy_town: Town) -> None:
    random = Random("three servers")
    staff = {seller: busy_town.everywhere(f"employee:{seller}") for seller in SELLERS}
    chats = {item["chats"][0]["external_id"]: item for item in staff["oleg"][0].inbox()}
    assert len(chats) == CHATS
    with following(staff["vera"][2]) as feed, ThreadPoolExecutor(1) as reader:
        for number in range(ROUNDS):
            if number:
                busy_town.processes.started[0].kill()
                busy_town.processes.start(company.follow, busy_town.url, "standing by")
            claim_at_once(staff, [item["conversation_id"] for item in chats.values()], random)
            close_under_a_message(busy_town, staff["oleg"], chats, random)
        busy_town.settle()
        head = int(busy_town.asked("SELECT position FROM ledger_head"))
        reader.submit(feed.until, head).result()
        assert feed.items == listed(staff["vera"][0]), "what was written elsewhere is told"
    assert busy_town.asked(OVERLOOKED) == 0
    assert listed(staff["vera"][0]) == listed(staff["vera"][1]) == listed(staff["vera"][2])


def claim_at_once(staff: dict[str, list[Client]], conversations: list[str], random: Random) -> None:
    """Three claim each, each at a server of his own: one gets it, and the others are told who (P4)."""

    def claimer(server: int) -> Callable[[tuple[str, list[str]]], tuple[str, httpx.Response]]:
        def claim(race: tuple[str, list[str]]) -> tuple[str, httpx.Response]:
            conversation, sellers = race
            return sellers[server], staff[sellers[server]][server].act(conversation, "claim")

        return claim

    races = [(conversation, random.sample(SELLERS, SERVERS)) for conversation in conversations]
    for (conversation, _), answers in contest(races, [claimer(n) for n in range(SERVERS)], random):
        winners = [seller for seller, answer in answers if answer.status_code == 200]
        lost = [answer.json() for _, answer in answers if answer.status_code == 409]
        assert (len(winners), len(lost)) == (1, SERVERS - 1), [answer.text for _, answer in answers]
        assert {answer["holder_id"] for answer in lost} == set(winners)
        for at_server in staff[winners[0]]:
            assert at_server.act(conversation, "claim").status_code == 200, "as it is his already"


def close_under_a_message(town: Town, closer: list[Client], chats: dict[str, Json], random: Random) -> None:
    """Each is closed through one server while its client writes through another (P7)."""

    def close(race: tuple[str, int]) -> int:
        answer: httpx.Response = closer[race[1]].act(chats[race[0]]["conversation_id"], "close")
        return answer.status_code

    def write(race: tuple[str, int]) -> str:
        connector = town.connectors[(race[1] + 1) % SERVERS]
        message = connector.message(race[0], race[0].split()[1], id=f"{random.random()}")
        return str(connector.tell(message)["results"][0]["status"])

    races = [(chat, random.randrange(SERVERS)) for chat in chats]
    for _, answers in contest(races, [close, write], random):
        assert answers == [200, "appended"]


def test_who_lost_a_client_sees_the_chat_at_no_server_any_more(busy_town: Town) -> None:
    """A handover is answered when it is effective, whoever follows and wherever one looks (G10)."""
    staff = {seller: busy_town.everywhere(f"employee:{seller}") for seller in SELLERS}
    busy_town.admins[0].put_contact("client", "0", responsible_id="oleg")
    busy_town.admins[0].put_deal("deal", "oleg", "client")
    conversation = staff["oleg"][0].conversation_with("chat 0")
    for number in range(HANDOVERS):
        former, owner = ("oleg", "vera") if number % 2 == 0 else ("vera", "oleg")
        handed = {"owner_id": owner, "reason": "ill", "with_contacts": True}
        busy_town.admins[number % SERVERS].post("/v1/deals/deal/reassign", handed)
        looked = [at_server.ask("GET", f"/v1/conversations/{conversation}") for at_server in staff[former]]
        assert [answer.status_code for answer in looked] == [404] * SERVERS
        looked = [at_server.ask("GET", f"/v1/conversations/{conversation}") for at_server in staff[owner]]
        assert [answer.status_code for answer in looked] == [200] * SERVERS
