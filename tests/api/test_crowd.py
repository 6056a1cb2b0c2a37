"""What the demo expects of its inboxes is what they count: one client's chats are one conversation."""

from api import chitchat, crowd
from api.house import EMPLOYEES
from tests.api.client import Client

CHATS = {"first": "ann", "second": "bob", "third": "ann", "fourth": "nobody known"}
"""Chat → who opened it."""

LATER = {"first": ["ann", "clerk"], "third": ["ann"], "fourth": ["nobody known", "clerk"]}
"""Who writes then; the last word to Ann is in her first chat, and she waits in her third."""


def test_inboxes_count_what_the_data_says(admin: Client, connector: Client) -> None:
    admin.put_channel("crowd", kind="other")
    for employee_id, told in EMPLOYEES.items():
        admin.put_employee(employee_id, **{name: told[name] for name in ("role", "receives_new_clients")})
    responsible = {"ann": "oleg", "bob": "pavel"}
    for client, employee_id in responsible.items():
        known = [{"kind": "other", "address": client}]
        admin.put_contact(client, addresses=known, responsible_id=employee_id)
    readers = {each: admin.with_token(f"employee:{each}") for each in crowd.COUNTED}
    nothing = dict.fromkeys(readers["oleg"].get("/v1/inbox/counts"), 0)

    dataset = {chat: conversation(minute, opener) for minute, (chat, opener) in enumerate(CHATS.items())}
    for minute, (chat, senders) in enumerate(LATER.items(), start=30):
        dataset[chat]["messages"].append([message(minute, sender) for sender in senders])
    position = connector.tell(*chitchat.inbound_events(dataset), channel_id="crowd")["position"]

    after = {each: reader.get("/v1/inbox/counts", min_position=position) for each, reader in readers.items()}
    compared = crowd.compared(dataset, responsible, dict.fromkeys(crowd.COUNTED, nothing), after)
    assert all(each.is_right for each in compared), compared
    shown = {each.employee_id: (each.own, each.others, each.waiting) for each in compared}
    assert shown == {"oleg": (1, 1, 1), "vera": (0, 1, 0), "pavel": (1, 0, 1), "irina": (0, 3, 2)}


def conversation(minute: int, opener: str) -> chitchat.Conversation:
    return {"messages": [[message(minute, opener)]]}


def message(minute: int, sender: str) -> dict[str, str]:
    return {"sender": sender, "text": "hello", "timestamp": f"2018-05-02T19:{minute:02}:00Z"}
