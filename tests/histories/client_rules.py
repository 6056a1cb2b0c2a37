"""What is done about the clients: who they are, who answers for them, and to whom they are handed over."""

from __future__ import annotations

from collections.abc import Collection

from hypothesis import strategies as st
from hypothesis.stateful import rule

from domain.errors import DealLost, Refused, UnknownReference, UnknownThing
from domain.preview import Handover, Linking, Reassignment, Unlinking
from domain.visibility import DealFacts
from tests.histories.alphabet import (
    ADDRESSES,
    CONTACTS,
    DEAL_STATUSES,
    DEALS,
    EMPLOYEES,
    WORKSPACE,
    refs,
)
from tests.histories.play import Play

employees = st.sampled_from(EMPLOYEES)
addresses = st.sampled_from(ADDRESSES)
contacts = st.sampled_from(CONTACTS)
deals = st.sampled_from(DEALS)


class ContactRules(Play):
    @rule(contact=contacts, responsible=st.none() | employees, linked=st.sets(addresses, max_size=2))
    def put_contact(self, contact: str, responsible: str | None, linked: set[str]) -> None:
        known = responsible is None or responsible in self.model.employees
        if self.carry_out(
            self.app.put_contact,
            contact,
            name=contact,
            responsible_id=responsible,
            addresses=refs(sorted(linked)),
            refusal=None if known else UnknownReference,
        ):
            self.model.responsible[contact] = responsible
            self.model.links[contact] = linked


class ClientRules(ContactRules):
    @rule(contact=contacts, address=addresses)
    def link(self, contact: str, address: str) -> None:
        """Who is no contact yet becomes one, and whoever links him answers for him."""
        (ref,) = refs([address])
        with self.foreseen(Linking(contact, str(ref.id_in(WORKSPACE)), "oleg")):
            self.carry_out(self.app.link_address, contact, ref, name=contact, responsible_id="oleg")
            self.model.responsible.setdefault(contact, "oleg")
            self.model.links[contact] = self.model.links.get(contact, set()) | {address}

    @rule(contact=contacts, address=addresses)
    def unlink(self, contact: str, address: str) -> None:
        (ref,) = refs([address])
        refusal = None if contact in self.model.links else UnknownReference
        with self.foreseen(Unlinking(contact, str(ref.id_in(WORKSPACE)))):
            if self.carry_out(self.app.unlink_address, contact, ref, refusal=refusal):
                self.model.links[contact] = self.model.links[contact] - {address}

    @rule(
        deal=deals,
        owner=employees,
        status=st.sampled_from(DEAL_STATUSES),
        clients=st.sets(contacts),
    )
    def put_deal(self, deal: str, owner: str, status: str, clients: set[str]) -> None:
        clients &= self.model.links.keys()
        self.carry_out(
            self.app.put_deal,
            deal,
            title=deal,
            owner_id=owner,
            status=status,
            contact_ids=sorted(clients),
        )
        self.model.deals[deal] = DealFacts(owner, status, frozenset(clients))

    @rule(deal=deals, owner=employees, with_contacts=st.booleans())
    def reassign(self, deal: str, owner: str, with_contacts: bool) -> None:
        with self.foreseen(Reassignment(deal, owner, with_contacts)):
            if self.carry_out(
                self.app.reassign_deal,
                deal,
                owner,
                reason="",
                with_contacts=with_contacts,
                refusal=self.refusal_of_handover(deal, owner),
            ):
                clients = self.model.deals[deal].contact_ids
                self.hand([deal], clients if with_contacts else (), owner)

    @rule(giver=employees, taker=employees)
    def hand_over(self, giver: str, taker: str) -> None:
        """All that the read model knows to be his, which must be all that is."""
        self.follow()
        deal_ids, contact_ids = self.answers.portfolio(giver)
        assert deal_ids == sorted(deal for deal, facts in self.model.deals.items() if facts.owner_id == giver)
        assert contact_ids == sorted(who for who, owner in self.model.responsible.items() if owner == giver)
        known = {giver, taker} <= self.model.employees.keys()
        with self.foreseen(Handover(giver, taker)):
            if self.carry_out(
                self.app.hand_over,
                giver,
                taker,
                deal_ids=deal_ids,
                contact_ids=contact_ids,
                reason="",
                refusal=None if known else UnknownReference,
            ):
                self.hand(deal_ids, contact_ids, taker)

    def hand(self, deal_ids: Collection[str], contact_ids: Collection[str], taker: str) -> None:
        for deal in deal_ids:
            facts = self.model.deals[deal]
            self.model.deals[deal] = DealFacts(taker, facts.status, facts.contact_ids)
        self.model.responsible.update(dict.fromkeys(contact_ids, taker))

    def refusal_of_handover(self, deal: str, owner: str) -> type[Refused] | None:
        if deal not in self.model.deals:
            return UnknownThing
        if owner not in self.model.employees:
            return UnknownReference
        facts = self.model.deals[deal]
        return DealLost if facts.status == "lost" and facts.owner_id != owner else None
