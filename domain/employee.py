"""An employee: a user of the workspace."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from domain.fact import By, Fact, Noun, Private
from domain.muted_hours import MutedHours, in_order


class Role(StrEnum):
    SELLER = "seller"
    SUPERVISOR = "supervisor"
    QUALITY_CONTROL = "quality_control"


OVERSIGHT = frozenset({Role.SUPERVISOR, Role.QUALITY_CONTROL})


@dataclass(frozen=True, slots=True)
class Standing:
    """What decides which chats come to an employee without his own clients."""

    role: str
    receives_new_clients: bool
    active: bool

    @property
    def facts(self) -> dict[str, Any]:
        return {
            "role": self.role,
            "receives_new_clients": self.receives_new_clients,
            "active": self.active,
        }


class StandingFact(Fact):
    """What the events share that leave the employee with another standing."""

    employee_id: str
    role: str
    receives_new_clients: bool
    active: bool

    def apply(self, employee: Employee) -> None:
        employee.standing = Standing(self.role, self.receives_new_clients, self.active)


class Employee(Noun):
    TOPIC = "employee"

    class Registered(StandingFact):
        """Somebody became an employee of the workspace."""

        TOPIC = "employee.registered"
        name: Private[str]

        def apply(self, employee: Employee) -> None:
            super().apply(employee)
            employee.name = self.name

    class Renamed(Fact):
        """The employee has another name."""

        TOPIC = "employee.renamed"
        employee_id: str
        name: Private[str]

        def apply(self, employee: Employee) -> None:
            employee.name = self.name

    class RoleChanged(StandingFact):
        """The employee has another role."""

        TOPIC = "employee.role_changed"

    class NewClientsSwitched(StandingFact):
        """The employee receives new clients, or no longer does."""

        TOPIC = "employee.new_clients_switched"

    class Activated(StandingFact):
        """The employee is back."""

        TOPIC = "employee.activated"

    class Deactivated(StandingFact):
        """The employee is gone: sees nothing and answers for nobody."""

        TOPIC = "employee.deactivated"

    class AddressesStated(Fact):
        """The employee writes from these addresses."""

        TOPIC = "employee.addresses_stated"
        employee_id: str
        address_ids: list[str]
        addresses: Private[list[dict[str, str]]]

        def apply(self, employee: Employee) -> None:
            employee.address_ids = self.address_ids

    class HoursMuted(Fact):
        """In these hours, by the workspace's time zone, the employee is notified of nothing."""

        TOPIC = "employee.hours_muted"
        employee_id: str
        muted_hours: list[dict[str, Any]]

        def apply(self, employee: Employee) -> None:
            employee.muted_hours = self.muted_hours

    def __init__(self) -> None:
        self.name: str | None = None
        self.standing: Standing | None = None
        self.address_ids: list[str] = []
        self.muted_hours: list[dict[str, Any]] = []

    @property
    def active(self) -> bool:
        return self.standing is not None and self.standing.active

    @property
    def read_only(self) -> bool:
        """Quality control reads and never writes (G3)."""
        return self.standing is not None and self.standing.role == Role.QUALITY_CONTROL

    def state(self, employee_id: str, *, name: str, standing: Standing, by: By) -> None:
        """Make the employee what the statement says, one event for each thing that changed."""
        if self.standing is None:
            self.record(Employee.Registered, by, employee_id=employee_id, name=name, **standing.facts)
            return
        if name != self.name:
            self.record(Employee.Renamed, by, employee_id=employee_id, name=name)
        for event_class, step in self._steps(self.standing, standing):
            self.record(event_class, by, employee_id=employee_id, **step.facts)

    @staticmethod
    def _steps(old: Standing, new: Standing) -> list[tuple[type[Fact], Standing]]:
        """From one standing to the other; who goes is deactivated first and who comes back, last."""
        steps: list[tuple[type[Fact], Standing]] = []
        if old.active and not new.active:
            old = Standing(old.role, old.receives_new_clients, False)
            steps.append((Employee.Deactivated, old))
        if old.role != new.role:
            old = Standing(new.role, old.receives_new_clients, old.active)
            steps.append((Employee.RoleChanged, old))
        if old.receives_new_clients != new.receives_new_clients:
            old = Standing(old.role, new.receives_new_clients, old.active)
            steps.append((Employee.NewClientsSwitched, old))
        if new.active and not old.active:
            steps.append((Employee.Activated, new))
        return steps

    def state_addresses(
        self, employee_id: str, address_ids: list[str], addresses: list[dict[str, str]], *, by: By
    ) -> None:
        if address_ids != self.address_ids:
            self.record(
                Employee.AddressesStated,
                by,
                employee_id=employee_id,
                address_ids=address_ids,
                addresses=addresses,
            )

    def mute(self, employee_id: str, hours: Iterable[MutedHours], *, by: By) -> None:
        """Notify him of nothing in these hours; an hour that is stated no longer is muted no more."""
        if (stated := in_order(hours)) != self.muted_hours:
            self.record(Employee.HoursMuted, by, employee_id=employee_id, muted_hours=stated)
