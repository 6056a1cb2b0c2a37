"""Another company in the same database, where everything is called the same: nothing crosses between them."""

from __future__ import annotations

from domain import inbound
from tests.histories.alphabet import CHATS, EMPLOYEES, NEXT_DOOR, at, chat_id, refs
from tests.histories.world import World


def settle_next_door(world: World) -> None:
    """Oleg answers for nobody there, Vera holds a chat, and Irina sees all."""
    application, by = world.application, world.by(NEXT_DOOR)
    for channel in ("wa", "team"):
        application.put_channel(channel, kind="whatsapp", title="", visibility="client_owners", by=by)
    for employee in EMPLOYEES:
        application.put_employee(
            employee,
            name=employee,
            role="supervisor" if employee == "irina" else "seller",
            receives_new_clients=False,
            active=True,
            addresses=[],
            by=by,
        )
    application.put_contact("son", name="", responsible_id="vera", addresses=refs(["1", "2"]), by=by)
    application.put_deal("house", title="", owner_id="vera", status="open", contact_ids=["son"], by=by)
    for name, (channel, kind) in CHATS.items():
        chat = inbound.ChatRef(name, kind, "next door")
        application.receive(channel, [inbound.MessageArrived(chat, "0", at(0), "1", text="next door")], by=by)
        application.receive(channel, [inbound.MessageDeleted(chat, "1", at(0))], by=by)
    application.claim([chat_id("family", NEXT_DOOR)], "vera", by=by)
