"""A deal: an owner, a status and contacts. Its owner answers for its contacts until it is lost (G2)."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from domain.errors import DealLost
from domain.fact import By, Fact, Noun, Private


class DealStatus(StrEnum):
    OPEN = "open"
    WON = "won"
    LOST = "lost"


class Deal(Noun):
    TOPIC = "deal"

    class Opened(Fact):
        """A deal exists, with an owner."""

        TOPIC = "deal.opened"
        deal_id: str
        owner_id: str
        status: str
        title: Private[str]

        def apply(self, deal: Deal) -> None:
            deal.owner_id, deal.status, deal.title = self.owner_id, self.status, self.title

    class Renamed(Fact):
        """The deal has another title."""

        TOPIC = "deal.renamed"
        deal_id: str
        title: Private[str]

        def apply(self, deal: Deal) -> None:
            deal.title = self.title

    class ContactAdded(Fact):
        """A client takes part in the deal."""

        TOPIC = "deal.contact_added"
        deal_id: str
        contact_id: str

        def apply(self, deal: Deal) -> None:
            deal.contact_ids.append(self.contact_id)

    class ContactRemoved(Fact):
        """A client takes no part in the deal any more."""

        TOPIC = "deal.contact_removed"
        deal_id: str
        contact_id: str

        def apply(self, deal: Deal) -> None:
            deal.contact_ids.remove(self.contact_id)

    class Reassigned(Fact):
        """The deal was handed over. status: the deal's at that moment."""

        TOPIC = "deal.reassigned"
        deal_id: str
        from_id: str
        to_id: str
        reason: Private[str]
        status: str

        def apply(self, deal: Deal) -> None:
            deal.owner_id = self.to_id

    class StatusChanged(Fact):
        """The deal was won, lost or reopened. owner_id: the deal's at that moment."""

        TOPIC = "deal.status_changed"
        deal_id: str
        from_status: str
        to_status: str
        owner_id: str

        def apply(self, deal: Deal) -> None:
            deal.status = self.to_status

    def __init__(self) -> None:
        self.owner_id = ""
        self.status = ""
        self.title: str | None = None
        self.contact_ids: list[str] = []

    def state(
        self, deal_id: str, *, title: str, owner_id: str, status: str, contact_ids: Sequence[str], by: By
    ) -> None:
        """Make the deal what the statement says, one event for each thing that changed."""
        if not self.exists:
            self.record(Deal.Opened, by, deal_id=deal_id, owner_id=owner_id, status=status, title=title)
        elif title != self.title:
            self.record(Deal.Renamed, by, deal_id=deal_id, title=title)
        self._change_status(deal_id, status, by=by)
        self.change_owner(deal_id, owner_id, reason="stated by the CRM", by=by)
        for contact_id in [known for known in self.contact_ids if known not in contact_ids]:
            self.record(Deal.ContactRemoved, by, deal_id=deal_id, contact_id=contact_id)
        for contact_id in dict.fromkeys(contact_ids):
            if contact_id not in self.contact_ids:
                self.record(Deal.ContactAdded, by, deal_id=deal_id, contact_id=contact_id)

    def reassign(self, deal_id: str, to_id: str, *, reason: str, by: By) -> None:
        """Hand the deal over. Handing it to its owner records nothing.

        Raises:
            DealLost: a lost deal has no owner to change.
        """
        if self.status == DealStatus.LOST and to_id != self.owner_id:
            raise DealLost(deal_id)
        self.change_owner(deal_id, to_id, reason=reason, by=by)

    def change_owner(self, deal_id: str, to_id: str, *, reason: str, by: By) -> None:
        if to_id != self.owner_id:
            self.record(
                Deal.Reassigned,
                by,
                deal_id=deal_id,
                from_id=self.owner_id,
                to_id=to_id,
                reason=reason,
                status=self.status,
            )

    def _change_status(self, deal_id: str, status: str, *, by: By) -> None:
        if status != self.status:
            self.record(
                Deal.StatusChanged,
                by,
                deal_id=deal_id,
                from_status=self.status,
                to_status=status,
                owner_id=self.owner_id,
            )
