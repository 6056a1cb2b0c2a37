"""A workspace: one company. Nothing crosses it."""

from __future__ import annotations

from typing import Any

from domain.fact import By, Fact, Noun

GOAL_SECONDS = 600
"""Within which clients are answered, where a company states no other goal (P9)."""


class Workspace(Noun):
    TOPIC = "workspace"

    class Configured(Fact):
        """Settings were changed; those that were not are null, and an empty object takes one back."""

        TOPIC = "workspace.configured"
        class_version = 2
        timezone: str | None
        language: str | None
        response_goal_seconds: int | None
        business_hours: dict[str, Any] | None
        visibility_policy: str | None
        holidays: dict[str, Any] | None
        daily_report: dict[str, Any] | None

        @staticmethod
        def upcast_v1_v2(state: dict[str, Any]) -> None:
            """There were no holidays, and no report was sent."""
            state["holidays"] = state["daily_report"] = None

        def apply(self, workspace: Workspace) -> None:
            for name in workspace.settings:
                value = getattr(self, name)
                if value is not None:
                    workspace.settings[name] = value or None

    def __init__(self) -> None:
        self.settings: dict[str, Any] = {
            "timezone": "UTC",
            "language": "en",
            "response_goal_seconds": GOAL_SECONDS,
            "business_hours": None,
            "visibility_policy": "client_owners",
            "holidays": None,
            "daily_report": None,
        }

    @property
    def visibility_policy(self) -> str:
        """What a channel is that does not say."""
        return str(self.settings["visibility_policy"])

    def configure(self, settings: dict[str, Any], *, by: By) -> None:
        """Change what is given and different; None leaves a setting as it is, and {} takes it back."""
        changed = {
            name: None if (settings.get(name) or None) == self.settings[name] else settings.get(name)
            for name in self.settings
        }
        if any(value is not None for value in changed.values()):
            self.record(Workspace.Configured, by, **changed)
