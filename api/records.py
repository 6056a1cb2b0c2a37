"""What an auditor asks of the log itself: all events about something, and how a conversation looked."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query, Response
from pydantic import AfterValidator, StringConstraints

from api import limits
from api.asking import ADDRESS, read_address
from api.audit_answers import EventPage, TranscriptShape
from api.errors import invalid
from api.examples import CONVERSATION_ID
from api.fields import NO_CONTROL_CHARACTERS, VISIBLE, Says, Uuid, no_control_characters, read_uuid
from api.moments import At, TimeAsked, ValidAt, position_of
from api.reading import DESCRIBED, AuditorRead, Cursor, Limit, Read, pass_on
from api.routing import router
from domain.errors import UnknownThing
from projections.subjects import KINDS, STREAMS, Narrowed

routes = router("audit")

SUBJECT = f"^({'|'.join(KINDS)}):{VISIBLE}+$"
Subject = Annotated[
    str,
    StringConstraints(max_length=limits.SUBJECT_CHARACTERS, pattern=rf"^({'|'.join(KINDS)}):(?s:.)+$"),
    AfterValidator(no_control_characters),
    Query(
        description=f"KIND:ID; the kind is one of {', '.join(KINDS)}. An address is address:KIND:ADDRESS.",
        examples=[f"conversation:{CONVERSATION_ID}"],
    ),
    Says({"pattern": SUBJECT}),
]
Topic = Annotated[
    str,
    StringConstraints(pattern="^[a-z_]{1,64}[.][a-z_]{1,64}$"),
    Query(description="Only events of this name."),
]
Actor = Annotated[
    str,
    StringConstraints(min_length=1, max_length=limits.ID_CHARACTERS),
    AfterValidator(no_control_characters),
    NO_CONTROL_CHARACTERS,
    Query(description="Who asked: auditor:TOKEN_ID. Left out, everybody."),
]
Place = Annotated[int, Query(ge=0, le=limits.POSITION, description="What comes after this ledger position.")]
PlaceCursor = Annotated[
    str,
    StringConstraints(pattern="^[0-9]{1,15}$"),
    Query(description="`next_cursor` of the page before; the same as `after`."),
]


@routes.get("/audit/events", response_model=EventPage, responses=DESCRIBED)
async def list_events(
    read: AuditorRead,
    subject: Subject,
    topic: Topic | None = None,
    occurred_from: Annotated[TimeAsked | None, Query(description="What happened then or later.")] = None,
    occurred_until: Annotated[TimeAsked | None, Query(description="What happened earlier.")] = None,
    at: At | None = None,
    after: Place = 0,
    cursor: PlaceCursor | None = None,
    limit: Limit = limits.DEFAULT_PAGE_ITEMS,
) -> Response:
    """All events that name a thing, in the order of the ledger; nobody has to be able to see it any more.

    Of a conversation they are those of its chats, of a message also those of its delivery and of the thread
    under it, of a channel not every message in it. What was erased of an event is null in `private`.
    """
    kind, thing_id = _subject(read, subject)
    answer = await read.system.subjects.events(
        read.caller.workspace_id,
        kind,
        thing_id,
        narrowed=Narrowed(topic, occurred_from or "-infinity", occurred_until or "infinity"),
        at=await position_of(read, at),
        after=after if cursor is None else int(cursor),
        limit=limit,
    )
    return pass_on(answer, noun=kind, thing_id=thing_id)


@routes.get("/audit/transcript", response_model=TranscriptShape, responses=DESCRIBED)
async def show_transcript(
    read: AuditorRead,
    chat_id: Uuid | None = None,
    conversation_id: Uuid | None = None,
    at: At | None = None,
    valid_at: ValidAt | None = None,
    cursor: Cursor = None,
    limit: Limit = limits.DEFAULT_PAGE_ITEMS,
) -> Response:
    """A chat or a conversation as it looked then: texts before later edits, names as they were, who had read.

    `at` says what was known, `valid_at` what had happened: what was believed on Monday about last Friday.
    Who is called how, and which chats stand in a conversation, goes by `at` alone. Where `at` is left out,
    the pages after the first one keep to the position of the first.
    """
    if (chat_id is None) == (conversation_id is None):
        message = "give exactly one of chat_id and conversation_id"
        raise invalid([{"field": "chat_id", "message": message}])
    answer = await read.system.transcript.page(
        read.caller.workspace_id,
        chat_id=chat_id,
        conversation_id=conversation_id,
        at=await position_of(read, at),
        valid_at=valid_at,
        cursor=cursor,
        limit=limit,
    )
    noun = "chat" if chat_id else "conversation"
    return pass_on(answer, noun=noun, thing_id=chat_id or conversation_id or "")


@routes.get("/audit/questions", response_model=EventPage, responses=DESCRIBED)
async def list_questions(
    read: AuditorRead,
    actor: Actor | None = None,
    after: Place = 0,
    cursor: PlaceCursor | None = None,
    limit: Limit = limits.DEFAULT_PAGE_ITEMS,
) -> Response:
    """Which auditor asked what, and when. A question is on record before it is answered, this one too."""
    answer = await read.system.subjects.questions(
        read.caller.workspace_id, actor=actor, after=after if cursor is None else int(cursor), limit=limit
    )
    return pass_on(answer, noun="question", thing_id=actor or "")


def _subject(read: Read, subject: str) -> tuple[str, str]:
    """The kind and the id by which events name it.

    Raises:
        UnknownThing: nothing of this kind can have such an id.
    """
    kind, _, thing_id = subject.partition(":")
    if subject.startswith(ADDRESS) and (ref := read_address(subject)):
        return kind, str(ref.id_in(read.caller.workspace_id))
    if kind in STREAMS:
        try:
            return kind, read_uuid(thing_id)
        except ValueError:
            raise UnknownThing(kind, thing_id) from None
    return kind, thing_id
