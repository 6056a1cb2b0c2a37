"""Commands about the company and its clients: workspace, tokens, channels, people, contacts, deals.

A `put` is a full statement of a thing as the CRM has it now; the events are what changed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from domain.address import Address, AddressRef, PersonKind
from domain.channel import Channel
from domain.contact import Contact
from domain.deal import Deal
from domain.deciding import Accepted, Deciding
from domain.decision import Decision
from domain.employee import Employee, Standing
from domain.errors import InactiveEmployee, UnknownReference, UnknownThing
from domain.fact import By, Noun
from domain.ids import derive
from domain.staff import Staff
from domain.token import Token
from domain.workspace import Workspace


class DirectoryCommands(Deciding):
    def configure_workspace(self, *, by: By, **settings: Any) -> Accepted:
        """Change the settings that are given; None leaves one as it is."""

        def command(decision: Decision) -> None:
            workspace = decision.change(Workspace, derive("workspace", by.workspace_id))
            workspace.configure(settings, by=by)

        return self.carry_out(by, command)

    def issue_token(self, token_id: str, *, scopes: list[str], label: str, digest: str, by: By) -> Accepted:
        """Let in who shows the token with this digest (SHA-256, hex)."""

        def command(decision: Decision) -> None:
            token = decision.change(Token, derive("token", by.workspace_id, token_id))
            token.issue(token_id, scopes=scopes, label=label, digest=digest, by=by)

        return self.carry_out(by, command)

    def revoke_token(self, token_id: str, *, by: By) -> Accepted:
        def command(decision: Decision) -> None:
            token = decision.change(Token, derive("token", by.workspace_id, token_id))
            if not token.exists:
                raise UnknownThing("token", token_id)
            token.revoke(token_id, by=by)

        return self.carry_out(by, command)

    def put_channel(
        self, channel_id: str, *, kind: str, title: str, visibility: str | None, by: By
    ) -> Accepted:
        """visibility: None leaves it as it is, or as the workspace has it for a new channel."""

        def command(decision: Decision) -> None:
            channel = decision.change(Channel, derive("channel", by.workspace_id, channel_id))
            stated = visibility or channel.visibility
            if not stated:
                workspace = decision.read(Workspace, derive("workspace", by.workspace_id))
                stated = workspace.visibility_policy
            channel.state(channel_id, kind=kind, title=title, visibility=stated, by=by)

        return self.carry_out(by, command)

    def put_employee(
        self,
        employee_id: str,
        *,
        name: str,
        role: str,
        receives_new_clients: bool,
        active: bool,
        addresses: Sequence[AddressRef],
        by: By,
    ) -> Accepted:
        def command(decision: Decision) -> None:
            employee = decision.change(Employee, derive("employee", by.workspace_id, employee_id))
            standing = Standing(role, receives_new_clients, active)
            employee.state(employee_id, name=name, standing=standing, by=by)
            former = employee.address_ids
            stated = _by_id(addresses, by.workspace_id)
            employee.state_addresses(employee_id, list(stated), _as_dicts(stated.values()), by=by)
            _assign(decision, PersonKind.EMPLOYEE, employee_id, former, stated)

        return self.carry_out(by, command)

    def put_staff(self, staff_id: str, *, name: str, addresses: Sequence[AddressRef], by: By) -> Accepted:
        def command(decision: Decision) -> None:
            staff = decision.change(Staff, derive("staff", by.workspace_id, staff_id))
            staff.state(staff_id, name=name, by=by)
            former = staff.address_ids
            stated = _by_id(addresses, by.workspace_id)
            staff.state_addresses(staff_id, list(stated), _as_dicts(stated.values()), by=by)
            _assign(decision, PersonKind.EXTERNAL_STAFF, staff_id, former, stated)

        return self.carry_out(by, command)

    def put_contact(
        self,
        contact_id: str,
        *,
        name: str,
        responsible_id: str | None,
        addresses: Sequence[AddressRef],
        by: By,
    ) -> Accepted:
        def command(decision: Decision) -> None:
            if responsible_id is not None:
                require_employee(decision, responsible_id, field="responsible_id")
            contact = decision.change(Contact, derive("contact", by.workspace_id, contact_id))
            stated = _by_id(addresses, by.workspace_id)
            contact.state(contact_id, name=name, responsible_id=responsible_id, addresses=stated, by=by)

        return self.carry_out(by, command)

    def put_deal(
        self, deal_id: str, *, title: str, owner_id: str, status: str, contact_ids: Sequence[str], by: By
    ) -> Accepted:
        def command(decision: Decision) -> None:
            require_employee(decision, owner_id, field="owner_id")
            for index, contact_id in enumerate(contact_ids):
                contact = decision.read(Contact, derive("contact", by.workspace_id, contact_id))
                if not contact.exists:
                    raise UnknownReference("contact", contact_id, field=f"contact_ids.{index}")
            deal = decision.change(Deal, derive("deal", by.workspace_id, deal_id))
            deal.state(deal_id, title=title, owner_id=owner_id, status=status, contact_ids=contact_ids, by=by)

        return self.carry_out(by, command)

    def reassign_deal(
        self, deal_id: str, owner_id: str, *, reason: str, with_contacts: bool, by: By
    ) -> Accepted:
        """Hand a deal over; with_contacts: its contacts get the new owner as responsible too.

        Raises:
            UnknownThing: there is no such deal.
            UnknownReference: there is no such employee.
            DealLost: a lost deal has no owner to change.
        """

        def command(decision: Decision) -> None:
            deal = decision.change(Deal, derive("deal", by.workspace_id, deal_id))
            if not deal.exists:
                raise UnknownThing("deal", deal_id)
            require_employee(decision, owner_id, field="owner_id")
            deal.reassign(deal_id, owner_id, reason=reason, by=by)
            for contact_id in deal.contact_ids if with_contacts else ():
                contact = decision.change(Contact, derive("contact", by.workspace_id, contact_id))
                contact.change_responsible(contact_id, owner_id, reason=reason, by=by)

        return self.carry_out(by, command)

    def hand_over(
        self,
        from_id: str,
        to_id: str,
        *,
        deal_ids: Sequence[str],
        contact_ids: Sequence[str],
        reason: str,
        by: By,
    ) -> Accepted:
        """Hand deals and contacts from one employee to another, in one step.

        A deal or contact that has another owner by now is left alone. A deal's contacts follow it, so that
        what one chat is seen by changes in one place of the ledger.

        Raises:
            UnknownReference: there is no such employee.
        """

        def command(decision: Decision) -> None:
            require_employee(decision, from_id, field="from_employee_id")
            require_employee(decision, to_id, field="to_employee_id")
            wanted: dict[UUID, type[Noun]] = {
                derive("deal", by.workspace_id, each): Deal for each in deal_ids
            }
            wanted |= {derive("contact", by.workspace_id, each): Contact for each in contact_ids}
            decision.load(wanted, own=True)
            left = dict.fromkeys(contact_ids)
            for deal_id in deal_ids:
                deal = decision.change(Deal, derive("deal", by.workspace_id, deal_id))
                if deal.owner_id == from_id:
                    deal.change_owner(deal_id, to_id, reason=reason, by=by)
                for contact_id in deal.contact_ids:
                    if contact_id in left:
                        hand_over_contact(decision, contact_id)
                        del left[contact_id]
            for contact_id in left:
                hand_over_contact(decision, contact_id)

        def hand_over_contact(decision: Decision, contact_id: str) -> None:
            contact = decision.change(Contact, derive("contact", by.workspace_id, contact_id))
            if contact.responsible_id == from_id:
                contact.change_responsible(contact_id, to_id, reason=reason, by=by)

        return self.carry_out(by, command)

    def link_address(
        self, contact_id: str, ref: AddressRef, *, name: str, responsible_id: str, by: By
    ) -> Accepted:
        """Say that an address is a client's (G5, P3).

        A contact that does not exist is registered with this name and responsible employee.
        """

        def command(decision: Decision) -> None:
            contact = decision.change(Contact, derive("contact", by.workspace_id, contact_id))
            if not contact.exists:
                contact.state(contact_id, name=name, responsible_id=responsible_id, addresses={}, by=by)
            contact.link(contact_id, str(ref.id_in(by.workspace_id)), ref, by=by)

        return self.carry_out(by, command)

    def unlink_address(self, contact_id: str, ref: AddressRef, *, by: By) -> Accepted:
        """Say that an address is not this client's after all."""

        def command(decision: Decision) -> None:
            contact = decision.change(Contact, derive("contact", by.workspace_id, contact_id))
            if not contact.exists:
                raise UnknownReference("contact", contact_id, field="contact_id")
            contact.unlink(contact_id, str(ref.id_in(by.workspace_id)), by=by)

        return self.carry_out(by, command)


