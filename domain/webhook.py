"""A webhook: where a company's own systems want to be told. The ledger knows a digest of its secret only."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from domain.errors import WebhookInactive
from domain.fact import By, Fact, Noun, Private


class Switch(StrEnum):
    """Why a webhook was switched off."""

    ASKED = "asked"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class WebhookStatement:
    """What is told, and where. digest: of the secret with which it is signed."""

    url: str
    events: list[str]
    label: str
    digest: str

    @property
    def facts(self) -> dict[str, Any]:
        return {"url": self.url, "events": self.events, "label": self.label, "digest": self.digest}


class Webhook(Noun):
    TOPIC = "webhook"

    class Configured(Fact):
        """These events are told at this URL, signed with the secret of this digest (HMAC-SHA256, hex)."""

        TOPIC = "webhook.configured"
        webhook_id: str
        events: list[str]
        label: str
        digest: str
        url: Private[str]

        def apply(self, webhook: Webhook) -> None:
            webhook.statement = WebhookStatement(self.url, self.events, self.label, self.digest)

    class Activated(Fact):
        """What is recorded from now on is told."""

        TOPIC = "webhook.activated"
        webhook_id: str

        def apply(self, webhook: Webhook) -> None:
            webhook.active = True

    class Deactivated(Fact):
        """Nothing more is told: somebody asked, or the receiver said that it is gone for good (gone)."""

        TOPIC = "webhook.deactivated"
        webhook_id: str
        cause: str

        def apply(self, webhook: Webhook) -> None:
            webhook.active = False

    class Replayed(Fact):
        """Everything from this position on is told again."""

        TOPIC = "webhook.replayed"
        webhook_id: str
        from_position: int

        def apply(self, webhook: Webhook) -> None:
            """It moves what is told, not the webhook."""

    class Removed(Fact):
        """The webhook is there no more."""

        TOPIC = "webhook.removed"
        webhook_id: str

        def apply(self, webhook: Webhook) -> None:
            webhook.statement, webhook.active = None, False

    def __init__(self) -> None:
        self.statement: WebhookStatement | None = None
        self.active = False

    def state(self, webhook_id: str, statement: WebhookStatement, *, active: bool, by: By) -> None:
        """Make it what is stated, one event for each thing that changed."""
        if statement != self.statement:
            self.record(Webhook.Configured, by, webhook_id=webhook_id, **statement.facts)
        if active and not self.active:
            self.record(Webhook.Activated, by, webhook_id=webhook_id)
        if not active:
            self.deactivate(webhook_id, cause=Switch.ASKED, by=by)

    def deactivate(self, webhook_id: str, *, cause: Switch, by: By) -> None:
        if self.active:
            self.record(Webhook.Deactivated, by, webhook_id=webhook_id, cause=cause.value)

    def replay(self, webhook_id: str, from_position: int, *, by: By) -> None:
        """Tell it again, also what it was told before.

        Raises:
            WebhookInactive: it is told nothing now.
        """
        if not self.active:
            raise WebhookInactive(webhook_id)
        self.record(Webhook.Replayed, by, webhook_id=webhook_id, from_position=from_position)

    def remove(self, webhook_id: str, *, by: By) -> None:
        if self.statement is not None:
            self.record(Webhook.Removed, by, webhook_id=webhook_id)
