"""Commands about tasks on a conversation (P11).

Whether an employee sees the conversation is asked before, by the one predicate of the read side; whoever sees
it may do all of this. Quality control too: a task is among employees, and no word to a client.
"""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from domain.chat import Chat
from domain.deciding import Accepted, Deciding
from domain.decision import Decision
from domain.directory import require_active
from domain.errors import AssigneeCannotSee, UnknownThing
from domain.fact import By
from domain.task import Task, Wanted


class TaskCommands(Deciding):
    def create_task(
        self, task_id: UUID, wanted: Wanted, *, chat_id: str, employee_id: str, assignee_sees: bool, by: By
    ) -> Accepted:
        """Ask somebody to do something about a chat. assignee_sees: whether he sees the chat now.

        Raises:
            UnknownReference, InactiveEmployee, AssigneeCannotSee: it can't be given to him.
        """

        def command(decision: Decision) -> None:
            require_active(decision, employee_id, field="employee_id")
            chat = decision.read(Chat, UUID(chat_id))
            task = decision.change(Task, task_id)
            if not task.exists:
                _require_assignee(decision, wanted.assignee_id, chat.conversation_id, assignee_sees)
            task.create(
                wanted, chat_id=chat_id, conversation_id=chat.conversation_id, by_id=employee_id, by=by
            )

        return self.carry_out(by, command)

    def change_task(
        self, task_id: UUID, wanted: Wanted, *, employee_id: str, assignee_sees: bool, by: By
    ) -> Accepted:
        """State the task as it is to be. Who has it already keeps it, whether or not he still sees the chat.

        Raises:
            UnknownThing: there is no such task.
            UnknownReference, InactiveEmployee, AssigneeCannotSee: it can't be given to him.
        """

        def change(decision: Decision, task: Task) -> None:
            if wanted.assignee_id != task.assignee_id:
                _require_assignee(decision, wanted.assignee_id, task.conversation_id, assignee_sees)
            task.change(wanted, by_id=employee_id, by=by)

        return self._on_task(task_id, employee_id, by, change)

    def finish_task(self, task_id: UUID, *, employee_id: str, by: By) -> Accepted:
        """Say that it is done."""
        return self._on_task(task_id, employee_id, by, lambda _, task: task.finish(by_id=employee_id, by=by))

    def reopen_task(self, task_id: UUID, *, employee_id: str, by: By) -> Accepted:
        """Say that it is to be done after all."""
        return self._on_task(task_id, employee_id, by, lambda _, task: task.reopen(by_id=employee_id, by=by))

    def _on_task(
        self, task_id: UUID, employee_id: str, by: By, change: Callable[[Decision, Task], None]
    ) -> Accepted:
        def command(decision: Decision) -> None:
            require_active(decision, employee_id, field="employee_id")
            task = decision.change(Task, task_id)
            if not task.exists:
                raise UnknownThing("task", str(task_id))
            change(decision, task)

        return self.carry_out(by, command)


def _require_assignee(decision: Decision, employee_id: str, conversation_id: str, sees: bool) -> None:
    require_active(decision, employee_id, field="assignee_id")
    if not sees:
        raise AssigneeCannotSee(employee_id, conversation_id)
