"""External staff: somebody who works for the company from his own phone and has no account (G7)."""

from __future__ import annotations

from domain.fact import By, Fact, Noun, Private


class Staff(Noun):
    TOPIC = "staff"

    class Registered(Fact):
        """Somebody outside the workspace writes for the company."""

        TOPIC = "staff.registered"
        staff_id: str
        name: Private[str]

        def apply(self, staff: Staff) -> None:
            staff.name = self.name

    class Renamed(Fact):
        """The external staff has another name."""

        TOPIC = "staff.renamed"
        staff_id: str
        name: Private[str]

        def apply(self, staff: Staff) -> None:
            staff.name = self.name

    class AddressesStated(Fact):
        """The external staff writes from these addresses."""

        TOPIC = "staff.addresses_stated"
        staff_id: str
        address_ids: list[str]
        addresses: Private[list[dict[str, str]]]

        def apply(self, staff: Staff) -> None:
            staff.address_ids = self.address_ids

    def __init__(self) -> None:
        self.name: str | None = None
        self.address_ids: list[str] = []

    def state(self, staff_id: str, *, name: str, by: By) -> None:
        if not self.exists:
            self.record(Staff.Registered, by, staff_id=staff_id, name=name)
        elif name != self.name:
            self.record(Staff.Renamed, by, staff_id=staff_id, name=name)

    def state_addresses(
        self, staff_id: str, address_ids: list[str], addresses: list[dict[str, str]], *, by: By
    ) -> None:
        if address_ids != self.address_ids:
            self.record(
                Staff.AddressesStated, by, staff_id=staff_id, address_ids=address_ids, addresses=addresses
            )
