"""The delivery of an outgoing message, as messengers report it: early, late, twice, with steps skipped."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import ClassVar

from domain.fact import By, Fact, Noun, Private


class DeliveryStatus(StrEnum):
    """In the order in which the later wins: who read a message got it, whatever failed before."""

    QUEUED = "queued"
    SENT = "sent"
    FAILED = "failed"
    DELIVERED = "delivered"
    READ = "read"


class Delivery(Noun):
    """Known by the channel and the message's id, ours or the messenger's: a report names no chat."""

    TOPIC = "delivery"
    cached: ClassVar[bool] = False

    class Reported(Fact):
        """The messenger says how far the message got."""

        TOPIC = "delivery.reported"
        delivery_id: str
        channel_id: str
        status: str
        message_ref: Private[str]
        error: Private[str | None]

        def apply(self, delivery: Delivery) -> None:
            delivery.reports.add((self.status, self.timestamp))

    def __init__(self) -> None:
        self.reports: set[tuple[str, datetime]] = set()

    def report(self, channel_id: str, message_ref: str, status: str, error: str | None, *, by: By) -> None:
        if (status, by.at) not in self.reports:
            self.record(
                Delivery.Reported,
                by,
                delivery_id=str(self.id),
                channel_id=channel_id,
                status=status,
                message_ref=message_ref,
                error=error,
            )
