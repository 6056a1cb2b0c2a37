"""Random histories of helpers, handovers and people who go: who saw which chat is what the rule says."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import invariant, rule, run_state_machine_as_test

from tests.histories.client_rules import ContactRules
from tests.histories.company_rules import CompanyRules
from tests.histories.conftest import Opened
from tests.histories.thread_rules import ThreadRules, employees, messages


class HelpersComeAndGo(ThreadRules, ContactRules, CompanyRules):
    def found_the_company(self) -> None:
        self.set_policy("wa", "client_owners")
        self.set_policy("team", "whole_team")
        for employee, role in (("oleg", "seller"), ("vera", "seller"), ("irina", "supervisor")):
            self.put_employee(employee, role, False, True)
        self.put_contact("wife", "oleg", {"1"})
        self.ask("family", "0", "1")

    @rule(helper=employees, message=messages, active=st.booleans())
    def lend(self, helper: str, message: str, active: bool) -> None:
        """He is asked for help, and goes or comes back while he helps."""
        self.write_in_thread("family", message, "irina", None, {helper}, set())
        self.state_employee(helper, replace(self.model.employees[helper], active=active), [])

    @invariant()
    def everybody_sees_what_is_theirs(self) -> None:
        """Only who sees what; the lists follow from that, and have histories of their own."""
        self.follow()
        self.then[self.world.position] = {name: self.model.sights(name) for name in self.model.chats}


def test_helpers_see_what_the_rule_says(empty: Opened) -> None:
    run_state_machine_as_test(
        type("HelpersComeAndGo", (HelpersComeAndGo,), {"opened": staticmethod(empty)}),
        settings=settings(
            max_examples=3, stateful_step_count=12, suppress_health_check=[HealthCheck.too_slow]
        ),
    )
