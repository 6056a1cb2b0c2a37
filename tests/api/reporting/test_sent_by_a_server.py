"""A server sends what it makes of its own ledger, without being asked."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from standardwebhooks.webhooks import Webhook

from api.reporting import sending
from tests.api.client import serving
from tests.api.receiver import SECRET, Receiver
from tests.api.telling import QUICK, found, put, wait_until


def test_a_server_sends_the_days_that_have_become_due(
    database_url: str, receiver: Receiver, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    today = datetime.now(UTC)
    clock = [today]
    monkeypatch.setattr(sending, "LOOK_INTERVAL_S", 0.02)
    monkeypatch.setattr(sending, "now", lambda: clock[-1])
    with serving(database_url, **QUICK, reports=tmp_path) as server:
        admin = server.client
        found(admin)
        put(admin, "crm", receiver.url(), events=["daily_report"])
        connector = admin.with_token("connector")
        connector.tell(admin.message("chat", "+7 999 1", "a secret wish", sent_at=today.isoformat()))
        admin.put("/v1/workspace", {"daily_report": {"webhook": True, "file": True}})
        path = tmp_path / "main" / f"{today:%Y-%m-%d}.json"
        assert receiver.requests == []

        clock.append(today + timedelta(days=2))
        wait_until(path.exists, receiver)
        asked = admin.with_token("analyst").get("/v1/analytics/daily-report", date=f"{today:%Y-%m-%d}")

    request = {one.told["date"]: one for one in receiver.accepted()}[f"{today:%Y-%m-%d}"]
    sent = Webhook(SECRET).verify(request.body, request.headers)["report"]
    assert sent == json.loads(path.read_text())
    for report in (asked, sent):
        report.pop("position")
        assert report["open_waits"]["longest"].pop("seconds") >= 0
    assert sent == asked
    assert sent["chats_with_new_clients"] == 1
    assert "secret" not in request.body.decode()
