"""A contact: a client known to the CRM, with addresses and perhaps a responsible employee."""

from __future__ import annotations

from collections.abc import Mapping

from domain.address import AddressRef
from domain.fact import By, Fact, Noun, Private


class Contact(Noun):
    TOPIC = "contact"

    class Registered(Fact):
        """A client became known to the CRM."""

        TOPIC = "contact.registered"
        contact_id: str
        responsible_id: str | None
        name: Private[str]

        def apply(self, contact: Contact) -> None:
            contact.responsible_id, contact.name = self.responsible_id, self.name

    class Renamed(Fact):
        """The client has another name."""

        TOPIC = "contact.renamed"
        contact_id: str
        name: Private[str]

        def apply(self, contact: Contact) -> None:
            contact.name = self.name

    class ResponsibleChanged(Fact):
        """Another employee, or nobody, is responsible for the client."""

        TOPIC = "contact.responsible_changed"
        contact_id: str
        from_id: str | None
        to_id: str | None
        reason: Private[str]

        def apply(self, contact: Contact) -> None:
            contact.responsible_id = self.to_id

    class AddressLinked(Fact):
        """An address is the client's. It may be another client's too, as couples share a phone."""

        TOPIC = "contact.address_linked"
        contact_id: str
        address_id: str
        kind: str
        address: Private[str]

        def apply(self, contact: Contact) -> None:
            contact.address_ids.append(self.address_id)

    class AddressUnlinked(Fact):
        """An address is not the client's, or no longer."""

        TOPIC = "contact.address_unlinked"
        contact_id: str
        address_id: str

        def apply(self, contact: Contact) -> None:
            contact.address_ids.remove(self.address_id)

    class Erased(Fact):
        """What identified or quoted the client was removed from these events, and from all that showed it.

        positions: pairs of the first and the last.
        """

        TOPIC = "contact.erased"
        contact_id: str
        positions: list[list[int]]
        reason: Private[str]

        def apply(self, contact: Contact) -> None:
            contact.name = None

    def __init__(self) -> None:
        self.name: str | None = None
        self.responsible_id: str | None = None
        self.address_ids: list[str] = []

    def state(
        self,
        contact_id: str,
        *,
        name: str,
        responsible_id: str | None,
        addresses: Mapping[str, AddressRef],
        by: By,
    ) -> None:
        """Make the contact what the statement says; `addresses` by their ids."""
        if not self.exists:
            self.record(
                Contact.Registered, by, contact_id=contact_id, responsible_id=responsible_id, name=name
            )
        elif name != self.name:
            self.record(Contact.Renamed, by, contact_id=contact_id, name=name)
        self.change_responsible(contact_id, responsible_id, reason="stated by the CRM", by=by)
        for address_id in [known for known in self.address_ids if known not in addresses]:
            self.unlink(contact_id, address_id, by=by)
        for address_id, ref in addresses.items():
            self.link(contact_id, address_id, ref, by=by)

    def change_responsible(self, contact_id: str, to_id: str | None, *, reason: str, by: By) -> None:
        if to_id != self.responsible_id:
            self.record(
                Contact.ResponsibleChanged,
                by,
                contact_id=contact_id,
                from_id=self.responsible_id,
                to_id=to_id,
                reason=reason,
            )

    def link(self, contact_id: str, address_id: str, ref: AddressRef, *, by: By) -> None:
        if address_id not in self.address_ids:
            self.record(
                Contact.AddressLinked,
                by,
                contact_id=contact_id,
                address_id=address_id,
                kind=ref.kind,
                address=ref.address,
            )

    def unlink(self, contact_id: str, address_id: str, *, by: By) -> None:
        if address_id in self.address_ids:
            self.record(Contact.AddressUnlinked, by, contact_id=contact_id, address_id=address_id)

    def erase(self, contact_id: str, positions: list[list[int]], *, reason: str, by: By) -> None:
        """Note what was removed, if anything was."""
        if positions:
            self.record(Contact.Erased, by, contact_id=contact_id, positions=positions, reason=reason)
