"""Commands about who is told of what: employees mute hours, a company connects its own systems."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from domain.deciding import Accepted, Deciding
from domain.decision import Decision
from domain.directory import require_employee
from domain.employee import Employee
from domain.errors import UnknownThing
from domain.fact import By
from domain.ids import derive
from domain.muted_hours import MutedHours
from domain.report import Report, report_id
from domain.webhook import Switch, Webhook, WebhookStatement


class NoticeCommands(Deciding):
    def mute_hours(self, employee_id: str, hours: Iterable[MutedHours], *, by: By) -> Accepted:
        """Notify the employee of nothing in these hours, and of everything in all others."""

        def command(decision: Decision) -> None:
            require_employee(decision, employee_id, field="employee_id")
            employee = decision.change(Employee, derive("employee", by.workspace_id, employee_id))
            employee.mute(employee_id, hours, by=by)

        return self.carry_out(by, command)

    def put_webhook(self, webhook_id: str, statement: WebhookStatement, *, active: bool, by: By) -> Accepted:
        def command(decision: Decision) -> None:
            webhook = decision.change(Webhook, derive("webhook", by.workspace_id, webhook_id))
            webhook.state(webhook_id, statement, active=active, by=by)

        return self.carry_out(by, command)

    def deactivate_webhook(self, webhook_id: str, *, by: By) -> Accepted:
        """Tell nothing more to a receiver that said it is gone for good."""

        def command(decision: Decision) -> None:
            _webhook(decision, webhook_id).deactivate(webhook_id, cause=Switch.GONE, by=by)

        return self.carry_out(by, command)

    def replay_webhook(self, webhook_id: str, from_position: int, *, by: By) -> Accepted:
        """Tell everything from a ledger position on again. Sent twice, it begins twice.

        Raises:
            UnknownThing: there is no such webhook.
            WebhookInactive: it is told nothing now.
        """

        def command(decision: Decision) -> None:
            _webhook(decision, webhook_id).replay(webhook_id, from_position, by=by)

        return self.carry_out(by, command)

    def note_report_sent(
        self, day: date, destination: str, *, definition: str, position: int, by: By
    ) -> Accepted:
        """Put on record that a day's report reached a destination; position: which ledger it told of."""

        def command(decision: Decision) -> None:
            report = decision.change(Report, report_id(by.workspace_id, day, destination))
            report.send(day, destination, definition=definition, position=position, by=by)

        return self.carry_out(by, command)

    def remove_webhook(self, webhook_id: str, *, by: By) -> Accepted:
        """Tell it nothing more. Removing it again is no news; one that never was is unknown."""

        def command(decision: Decision) -> None:
            webhook = decision.change(Webhook, derive("webhook", by.workspace_id, webhook_id))
            if not webhook.exists:
                raise UnknownThing("webhook", webhook_id)
            webhook.remove(webhook_id, by=by)

        return self.carry_out(by, command)


def _webhook(decision: Decision, webhook_id: str) -> Webhook:
    webhook = decision.change(Webhook, derive("webhook", decision.by.workspace_id, webhook_id))
    if webhook.statement is None:
        raise UnknownThing("webhook", webhook_id)
    return webhook
