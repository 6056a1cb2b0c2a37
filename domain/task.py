"""A task on a conversation: what somebody is to do, and until when (P11). It belongs to one of its chats."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

from domain.fact import By, Fact, Noun, Private


class Wanted(NamedTuple):
    """What is to be done, by whom, and until when; due_at: aware, None for no hurry."""

    text: str
    assignee_id: str
    due_at: datetime | None


class TaskFact(Fact):
    """What all events of a task name."""

    task_id: str
    chat_id: str
    conversation_id: str


class Task(Noun):
    TOPIC = "task"

    class Created(TaskFact):
        """Somebody is to do something. by_id: the employee who said so."""

        TOPIC = "task.created"
        by_id: str
        assignee_id: str
        due_at: datetime | None
        text: Private[str]

        def apply(self, task: Task) -> None:
            task.chat_id, task.conversation_id = self.chat_id, self.conversation_id
            task.text, task.assignee_id, task.due_at = self.text, self.assignee_id, self.due_at

    class Reworded(TaskFact):
        """What is to be done is said in other words."""

        TOPIC = "task.reworded"
        by_id: str
        text: Private[str]

        def apply(self, task: Task) -> None:
            task.text = self.text

    class Reassigned(TaskFact):
        """Somebody else is to do it."""

        TOPIC = "task.reassigned"
        by_id: str
        from_id: str
        to_id: str

        def apply(self, task: Task) -> None:
            task.assignee_id = self.to_id

    class Rescheduled(TaskFact):
        """It is to be done until another time, or there is no hurry any more."""

        TOPIC = "task.rescheduled"
        by_id: str
        due_at: datetime | None

        def apply(self, task: Task) -> None:
            task.due_at = self.due_at

    class Done(TaskFact):
        """It is done. by_id: the employee who said so."""

        TOPIC = "task.done"
        by_id: str

        def apply(self, task: Task) -> None:
            task.done = True

    class Reopened(TaskFact):
        """It is to be done after all."""

        TOPIC = "task.reopened"
        by_id: str

        def apply(self, task: Task) -> None:
            task.done = False

    def __init__(self) -> None:
        self.chat_id = ""
        self.conversation_id = ""
        self.text: str | None = None
        self.assignee_id = ""
        self.due_at: datetime | None = None
        self.done = False

    def create(self, wanted: Wanted, *, chat_id: str, conversation_id: str, by_id: str, by: By) -> None:
        """Note the task; asked twice, it is noted once."""
        if not self.exists:
            self.record(
                Task.Created,
                by,
                task_id=str(self.id),
                chat_id=chat_id,
                conversation_id=conversation_id,
                by_id=by_id,
                **wanted._asdict(),
            )

    def change(self, wanted: Wanted, *, by_id: str, by: By) -> None:
        """Make the task what the statement says, one event for each thing that changed."""
        if wanted.text != self.text:
            self._note(Task.Reworded, by_id, by, text=wanted.text)
        if wanted.assignee_id != self.assignee_id:
            self._note(Task.Reassigned, by_id, by, from_id=self.assignee_id, to_id=wanted.assignee_id)
        if wanted.due_at != self.due_at:
            self._note(Task.Rescheduled, by_id, by, due_at=wanted.due_at)

    def finish(self, *, by_id: str, by: By) -> None:
        if not self.done:
            self._note(Task.Done, by_id, by)

    def reopen(self, *, by_id: str, by: By) -> None:
        if self.done:
            self._note(Task.Reopened, by_id, by)

    def _note(self, event_class: type[Fact], by_id: str, by: By, **facts: Any) -> None:
        self.record(
            event_class,
            by,
            task_id=str(self.id),
            chat_id=self.chat_id,
            conversation_id=self.conversation_id,
            by_id=by_id,
            **facts,
        )
