"""Every way in which a command can be refused.

    Refused
    ├── Unauthorized  the token that was shown opens nothing
    ├── NotFound      there is no such thing, or the caller may not know of it
    ├── Forbidden     the caller sees it and may not do this
    ├── Conflict      somebody was first
    └── Invalid       the request can't be meant; `field` says where

Each refusal has a stable `code` and carries the values that explain it. Only `api/errors.py` knows HTTP.
"""

from __future__ import annotations

from typing import ClassVar


class Refused(Exception):
    """A command was understood and not carried out; nothing was recorded."""

    code: ClassVar[str] = "refused"

    def __init__(self, message: str, **values: object) -> None:
        super().__init__(message)
        self.values = values


class Unauthorized(Refused):
    """No valid token."""

    code = "unauthorized"

    def __init__(self, token_id: str) -> None:
        super().__init__("This token opens nothing: unknown, or revoked.", token_id=token_id)


class NotFound(Refused):
    code = "not_found"


class Forbidden(Refused):
    code = "forbidden"


class Conflict(Refused):
    code = "conflict"


class Invalid(Refused):
    code = "invalid"

    def __init__(self, message: str, *, field: str, **values: object) -> None:
        super().__init__(message, field=field, **values)
        self.field = field


class UnknownThing(NotFound):
    """A thing named in the path does not exist in this workspace."""

    code = "not_found"

    def __init__(self, noun: str, thing_id: str) -> None:
        super().__init__(f"There is no {noun} {thing_id!r}.", noun=noun, id=thing_id)


class NothingToSearch(Invalid):
    """A question holds no word, no name and no part of a phone, or says only what must not be there."""

    code = "nothing_to_search"

    def __init__(self, q: str) -> None:
        super().__init__(f"There is nothing in {q!r} that could be found.", field="q")


class UnknownReference(Invalid):
    """A thing named in the body does not exist in this workspace."""

    code = "unknown_reference"

    def __init__(self, noun: str, thing_id: str, *, field: str) -> None:
        super().__init__(
            f"There is no {noun} {thing_id!r}; create it first.", field=field, noun=noun, id=thing_id
        )


class InactiveEmployee(Invalid):
    """Who is gone can't be asked for anything."""

    code = "inactive_employee"

    def __init__(self, employee_id: str, *, field: str) -> None:
        super().__init__(f"Employee {employee_id!r} is not active.", field=field, employee_id=employee_id)


class AlreadyHeld(Conflict):
    """Another employee took the conversation first."""

    code = "already_held"

    def __init__(self, conversation_id: str, holder_id: str) -> None:
        super().__init__(
            f"Conversation {conversation_id} is already held by {holder_id!r}.",
            conversation_id=conversation_id,
            holder_id=holder_id,
        )


class DealLost(Conflict):
    """A lost deal counts no longer, so it can't be handed over."""

    code = "deal_lost"

    def __init__(self, deal_id: str) -> None:
        super().__init__(f"Deal {deal_id!r} is lost; reopen it before you hand it over.", deal_id=deal_id)


class SnoozeInThePast(Invalid):
    """A snooze has to end after it begins."""

    code = "snooze_in_the_past"

    def __init__(self, until: str, now: str) -> None:
        super().__init__(
            f"The snooze would end at {until}, which is not after {now}.", field="until", now=now
        )


class ReadOnlyRole(Forbidden):
    """Quality control reads and never writes."""

    code = "read_only_role"

    def __init__(self, employee_id: str) -> None:
        super().__init__(
            f"Employee {employee_id!r} is in quality control, which reads and never writes.",
            employee_id=employee_id,
        )


class CannotSee(Invalid):
    """A conversation is only given to an employee who sees it."""

    code = "cannot_see"

    def __init__(self, employee_id: str, conversation_id: str) -> None:
        super().__init__(
            f"Employee {employee_id!r} does not see conversation {conversation_id}, so he can't hold it.",
            field="employee_id",
            employee_id=employee_id,
            conversation_id=conversation_id,
        )


class AssigneeCannotSee(Invalid):
    """A task is only given to an employee who sees its conversation."""

    code = "assignee_cannot_see"

    def __init__(self, employee_id: str, conversation_id: str) -> None:
        super().__init__(
            f"Employee {employee_id!r} does not see conversation {conversation_id}, so he can't do this.",
            field="assignee_id",
            employee_id=employee_id,
            conversation_id=conversation_id,
        )


class ChatKindMissing(Invalid):
    """The first message of a chat has to say what kind of chat it is."""

    code = "chat_kind_missing"

    def __init__(self) -> None:
        super().__init__("This chat is new here: say whether it is direct or group.", field="chat.kind")


class WebhookInactive(Conflict):
    """A webhook that is switched off is told nothing, so nothing can be told again."""

    code = "webhook_inactive"

    def __init__(self, webhook_id: str) -> None:
        super().__init__(
            f"Webhook {webhook_id!r} is switched off; switch it on before you replay.", webhook_id=webhook_id
        )


class PrivateNetwork(Invalid):
    """A webhook goes to the public internet, unless the operator allows more."""

    code = "private_network"

    def __init__(self, host: str) -> None:
        super().__init__(
            f"{host!r} is on a private network, which webhooks may not reach here.", field="url", host=host
        )


class ErasureMustWait(Conflict):
    """What is a client's is only known when the read models have all that is recorded."""

    code = "erasure_must_wait"

    def __init__(self, behind: str) -> None:
        super().__init__(
            f"{behind} has not taken over all that is recorded, so not everything of the client is known yet;"
            " try again.",
            behind=behind,
        )


class ErasureChanged(Conflict):
    """Since it was shown what would be removed, it has become more."""

    code = "erasure_changed"

    def __init__(self, confirmed: int, found: int) -> None:
        super().__init__(
            f"{confirmed} events were to be erased, and there are {found} of them now; look again.",
            confirmed=confirmed,
            found=found,
        )


class ReasonNamesClient(Invalid):
    """The reason of an erasure stays, so it must not name the client."""

    code = "reason_names_client"

    def __init__(self) -> None:
        super().__init__("The reason stays, so it must not name the client.", field="reason")


class TooManyMoved(Conflict):
    """Others kept changing the same things; sending the command again is safe."""

    code = "try_again"

    def __init__(self, attempts: int) -> None:
        super().__init__(f"Others were first {attempts} times in a row; try again.", attempts=attempts)
