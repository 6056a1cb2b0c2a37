"""A workspace: one company. Nothing crosses it."""

from __future__ import annotations

from typing import Any

from domain.fact import By, Fact, Noun


class Workspace(Noun):
    TOPIC = "workspace"

    class Configured(Fact):
        """Settings were changed; those that were not are null."""

        TOPIC = "workspace.configured"
        timezone: str | None
        language: str | None
        response_goal_seconds: int | None
        business_hours: dict[str, Any] | None
        visibility_policy: str | None

        def apply(self, workspace: Workspace) -> None:
            for name in workspace.settings:
                value = getattr(self, name)
                if value is not None:
                    workspace.settings[name] = value

    def __init__(self) -> None:
        self.settings: dict[str, Any] = {
            "timezone": "UTC",
            "language": "en",
            "response_goal_seconds": 600,
            "business_hours": None,
            "visibility_policy": "client_owners",
        }

    @property
    def visibility_policy(self) -> str:
        """What a channel is that does not say."""
        return str(self.settings["visibility_policy"])

    def configure(self, settings: dict[str, Any], *, by: By) -> None:
        """Change what is given and different; None leaves a setting as it is."""
        changed = {
            name: settings.get(name) if settings.get(name) != self.settings[name] else None
            for name in self.settings
        }
        if any(value is not None for value in changed.values()):
            self.record(Workspace.Configured, by, **changed)
