"""Makes a company with a long history, at once.

The company is founded and its first STORIES conversations are played by the real commands. Then what these
recorded is stamped out for all other conversations: the same events with the ids, names and positions of
their own, by COPY. So a made history is what the commands record, whatever they come to record.

A client writes, becomes a contact, often gets a deal, and is answered in turns; meanwhile ABREAST others are.
Of the clients' conversations most are closed in the end, some are in progress, the rest wait.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from datetime import timedelta
from itertools import pairwise
from typing import Any

import psycopg
from psycopg import Connection

from adapters.postgres.database import create_pool, migrate
from api.bench.company import (
    BEGINNING,
    CHANNEL,
    KIND,
    STORIES,
    SUPERVISOR,
    Company,
    by,
    chat_of,
    contact_id,
    deal_id,
    external_id,
    is_closed,
    is_group,
    message_ref,
    names,
    phone,
    seller,
    successor,
    text_of,
    title,
)
from api.bench.measuring import Watch, no_watch
from api.bench.stamps import COPY, Press, story_of
from domain import ids, inbound
from domain.address import AddressRef
from domain.application import Chatledger
from projections.checkpoints import Checkpoints
from projections.read_model import LEADS, REACTIONS, READ_MODELS, table_definitions
from projections.rebuild import CONNECTIONS, rebuilding

ABREAST = 100
"""So many conversations go on at the same time."""

BETWEEN_EVENTS = timedelta(seconds=2)

WITHOUT_INDEX = "ALTER TABLE ledger DROP CONSTRAINT ledger_stream_version"
WITH_INDEX = "ALTER TABLE ledger ADD CONSTRAINT ledger_stream_version UNIQUE (stream_id, version)"
"""Made anew behind millions of rows, it takes a fraction of what it takes to grow with them."""


def make(url: str, company: Company, watch: Watch = no_watch, *, names: Sequence[str] = READ_MODELS) -> int:
    """Fill an empty database with a company and its read models, or these; returns the ledger's head."""
    heads = found_and_play(url, company, range(min(STORIES, company.conversations)))
    with psycopg.connect(url, autocommit=True) as connection:
        head = stamp_out(connection, company, heads, watch)
        connection.execute("VACUUM ANALYZE ledger")
        migrate(connection, table_definitions())
    build_read_models(url, head, watch, names=names)
    return head


def found_and_play(url: str, company: Company, numbers: range) -> list[int]:
    """Have the commands record the founding and these conversations; returns the head after each."""
    told = {"PERSISTENCE_MODULE": "adapters.postgres.recorder", "LEDGER_DATABASE_URL": url}
    with closing(Chatledger(told)) as application:
        found(application, company)
        heads = [application.head()]
        for number in numbers:
            play(application, company, number)
            heads.append(application.head())
    return heads


def found(application: Chatledger, company: Company) -> None:
    application.put_channel(CHANNEL, kind=KIND, title="Sales phone", visibility="client_owners", by=by())
    roles = {
        SUPERVISOR: "supervisor",
        **{seller(number): "seller" for number in range(company.sellers)},
        **{successor(number): "seller" for number in range(company.successors)},
    }
    for employee_id, role in roles.items():
        application.put_employee(
            employee_id,
            name=employee_id.title(),
            role=role,
            receives_new_clients=role == "seller",
            active=True,
            addresses=[],
            by=by(),
        )


def play(application: Chatledger, company: Company, number: int) -> None:
    """One conversation, from the first message to what becomes of it."""
    heard = hear(application, number, 0)
    if company.is_client(number):
        become_client(application, company, number)
    for nth in range(1, company.messages):
        if company.is_client(number) and nth % 2:
            answer(application, company, number, nth)
        else:
            heard = hear(application, number, nth)
    if company.is_client(number):
        settle(application, company, number, heard)


def hear(application: Chatledger, number: int, nth: int) -> int:
    """The client writes; returns the position of his message."""
    chat = inbound.ChatRef(external_id(number), "group" if is_group(number) else "direct", title(number))
    name, text = f"Client {number}", text_of(number, nth)
    item = inbound.MessageArrived(chat, message_ref(number, nth), BEGINNING, phone(number), name, text)
    return application.receive(CHANNEL, [item], by=by())[1].position


def become_client(application: Chatledger, company: Company, number: int) -> None:
    responsible_id, addresses = company.seller_of(number), [AddressRef(KIND, phone(number))]
    contact = contact_id(number)
    name = f"Client {number}"
    application.put_contact(contact, name=name, responsible_id=responsible_id, addresses=addresses, by=by())
    if company.has_deal(number):
        application.put_deal(
            deal_id(number),
            title=f"Contract {number}",
            owner_id=responsible_id,
            status="open",
            contact_ids=[contact],
            by=by(),
        )


def answer(application: Chatledger, company: Company, number: int, nth: int) -> None:
    author_id, chat_id = company.seller_of(number), chat_of(number)
    application.send_message(
        str(chat_id),
        ids.message_id(chat_id, message_ref(number, nth)),
        author_id=author_id,
        text=text_of(number, nth),
        attachments=[],
        reply_to=None,
        by=by(f"employee:{author_id}"),
    )


def settle(application: Chatledger, company: Company, number: int, heard: int) -> None:
    """The seller has read the client's last message, and closes the conversation, or takes it, or waits."""
    employee_id, chat_id = company.seller_of(number), str(chat_of(number))
    himself = by(f"employee:{employee_id}")
    if number % 10 < 8:
        conversation_id = str(ids.conversation_id(chat_id))
        application.read_up_to(conversation_id, [chat_id], employee_id, heard, by=himself)
    if company.closed and is_closed(number):
        application.close_conversation([chat_id], employee_id, seen_position=heard, by=himself)
    elif number % 10 < 8 and company.held:
        application.claim([chat_id], employee_id, by=himself)


def stamp_out(
    connection: Connection[Any], company: Company, heads: Sequence[int], watch: Watch = no_watch
) -> int:
    """Write the events of all conversations that were not played; returns the ledger's head.

    heads: the ledger's, before the first that was played, and after each.
    """
    stories = [
        story_of(connection, after, until, names(company, number))
        for number, (after, until) in enumerate(pairwise(heads))
    ]
    ((recorded_at,),) = connection.execute("SELECT max(recorded_at) FROM ledger").fetchall()
    connection.execute(WITHOUT_INDEX)
    with connection.cursor().copy(COPY) as copy:
        press = Press(copy, heads[-1], recorded_at, BEGINNING, BETWEEN_EVENTS)
        for first in range(len(stories), company.conversations, ABREAST):
            numbers = range(first, min(first + ABREAST, company.conversations))
            press.write([(stories[number % STORIES], names(company, number)) for number in numbers])
            watch("history", numbers.stop, company.conversations)
    connection.execute(WITH_INDEX)
    return press.position


def build_read_models(
    url: str, head: int, watch: Watch = no_watch, *, names: Sequence[str] = READ_MODELS
) -> None:
    """Have these at the head, by the quickest way: a rebuild that takes the place of nothing.

    The others count as there too, with nothing in them.
    """
    with psycopg.connect(url, autocommit=True) as connection:
        Checkpoints(connection, [*READ_MODELS, REACTIONS]).take_lead(LEADS)
        connection.execute("UPDATE projection.checkpoint SET position = %s", [head])
    with create_pool(url, max_size=CONNECTIONS) as pool, rebuilding(pool, names, watch) as rebuild:
        rebuild.run(verify=False)
        rebuild.drop()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE")
