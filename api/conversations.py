"""What an employee does with a conversation that he sees: take it, put it away, give it on."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import Response
from fastapi.concurrency import run_in_threadpool
from pydantic import ConfigDict, Field

from api import limits, moves
from api.answers import BulkMoved, Moved
from api.errors import Problem, describe, invalid
from api.examples import CONVERSATION_ID
from api.fields import Id, PathId, Position, Statement, Time
from api.routing import router
from api.writing import EmployeeWrite, Write, written
from domain.deciding import Accepted
from domain.errors import Refused

routes = router("inbox")

SEEN = "Up to which position the client's messages were on the screen; left out, all that are known now."
TAKES = {
    "close": {"seen_position"},
    "dismiss": {"seen_position"},
    "snooze": {"until", "seen_position"},
    "assign": {"employee_id"},
    "read": {"position"},
}
"""What a move in bulk takes beside the conversations."""

MAY_BE_LEFT_OUT = {"seen_position"}


def only_what_goes_with_it(schema: dict[str, Any]) -> None:
    """For the API's description: each action has what it takes, and nothing that others take."""
    actions, others = schema["properties"]["action"]["enum"], set().union(*TAKES.values())
    for needed in others - MAY_BE_LEFT_OUT:
        schema["properties"][needed] |= schema["properties"][needed].pop("anyOf")[0]  # the other is null
    schema["examples"] = [{"conversation_ids": [CONVERSATION_ID], "action": "close"}]
    schema["oneOf"] = [
        {
            "properties": {"action": {"const": action}, **dict.fromkeys(sorted(others - takes), False)},
            "required": sorted(takes - MAY_BE_LEFT_OUT),
        }
        for action in actions
        for takes in [TAKES.get(action, set())]
    ]


class Nothing(Statement):
    """No body is needed."""


class Seen(Statement):
    seen_position: Position | None = Field(None, description=SEEN)


class Snooze(Seen):
    until: Time = Field(examples=["2035-03-01T09:30:00Z"])


class Assignment(Statement):
    employee_id: Id = Field(examples=["irina"])


class Reading(Statement):
    position: Position = Field(examples=[42])


class BulkMove(Statement):
    """One move for many conversations, with what it takes."""

    model_config = ConfigDict(json_schema_extra=only_what_goes_with_it)

    conversation_ids: Annotated[list[Id], Field(min_length=1, max_length=limits.CONVERSATIONS_PER_BULK)]
    action: Literal["claim", "release", "close", "reopen", "dismiss", "snooze", "assign", "read"]
    until: Time | None = Field(None, description="For `snooze`.")
    employee_id: Id | None = Field(None, description="For `assign`.")
    position: Position | None = Field(None, description="For `read`.")
    seen_position: Position | None = Field(None, description=SEEN)

    @property
    def move(self) -> moves.Move:
        match self.action:
            case "claim":
                return moves.claiming()
            case "release":
                return moves.releasing()
            case "reopen":
                return moves.reopening()
            case "close":
                return moves.closing(self.seen_position)
            case "dismiss":
                return moves.dismissing(self.seen_position)
            case "snooze" if self.until:
                return moves.snoozing(self.until, self.seen_position)
            case "assign" if self.employee_id:
                return moves.assigning(self.employee_id)
            case "read" if self.position is not None:
                return moves.reading_to(self.position)
        missing = min(TAKES[self.action] - MAY_BE_LEFT_OUT)
        raise invalid([{"field": missing, "message": f"must be given for {self.action}"}])

    def check_nothing_else(self) -> None:
        """Refuse what does not go with the action."""
        known = {"conversation_ids", "action"} | TAKES.get(self.action, set())
        message = f"does not go with {self.action}"
        if odd := self.model_fields_set - known:
            raise invalid([{"field": field, "message": message} for field in sorted(odd)])


@routes.post("/conversations/bulk", response_model=BulkMoved)
async def move_many(body: BulkMove, write: EmployeeWrite) -> Response:
    """The same move for many conversations, item by item: one that is refused leaves the others alone."""
    body.check_nothing_else()
    move = body.move
    outcomes = [await _outcome(write, conversation_id, move) for conversation_id in body.conversation_ids]
    carried_out = [accepted for accepted, _ in outcomes if accepted]
    if carried_out:
        accepted = moves.together(carried_out)
    else:
        accepted = Accepted(await run_in_threadpool(write.ledger.head), 0, frozenset())
    await write.settle(accepted)
    return written(accepted, results=[result for _, result in outcomes])


@routes.post("/conversations/{conversation_id}/claim", response_model=Moved)
async def claim(conversation_id: PathId, write: EmployeeWrite, body: Nothing | None = None) -> Response:
    """Take the conversation into work. Of two at once one wins, and the other is told who (409)."""
    return await _moved(write, conversation_id, moves.claiming())


@routes.post("/conversations/{conversation_id}/release", response_model=Moved)
async def release(conversation_id: PathId, write: EmployeeWrite, body: Nothing | None = None) -> Response:
    """Let it go, back to `incoming`."""
    return await _moved(write, conversation_id, moves.releasing())


@routes.post("/conversations/{conversation_id}/reopen", response_model=Moved)
async def reopen(conversation_id: PathId, write: EmployeeWrite, body: Nothing | None = None) -> Response:
    """Bring it back from `closed` or `snoozed`."""
    return await _moved(write, conversation_id, moves.reopening())


@routes.post("/conversations/{conversation_id}/close", response_model=Moved)
async def close(conversation_id: PathId, write: EmployeeWrite, body: Seen | None = None) -> Response:
    """Done, until the client writes again. What he wrote beyond what was seen brings it back at once."""
    return await _moved(write, conversation_id, moves.closing(body.seen_position if body else None))


@routes.post("/conversations/{conversation_id}/dismiss", response_model=Moved)
async def dismiss(conversation_id: PathId, write: EmployeeWrite, body: Seen | None = None) -> Response:
    """What the client wrote so far needs no answer."""
    return await _moved(write, conversation_id, moves.dismissing(body.seen_position if body else None))


@routes.post("/conversations/{conversation_id}/snooze", response_model=Moved)
async def snooze(conversation_id: PathId, body: Snooze, write: EmployeeWrite) -> Response:
    """Out of the way until a time, or until the client writes."""
    return await _moved(write, conversation_id, moves.snoozing(body.until, body.seen_position))


@routes.post("/conversations/{conversation_id}/assign", response_model=Moved)
async def assign(conversation_id: PathId, body: Assignment, write: EmployeeWrite) -> Response:
    """Give it to an employee, who has to be able to see it."""
    return await _moved(write, conversation_id, moves.assigning(body.employee_id))


@routes.post("/conversations/{conversation_id}/read", response_model=Moved)
async def read_up_to(conversation_id: PathId, body: Reading, write: EmployeeWrite) -> Response:
    """The caller has read everything up to this ledger position."""
    return await _moved(write, conversation_id, moves.reading_to(body.position))


async def _moved(write: Write, conversation_id: str, move: moves.Move) -> Response:
    seen, accepted = await moves.move(write, conversation_id, move)
    await write.settle(accepted)
    return written(accepted, conversation_id=seen.conversation_id)


async def _outcome(
    write: Write, conversation_id: str, move: moves.Move
) -> tuple[Accepted | None, dict[str, object]]:
    try:
        _, accepted = await moves.move(write, conversation_id, move)
    except (Refused, Problem) as refusal:
        return None, {"conversation_id": conversation_id, "status": "rejected", "error": describe(refusal)}
    status = "done" if accepted.recorded else "unchanged"
    return accepted, {"conversation_id": conversation_id, "status": status, "error": None}
