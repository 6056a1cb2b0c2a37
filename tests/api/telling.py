"""A company whose messages are told to webhooks, and short ways to say what happens there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.api.client import Client
from tests.api.receiver import PATIENCE_S, SECRET, Receiver

QUICK: dict[str, Any] = {"webhooks_may_reach_private_networks": True, "webhook_first_retry_s": 0.02}


def found(admin: Client) -> None:
    """A company whose Irina sees every chat."""
    admin.put_channel("phone")
    admin.put_employee("irina", role="supervisor")


def put(admin: Client, webhook_id: str, url: str, **body: Any) -> dict[str, Any]:
    return admin.put(f"/v1/webhooks/{webhook_id}", {"url": url, "secret": SECRET} | body)


def tell(admin: Client, count: int = 1, chat: str = "chat") -> list[int]:
    """Clients write; the positions of their messages."""
    connector = admin.with_token("connector")
    told = connector.tell(*(admin.message(chat, "+7 999 1", "a secret wish") for _ in range(count)))
    return [result["position"] for result in told["results"]]


def deliveries(admin: Client, webhook_id: str, **filters: Any) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = admin.get(f"/v1/webhooks/{webhook_id}/deliveries", **filters)["items"]
    return items


def wait_for_log(
    admin: Client, receiver: Receiver, webhook_id: str, reached: Callable[[list[dict[str, Any]]], bool]
) -> list[dict[str, Any]]:
    """What is delivered is written down a moment later."""
    for _ in range(round(PATIENCE_S / 0.02)):
        if reached(log := deliveries(admin, webhook_id)):
            return log
        with receiver.changed:
            receiver.changed.wait(0.02)
    raise AssertionError(log)


def wait_until(reached: Callable[[], bool], receiver: Receiver) -> None:
    for _ in range(round(PATIENCE_S / 0.02)):
        if reached():
            return
        with receiver.changed:
            receiver.changed.wait(0.02)
    raise AssertionError("it never was so")
