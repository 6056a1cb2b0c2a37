"""What is done about the company itself: its channels, its people and who is let in."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import rule

from domain.employee import Standing
from tests.histories.alphabet import ADDRESSES, ARKADY, CHANNELS, EMPLOYEES, POLICIES, ROLES, refs
from tests.histories.play import Play

employees = st.sampled_from(EMPLOYEES)
stated_addresses = st.lists(st.sampled_from(ADDRESSES), unique=True, max_size=2)


class CompanyRules(Play):
    @rule(channel=st.sampled_from(CHANNELS), policy=st.sampled_from(POLICIES))
    def set_policy(self, channel: str, policy: str) -> None:
        self.carry_out(self.app.put_channel, channel, kind="whatsapp", title=channel, visibility=policy)
        self.model.policies[channel] = policy

    @rule(
        employee=employees,
        role=st.sampled_from(ROLES),
        receives_new_clients=st.booleans(),
        active=st.sampled_from([True, True, False]),
    )
    def put_employee(self, employee: str, role: str, receives_new_clients: bool, active: bool) -> None:
        self.state_employee(
            employee,
            Standing(role, receives_new_clients, active),
            self.model.stated.get(("employee", employee), []),
        )

    @rule(person=st.sampled_from([ARKADY, "oleg"]), addresses=stated_addresses)
    def state_addresses(self, person: str, addresses: list[str]) -> None:
        if person in self.model.employees:
            self.state_employee(person, self.model.employees[person], addresses)
        else:
            self.carry_out(self.app.put_staff, person, name=person, addresses=refs(addresses))
            self.model.state_addresses(("external_staff", person), addresses)

    def state_employee(self, employee: str, standing: Standing, addresses: list[str]) -> None:
        self.carry_out(
            self.app.put_employee,
            employee,
            name=employee,
            role=standing.role,
            receives_new_clients=standing.receives_new_clients,
            active=standing.active,
            addresses=refs(addresses),
        )
        self.model.employees[employee] = standing
        self.model.state_addresses(("employee", employee), addresses)


class TokenRules(Play):
    @rule(scopes=st.sampled_from([["admin"], ["auditor", "analyst"]]), revoke=st.booleans())
    def issue_or_revoke_token(self, scopes: list[str], revoke: bool) -> None:
        if revoke and "key" in self.model.tokens:
            self.carry_out(self.app.revoke_token, "key")
            self.model.tokens["key"] = (self.model.tokens["key"][0], True)
        else:
            self.carry_out(self.app.issue_token, "key", scopes=scopes, label="", digest="ab")
            self.model.tokens["key"] = (scopes, False)
        self.follow()
        assert self.answers.token("key") == self.model.tokens["key"]
