"""`chatledger audit`: what could be seen, by whom, when and why; a question a command."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from api import wording
from api.auditing import csv_rows, tables, timelines, transcripts
from api.auditing.options import Asked, At, Limit, ValidAt, only_one, question

app = typer.Typer(
    help="Ask what was: who could see a chat, why, who owned it; take the log away, and check it.",
    no_args_is_help=True,
    rich_markup_mode="rich",
)
preview = typer.Typer(
    help="What would happen: who would gain and who would lose which chats. Nothing is changed.",
    no_args_is_help=True,
    rich_markup_mode="rich",
)
app.add_typer(preview, name="preview")

CHAT = "4175ccb3-631b-5899-a6ea-a844c88ef864"

Chat = Annotated[str | None, typer.Option("--chat", help="A chat's id.")]
OneChat = Annotated[str, typer.Option("--chat", help="A chat's id.")]
Conversation = Annotated[str | None, typer.Option("--conversation", help="A conversation's id.")]
Employee = Annotated[str, typer.Option("--employee", help="An employee's id.")]
Deal = Annotated[str | None, typer.Option("--deal", help="A deal's id, as the CRM has it.")]
Contact = Annotated[str | None, typer.Option("--contact", help="A contact's id, as the CRM has it.")]
From = Annotated[
    str | None, typer.Option("--from", help="Begin of the span: position, time or day.", show_default="ever")
]
Until = Annotated[
    str | None, typer.Option("--until", help="End of the span: position, time or day.", show_default="now")
]
Address = Annotated[str, typer.Option("--address", help="KIND:ADDRESS, such as whatsapp:+79001110001.")]


def examples(*commands: str) -> str:
    told = (f"[bold]chatledger audit {command}[/bold]" for command in commands)
    return "\n\n".join(("Examples:", *told))


@app.command(
    epilog=examples(
        f"who --chat {CHAT}",
        f"who --conversation {CHAT} --at 2026-03-03 --timezone Europe/Moscow",
        f"who --chat {CHAT} --at 4711 --csv > who.csv",
    )
)
@question
def who(asked: Asked, chat: Chat = None, conversation: Conversation = None, at: At = None) -> None:
    """Who could see a chat or conversation, why, and since when without a break."""
    subject = only_one(chat_id=chat, conversation_id=conversation)
    then = asked.moment(at)
    with asked.asking() as asker:
        answer = asker.get("/v1/audit/visibility", **subject, at=then)
    asked.tell("who", asker, answer, answer["items"], lambda speaker: tables.who(answer, speaker))


@app.command(
    epilog=examples("seen --employee oleg", "seen --employee oleg --from 2026-03-01 --until 2026-03-31 --csv")
)
@question
def seen(
    asked: Asked, employee: Employee, since: From = None, until: Until = None, limit: Limit = None
) -> None:
    """Everything that an employee could see in a span: each chat, for which reason, from when to when."""
    span = {"from": asked.moment(since, begins=True), "until": asked.moment(until)}
    with asked.asking() as asker:
        items = asker.items("/v1/audit/visibility/history", limit=limit, employee_id=employee, **span)
        asked.tell_list("seen", asker, items, lambda found, speaker: tables.seen(found, employee, speaker))


@app.command(
    epilog=examples(
        f"why --employee oleg --chat {CHAT}", f"why --employee oleg --chat {CHAT} --at 2026-03-03"
    )
)
@question
def why(asked: Asked, employee: Employee, chat: OneChat, at: At = None) -> None:
    """Why an employee sees a chat, why he lost it, or why he has never seen it, with the events; in words."""
    then = asked.moment(at)
    with asked.asking() as asker:
        answer = asker.get("/v1/audit/explain", employee_id=employee, chat_id=chat, at=then)
    asked.tell(
        "why",
        asker,
        answer,
        csv_rows.explained(answer),
        lambda speaker: tables.why(wording.in_words(answer, speaker.names, speaker.language, speaker.zone)),
    )


@app.command(
    epilog=examples(
        "owner --deal house",
        "owner --contact husband --at 2026-03-31",
        f"owner --conversation {CHAT} --valid-at 2026-03-03",
    )
)
@question
def owner(
    asked: Asked,
    deal: Deal = None,
    contact: Contact = None,
    conversation: Conversation = None,
    at: At = None,
    valid_at: ValidAt = None,
) -> None:
    """Who owned a deal, answered for a contact or held a conversation, from when to when."""
    subject = only_one(deal_id=deal, contact_id=contact, conversation_id=conversation)
    then = {"at": asked.moment(at), "valid_at": asked.moment(valid_at)}
    with asked.asking() as asker:
        answer = asker.get("/v1/audit/ownership", **subject, **then)
    asked.tell("owner", asker, answer, answer["items"], lambda speaker: tables.owner(answer, speaker))


@app.command(
    epilog=examples(
        f"transcript --conversation {CHAT}",
        f"transcript --conversation {CHAT} --at 2026-03-03 --language ru",
        f"transcript --conversation {CHAT} --at 2026-03-02 --valid-at 2026-02-27",
    )
)
@question
def transcript(
    asked: Asked,
    chat: Chat = None,
    conversation: Conversation = None,
    at: At = None,
    valid_at: ValidAt = None,
    limit: Limit = None,
) -> None:
    """A conversation as it was: texts before later edits, deleted messages, hidden threads, who had read."""
    subject = only_one(chat_id=chat, conversation_id=conversation)
    then = {"at": asked.moment(at), "valid_at": asked.moment(valid_at)}
    with asked.asking() as asker:
        pages = list(asker.pages("/v1/audit/transcript", limit=limit, **subject, **then))
    items = [item for page in pages for item in page["items"]]
    answer = {**pages[0], "items": items, "next_cursor": pages[-1]["next_cursor"]}
    asked.tell("transcript", asker, answer, items, lambda speaker: transcripts.transcript(answer, speaker))


@app.command(
    epilog=examples(
        f"events --subject chat:{CHAT}",
        "events --subject employee:oleg --topic deal.reassigned --after 4711",
        "events --subject address:whatsapp:+79001110001 --json",
    )
)
@question
def events(
    asked: Asked,
    subject: Annotated[
        str,
        typer.Option(
            help="chat:, deal:, contact:, employee:, conversation: or message:ID; address:KIND:ADDRESS."
        ),
    ],
    after: Annotated[int | None, typer.Option(min=0, help="A position; events behind it.")] = None,
    topic: Annotated[str | None, typer.Option(help="Only these, such as deal.reassigned.")] = None,
    at: At = None,
    limit: Limit = None,
) -> None:
    """All events about something, in the order of the log."""
    chosen = {"subject": subject, "after": after, "topic": topic, "at": asked.moment(at)}
    with asked.asking() as asker:
        items = asker.items("/v1/audit/events", limit=limit, **chosen)
        asked.tell_list("events", asker, items, tables.events)


@app.command(epilog=examples("questions", "questions --after 4711 --limit 20 --json"))
@question
def questions(
    asked: Asked,
    actor: Annotated[str | None, typer.Option(help="Who asked, such as auditor:TOKEN_ID.")] = None,
    after: Annotated[int | None, typer.Option(min=0, help="A position; questions behind it.")] = None,
    limit: Limit = None,
) -> None:
    """Who asked what of the past, and when: asking is recorded too."""
    with asked.asking() as asker:
        items = asker.items("/v1/audit/questions", limit=limit, actor=actor, after=after)
        asked.tell_list("events", asker, items, tables.questions)


@app.command(
    epilog=examples(
        f"timeline --chat {CHAT} --out chat.svg",
        f"timeline --chat {CHAT} --out march.svg --from 2026-03-01 --until 2026-03-31 --language ru",
    )
)
@question
def timeline(
    asked: Asked,
    chat: OneChat,
    out: Annotated[Path, typer.Option(help="The file to write, ending in .svg.")],
    since: From = None,
    until: Until = None,
) -> None:
    """Draw who saw a chat when and why, with its messages, joins, leaves and handovers, as a picture."""
    if out.suffix != ".svg":
        raise typer.BadParameter(f"{out} does not end in .svg", param_hint="--out")
    span = (asked.moment(since, begins=True), asked.moment(until))
    from api.auditing import picture  # takes half a second to load, which no other command is to wait for

    with asked.asking() as asker:
        story = timelines.collected(asker, chat, *span)
    speaker = replace(asked.speaker, names=asker.names)
    out.write_text(picture.drawn(timelines.timeline(story, speaker), speaker), encoding="utf-8")


@preview.command(epilog=examples("preview handover --from oleg --to pavel"))
@question
def handover(
    asked: Asked,
    former: Annotated[str, typer.Option("--from", help="The employee who hands over.")],
    new: Annotated[str, typer.Option("--to", help="The employee who takes over.")],
) -> None:
    """If all deals and contacts of one employee went to another."""
    foresee(asked, {"action": "handover", "from_employee_id": former, "to_employee_id": new})


@preview.command(epilog=examples("preview reassign --deal house --owner pavel --with-contacts"))
@question
def reassign(
    asked: Asked,
    deal: Annotated[str, typer.Option(help="The deal's id.")],
    owner: Annotated[str, typer.Option(help="The employee who would own it.")],
    with_contacts: Annotated[bool, typer.Option("--with-contacts", help="Its contacts go with it.")] = False,
) -> None:
    """If a deal went to another owner."""
    foresee(asked, {"action": "reassign", "deal_id": deal, "owner_id": owner, "with_contacts": with_contacts})


@preview.command(epilog=examples("preview link --address whatsapp:+79001110001 --contact husband"))
@question
def link(
    asked: Asked, address: Address, contact: Annotated[str, typer.Option(help="The contact's id.")]
) -> None:
    """If an address were linked to a contact."""
    foresee(asked, {"action": "link", "address": split(address), "contact_id": contact})


@preview.command(epilog=examples("preview unlink --address whatsapp:+79001110001 --contact husband"))
@question
def unlink(
    asked: Asked, address: Address, contact: Annotated[str, typer.Option(help="The contact's id.")]
) -> None:
    """If an address were unlinked from a contact."""
    foresee(asked, {"action": "unlink", "address": split(address), "contact_id": contact})


def foresee(asked: Asked, change: dict[str, object]) -> None:
    with asked.asking() as asker:
        answer = asker.post("/v1/audit/preview", change)
    asked.tell("preview", asker, answer, answer["items"], lambda speaker: tables.preview(answer, speaker))


def split(address: str) -> dict[str, str]:
    """Raises: typer.BadParameter: the messenger is missing."""
    kind, colon, text = address.partition(":")
    if not (kind and colon and text):
        raise typer.BadParameter(f"{address!r} lacks its messenger: write whatsapp:{address}")
    return {"kind": kind, "address": text}
