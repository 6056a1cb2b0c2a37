"""A subject says of its event what it is, whatever the ids hold."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.nats.subjects import Address, address, subject

IDS = st.text(alphabet=st.sampled_from("aB9-_~.*> %\t\nя日$/"), min_size=1, max_size=12) | st.text(
    alphabet=st.characters(exclude_categories=["Cs"]), min_size=1
)


def test_a_subject_reads_as_its_event() -> None:
    assert subject("main", "deal.reassigned", "9f0c") == "ledger.main.deal.reassigned.9f0c"
    assert subject("acme.ru *", "deal.won", "дом>") == "ledger.acme%2Eru%20%2A.deal.won.%D0%B4%D0%BE%D0%BC%3E"


@given(workspace_id=IDS, stream_id=IDS)
def test_every_id_is_one_token_and_comes_back(workspace_id: str, stream_id: str) -> None:
    made = subject(workspace_id, "message.received", stream_id)
    assert made.isascii()
    assert not set(made) & set("*> \t\r\n")
    assert len(made.split(".")) == 5
    assert address(made) == Address(workspace_id, "message.received", stream_id)


@pytest.mark.parametrize("other", ["", "ledger", "ledger.main.deal.won", "orders.main.deal.won.1"])
def test_what_is_no_subject_of_an_event_is_refused(other: str) -> None:
    with pytest.raises(ValueError, match="no subject of an event"):
        address(other)
