"""An address: a person's handle in a messenger, and which of the company's people it belongs to."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from domain.fact import By, Fact, Noun, Private
from domain.ids import derive, remembered

PHONE_KINDS = frozenset({"phone", "whatsapp"})
WHATSAPP_SUFFIXES = ("@c.us", "@s.whatsapp.net")


class PersonKind(StrEnum):
    """Who may be behind an address that belongs to the company."""

    EMPLOYEE = "employee"
    EXTERNAL_STAFF = "external_staff"


@dataclass(frozen=True, slots=True)
class AddressRef:
    """An address as somebody wrote it; `+7 (999) 123-45-67` and `79991234567` are one phone."""

    kind: str
    address: str

    @property
    def normalised(self) -> tuple[str, str]:
        """The kind and the address, in the one way in which two spellings of a handle are compared."""
        text = self.address.strip().casefold()
        if self.kind in PHONE_KINDS:
            return "phone", _phone(text)
        if self.kind in ("telegram", "instagram"):
            return self.kind, text.removeprefix("@")
        return self.kind, text

    @remembered
    def id_in(self, workspace_id: str) -> UUID:
        """The id by which facts speak of it, which does not tell the address."""
        return derive("address", workspace_id, *self.normalised)


def _phone(text: str) -> str:
    """Bare digits, unless it is not a phone number after all (WhatsApp's newer user ids)."""
    for suffix in WHATSAPP_SUFFIXES:
        text = text.removesuffix(suffix)
    digits = "".join(character for character in text if character not in " +-().")
    return digits if digits.isdigit() else text


class Address(Noun):
    """Which employee or external staff an address belongs to; at most one, the latest statement wins."""

    TOPIC = "address"

    class Assigned(Fact):
        """The address belongs to one of the company's people from now on."""

        TOPIC = "address.assigned"
        address_id: str
        kind: str
        person_kind: str
        person_id: str
        address: Private[str]

        def apply(self, address: Address) -> None:
            address.person = (self.person_kind, self.person_id)

    class Unassigned(Fact):
        """The address belongs to nobody of the company any more."""

        TOPIC = "address.unassigned"
        address_id: str
        person_kind: str
        person_id: str

        def apply(self, address: Address) -> None:
            address.person = None

    def __init__(self) -> None:
        self.person: tuple[str, str] | None = None

    def assign(self, ref: AddressRef, person_kind: str, person_id: str, *, by: By) -> None:
        if self.person != (person_kind, person_id):
            self.record(
                Address.Assigned,
                by,
                address_id=str(self.id),
                kind=ref.kind,
                person_kind=person_kind,
                person_id=person_id,
                address=ref.address,
            )

    def unassign(self, person_kind: str, person_id: str, *, by: By) -> None:
        """Take it from this person; somebody else who got it meanwhile keeps it."""
        if self.person == (person_kind, person_id):
            self.record(
                Address.Unassigned,
                by,
                address_id=str(self.id),
                person_kind=person_kind,
                person_id=person_id,
            )
