"""A client of a running Chatledger, in the words of its users. What is refused is an answer, not an error."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import httpx
import uvicorn

from adapters.settings import Settings
from api.app import create_app, open_system
from api.feeding import Feeds
from api.serving import Server as StoppingServer
from api.system import System
from api.tracing import Traces

ADMIN_TOKEN = "the-tests-admin-token"
START_TIMEOUT_S = 30.0
REQUEST_TIMEOUT_S = 30.0

Json = dict[str, Any]


class Refusal(Exception):
    """A request that a test took for granted was refused."""


@dataclass
class Client:
    """Speaks with a server as the holder of one token."""

    http: httpx.Client
    token: str = ADMIN_TOKEN
    numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def ask(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Any request, any answer."""
        headers = {"Authorization": f"Bearer {self.token}"} | options.pop("headers", {})
        return self.http.request(method, path, headers=headers, **options)

    def get(self, path: str, **parameters: Any) -> Json:
        return done(self.ask("GET", path, params=parameters))

    def put(self, path: str, body: Json | None = None) -> Json:
        return done(self.ask("PUT", path, json=body or {}))

    def post(self, path: str, body: Json | None = None, *, key: str | None = None) -> Json:
        headers = {"Idempotency-Key": key} if key else {}
        return done(self.ask("POST", path, json=body or {}, headers=headers))

    def with_token(self, *scopes: str) -> Client:
        """Another caller of the same server; needs an admin."""
        issued = self.post("/v1/tokens", {"scopes": list(scopes), "label": "a test"})
        return Client(self.http, issued["token"], self.numbers)

    def put_channel(self, channel_id: str = "phone", **body: Any) -> Json:
        return self.put(f"/v1/channels/{channel_id}", {"kind": "whatsapp", "title": channel_id} | body)

    def put_employee(self, employee_id: str, role: str = "seller", **body: Any) -> Json:
        return self.put(f"/v1/employees/{employee_id}", {"name": employee_id.title(), "role": role} | body)

    def put_contact(self, contact_id: str, *phones: str, **body: Any) -> Json:
        stated = {"name": contact_id.title(), "addresses": addresses(*phones)}
        return self.put(f"/v1/contacts/{contact_id}", stated | body)

    def put_deal(self, deal_id: str, owner_id: str, *contact_ids: str, **body: Any) -> Json:
        stated = {"owner_id": owner_id, "contact_ids": list(contact_ids)}
        return self.put(f"/v1/deals/{deal_id}", stated | body)

    def tell(self, *events: Json, channel_id: str = "phone", key: str | None = None) -> Json:
        """What a connector tells about a channel."""
        return self.post(f"/v1/channels/{channel_id}/events", {"events": list(events)}, key=key)

    def message(self, chat: str, sender: str | None, text: str | None = "hello", **message: Any) -> Json:
        """An inbound message, with an id and a time of its own."""
        number = next(self.numbers)
        facts = {
            "id": f"m{number}",
            "sender": {"address": sender} if sender else None,
            "text": text,
            "sent_at": f"2025-03-01T10:{number // 60 % 60:02}:{number % 60:02}Z",
        }
        return {
            "type": "message",
            "chat": {"id": chat, "kind": "direct"},
            "message": facts | message,
        }

    def inbox(self, **filters: Any) -> list[Json]:
        """The whole inbox, page by page."""
        page = self.get("/v1/inbox", limit=200, **filters)
        items: list[Json] = page["items"]
        while page["next_cursor"]:
            page = self.get("/v1/inbox", limit=200, cursor=page["next_cursor"], **filters)
            items += page["items"]
        return items

    def conversation_with(self, chat: str) -> str:
        """The id of the conversation that the caller sees of a messenger's chat."""
        found = [item for item in self.inbox() if item["chats"][0]["external_id"] == chat]
        if not found:
            raise Refusal(f"{chat} is not in this inbox")
        return str(found[0]["conversation_id"])

    def act(self, conversation_id: str, action: str, body: Json | None = None, **options: Any) -> Any:
        """A move with a conversation; answers whatever comes."""
        path = f"/v1/conversations/{conversation_id}/{action}"
        return self.ask("POST", path, json=body or {}, **options)


@dataclass(frozen=True)
class Server:
    """One Chatledger, served over real HTTP. client: an admin's."""

    system: System
    client: Client
    url: str
    feeds: Feeds

    @property
    def head(self) -> int:
        """The ledger's."""
        return self.system.application.head()


def addresses(*phones: str) -> list[Json]:
    return [{"kind": "whatsapp", "address": phone} for phone in phones]


def done(response: httpx.Response) -> Json:
    """The body of an answer that has to be a good one."""
    if response.is_error:
        raise Refusal(f"{response.request.method} {response.request.url}: {response.text}")
    body: Json = response.json()
    return body


@contextmanager
def serving(database_url: str, *, traces: Traces | None = None, **settings: Any) -> Iterator[Server]:
    """A system and its HTTP server, in threads of this process, on a port of their own."""
    chosen = Settings(database_url=database_url, admin_token=ADMIN_TOKEN, **settings)
    with open_system(chosen, traces=traces) as system:
        app = create_app(system)
        config = uvicorn.Config(app, port=0, log_level="error", timeout_graceful_shutdown=5)
        server = StoppingServer(config, on_stopping=app.state.feeds.close)
        thread = threading.Thread(target=server.run, name="uvicorn")
        thread.start()
        try:
            url = f"http://127.0.0.1:{_port(server, thread)}"
            with httpx.Client(base_url=url, timeout=REQUEST_TIMEOUT_S) as http:
                yield Server(system, Client(http), url, app.state.feeds)
        finally:
            server.should_exit = True
            thread.join()


def _port(server: uvicorn.Server, thread: threading.Thread) -> int:
    """Where it listens, as soon as it does."""
    waited = threading.Event()
    for _ in range(round(START_TIMEOUT_S / 0.01)):
        if server.started:
            port: int = server.servers[0].sockets[0].getsockname()[1]
            return port
        if not thread.is_alive():
            break
        waited.wait(0.01)
    raise AssertionError("the server did not start")
