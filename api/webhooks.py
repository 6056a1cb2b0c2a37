"""Webhooks: a company's own systems are told whom to notify, and see what was delivered to them."""

from __future__ import annotations

import hashlib
import hmac
from typing import Annotated, Literal, get_args

import httpx
from fastapi import Query, Response
from pydantic import AfterValidator, Field, StringConstraints
from pydantic_core import PydanticCustomError

from adapters.webhooks import SECRET_PREFIX, BadSecret, key_of, names_private_network
from api import limits
from api.admin_answers import DeliveryPage, WebhookPage, WebhookShape
from api.answers import Written
from api.delivering import STATEMENTS
from api.fields import VISIBLE, Name, PathId, Position, Says, Statement, Url, no_control_characters
from api.notifications import position_of
from api.reading import DESCRIBED, AdminRead, Cursor, Limit, pass_on
from api.routing import router
from api.writing import AdminWrite, Write, written
from domain.errors import PrivateNetwork
from domain.ids import SEPARATOR
from domain.webhook import WebhookStatement
from projections.answer import ask, one_row

routes = router("webhooks")


def http_url(text: str) -> str:
    try:
        url = httpx.URL(text)
    except (httpx.InvalidURL, ValueError):
        raise PydanticCustomError("url", "must be a URL") from None
    if url.scheme not in ("http", "https") or not url.host or any(c.isspace() for c in text):
        raise PydanticCustomError("url", "must be a URL that begins with http:// or https:// and a host")
    return text


def good_secret(secret: str) -> str:
    try:
        key = key_of(secret)
    except BadSecret as error:
        raise PydanticCustomError("secret", str(error)) from None
    if min(len(secret), len(key)) < limits.SHORTEST_WEBHOOK_SECRET_CHARACTERS:
        raise PydanticCustomError("secret", "must be longer, at best 24 random bytes or more")
    return secret


UNBROKEN = VISIBLE.replace("[^", r"[^\s")
WebhookUrl = Annotated[Url, AfterValidator(http_url), Says({"pattern": rf"^https?://(?![/?#]){UNBROKEN}+$"})]
BASE64 = "[A-Za-z0-9+/]"
KEY_IN_BASE64 = f"({BASE64}{{4}}){{5,}}({BASE64}{{2}}==|{BASE64}{{3}}=|{BASE64}{{4}})"
Secret = Annotated[
    str,
    StringConstraints(strict=True, max_length=limits.WEBHOOK_SECRET_CHARACTERS),
    AfterValidator(no_control_characters),
    AfterValidator(good_secret),
    Says({"pattern": f"^({SECRET_PREFIX}{KEY_IN_BASE64}|(?!{SECRET_PREFIX}){VISIBLE}{{16,}})$"}),
]
Status = Annotated[
    Literal["pending", "delivered", "failed"] | None, Query(description="Only these; left out, all.")
]


Event = Literal["notification", "daily_report"]
EVENTS = get_args(Event)


class WebhookBody(Statement):
    url: WebhookUrl = Field(examples=["https://crm.example/chatledger"])
    secret: Secret = Field(
        repr=False,
        examples=["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"],
        description="To sign with: whsec_ and base64, or any text of 16 characters. It is never shown again.",
    )
    events: Annotated[list[Event], Field(min_length=1, max_length=len(EVENTS))] = Field(
        default=["notification"]
    )
    active: bool = True
    label: Name = Field("", examples=["Our CRM"])


class Replay(Statement):
    from_position: Position = Field(examples=[1], description="The first ledger position that is told again.")


@routes.put("/webhooks/{webhook_id}", response_model=Written)
async def put_webhook(webhook_id: PathId, body: WebhookBody, write: AdminWrite) -> Response:
    """Tell a system of everything that is recorded from its activation on, at least once and in order."""
    host = httpx.URL(body.url).host
    if names_private_network(host) and not write.system.settings.webhooks_may_reach_private_networks:
        raise PrivateNetwork(host)
    digest = await _keep_secret(write, webhook_id, body.secret)
    statement = WebhookStatement(body.url, sorted(set(body.events)), body.label, digest)
    return written(await write.carry_out(write.ledger.put_webhook, webhook_id, statement, active=body.active))


@routes.get("/webhooks", response_model=WebhookPage, responses=DESCRIBED)
async def list_webhooks(
    read: AdminRead, cursor: Cursor = None, limit: Limit = limits.DEFAULT_PAGE_ITEMS
) -> Response:
    """Every webhook, by id; nobody is shown a secret."""
    answer = await read.system.webhooks.page(read.caller.workspace_id, cursor=cursor or "", limit=limit)
    return pass_on(answer, noun="workspace", thing_id=read.caller.workspace_id)


@routes.get("/webhooks/{webhook_id}", response_model=WebhookShape, responses=DESCRIBED)
async def show_webhook(webhook_id: PathId, read: AdminRead) -> Response:
    """One webhook; `active` is false too when its receiver answered 410 Gone."""
    answer = await read.system.webhooks.webhook(read.caller.workspace_id, webhook_id)
    return pass_on(answer, noun="webhook", thing_id=webhook_id)


@routes.delete("/webhooks/{webhook_id}", response_model=Written)
async def remove_webhook(webhook_id: PathId, write: AdminWrite) -> Response:
    """Tell it nothing more."""
    return written(await write.carry_out(write.ledger.remove_webhook, webhook_id))


@routes.get("/webhooks/{webhook_id}/deliveries", response_model=DeliveryPage, responses=DESCRIBED)
async def list_deliveries(
    webhook_id: PathId,
    read: AdminRead,
    status: Status = None,
    cursor: Cursor = None,
    limit: Limit = limits.DEFAULT_PAGE_ITEMS,
) -> Response:
    """What was delivered, the newest message first. One that is pending holds back all after it."""
    answer = await ask(
        read.system.async_pool,
        STATEMENTS["deliveries"],
        workspace_id=read.caller.workspace_id,
        webhook_id=webhook_id,
        status=status,
        before=position_of(cursor, limits.POSITION),
        limit=limit,
    )
    return pass_on(answer, noun="webhook", thing_id=webhook_id)


@routes.post("/webhooks/{webhook_id}/replay", response_model=Written)
async def replay(webhook_id: PathId, body: Replay, write: AdminWrite) -> Response:
    """Deliver everything from a ledger position on again, under the same ids."""
    return written(await write.carry_out(write.ledger.replay_webhook, webhook_id, body.from_position))


async def _keep_secret(write: Write, webhook_id: str, secret: str) -> str:
    """Keep the secret where it is signed with, and answer with the digest by which the ledger knows it.

    The installation's own secret goes into the digest, so that nobody can try guesses on the ledger.
    """
    workspace_id = write.caller.workspace_id
    text = SEPARATOR.join((workspace_id, webhook_id, secret))
    digest = hmac.new(write.system.secret, text.encode(), hashlib.sha256).hexdigest()
    await one_row(
        write.system.async_pool,
        STATEMENTS["keep_secret"],
        workspace_id=workspace_id,
        webhook_id=webhook_id,
        digest=digest,
        secret=secret,
    )
    return digest
