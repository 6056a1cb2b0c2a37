from pathlib import Path

import pytest
from pydantic import ValidationError

from adapters.settings import Settings


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHATLEDGER_PORT", "8123")
    monkeypatch.setenv("CHATLEDGER_DATA", "/var/lib/chatledger")

    settings = Settings()

    assert (settings.port, settings.data) == (8123, Path("/var/lib/chatledger"))


def test_settings_do_not_change_and_do_not_show_secrets() -> None:
    settings = Settings(admin_token="a-secret-of-the-house", telegram_token="123:secret")

    assert "secret" not in repr(settings)
    with pytest.raises(ValidationError):
        settings.port = 1  # type: ignore[misc]


def test_every_setting_says_what_it_is_for() -> None:
    assert all(field.description for field in Settings.model_fields.values())
