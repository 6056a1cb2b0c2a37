"""The inbox: the same in the end, however the ranges of the ledger were cut."""

from typing import Any

from psycopg import Connection

from tests.projections.history import History, all_rows, follow, named, noon, rebuild


def test_a_participant_is_called_the_same_however_the_ranges_are_cut(
    url: str, connection: Connection[Any], history: History
) -> None:
    for topic, second, address, name in (
        ("joined", 3, "+7 1", None),
        ("left", 1, "71", "Husband"),
        ("joined", 5, "7-1", None),
        ("joined", 1, "71", "Ivan"),
        ("left", 0, "71", "Nobody"),
    ):
        private = {"address": address, "name": name}
        facts = {"chat_id": named("chat"), "address_id": named("71"), "kind": "phone"}
        history.append(f"chat.participant_{topic}", "chat", noon(second), private, **facts)
    follow(connection, history.head, range(history.head))
    live = all_rows(connection, "inbox")

    ((participant,),) = live["inbox.participant"]
    assert (participant["address"], participant["name"]) == ("+7 1", "Ivan")
    rebuild(url, verify=False)
    assert all_rows(connection, "inbox") == live