def require_employee(decision: Decision, employee_id: str, *, field: str) -> Employee:
    """The employee that a request names.

    Raises:
        UnknownReference: there is none.
    """
    employee = decision.read(Employee, derive("employee", decision.by.workspace_id, employee_id))
    if not employee.exists:
        raise UnknownReference("employee", employee_id, field=field)
    return employee


def require_active(decision: Decision, employee_id: str, *, field: str) -> Employee:
    """The employee that a request names, who works here now.

    Raises:
        UnknownReference: there is none.
        InactiveEmployee: he is gone.
    """
    employee = require_employee(decision, employee_id, field=field)
    if not employee.active:
        raise InactiveEmployee(employee_id, field=field)
    return employee


def _by_id(addresses: Iterable[AddressRef], workspace_id: str) -> dict[str, AddressRef]:
    return {str(ref.id_in(workspace_id)): ref for ref in addresses}


def _as_dicts(addresses: Iterable[AddressRef]) -> list[dict[str, str]]:
    return [{"kind": ref.kind, "address": ref.address} for ref in addresses]


def _assign(
    decision: Decision, kind: PersonKind, person_id: str, former: Iterable[str], stated: dict[str, AddressRef]
) -> None:
    """Give a person of the company the addresses of his statement, and take the ones he had before."""
    by = decision.by
    for address_id, ref in stated.items():
        decision.change(Address, UUID(address_id)).assign(ref, kind.value, person_id, by=by)
    for address_id in former:
        if address_id not in stated:
            decision.change(Address, UUID(address_id)).unassign(kind.value, person_id, by=by)
