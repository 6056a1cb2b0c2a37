"""docs/events.md says what the classes say."""

from pathlib import Path

from api import catalogue
from domain.fact import Noun
from domain.message import Message

DOCUMENT = Path(__file__).parents[2] / "docs" / "events.md"


def test_the_document_is_what_the_classes_say() -> None:
    assert DOCUMENT.read_text() == catalogue.markdown(), "renew it: chatledger events > docs/events.md"


def test_every_noun_is_in_the_catalogue() -> None:
    nouns = {noun for noun in Noun.__subclasses__() if noun.__module__.startswith("domain.")}
    assert set(catalogue.NOUNS) == nouns


def test_private_fields_are_told_from_facts() -> None:
    fields = {name: (kind, payload) for name, kind, payload in catalogue.fields(Message.Received)}
    assert fields["text"] == ("string or null", "private")
    assert fields["direction"] == ("string", "facts")
    assert fields["attachments"] == ("list of object", "private")
