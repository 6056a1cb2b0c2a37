"""Random histories of a company: at every step, what everybody sees is what the pure rule says.

Beside the whole system over its database there is a model that borrows nothing from it, and at the end an
oracle that folds the ledger. At every earlier position the visibility must be what it was then, and the read
models that follow again must be the same row by row, however the ranges were cut.
"""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.histories.client_rules import ClientRules, ContactRules
from tests.histories.company_rules import CompanyRules, TokenRules
from tests.histories.conftest import Opened
from tests.histories.employee_rules import AnswerRules, TurnRules
from tests.histories.messenger_rules import MessageRules, News, PeopleRules
from tests.histories.play import Play
from tests.histories.thread_rules import ThreadRules
from tests.histories.world import MORNING


class History(ContactRules, CompanyRules, TurnRules, PeopleRules):
    """The son, a second deal and a chat on the team's channel are still to come."""

    def found_the_company(self) -> None:
        self.set_policy("wa", "client_owners")
        self.set_policy("team", "whole_team")
        self.put_employee("oleg", "seller", True, True)
        self.put_contact("wife", "oleg", {"1"})
        self.hear([News("renamed", "family", "1", "0", MORNING, 0)])
        self.hear([News("message", chat, "1", "0", 1, 0) for chat in ("family", "p1")])
        self.put_employee("irina", "supervisor", False, True)
        self.put_employee("vera", "seller", True, True)


class ClientsChangeHands(ClientRules, TokenRules, History):
    def found_the_company(self) -> None:
        super().found_the_company()
        self.put_deal("house", "vera", "open", {"wife"})


class ConversationsGoOn(AnswerRules, MessageRules, History):
    pass


class ColleaguesHelp(ThreadRules, History):
    """Helpers see chats that their team sees too, or whoever receives new clients."""

    def found_the_company(self) -> None:
        super().found_the_company()
        self.ask("p2", "0", "1")


@pytest.mark.parametrize("history", [ClientsChangeHands, ConversationsGoOn, ColleaguesHelp])
def test_what_everybody_sees_is_what_the_rule_says(history: type[Play], beside_another: Opened) -> None:
    run_state_machine_as_test(
        type(history.__name__, (history,), {"opened": staticmethod(beside_another)}),
        settings=settings(
            max_examples=5, stateful_step_count=40, suppress_health_check=[HealthCheck.too_slow]
        ),
    )
