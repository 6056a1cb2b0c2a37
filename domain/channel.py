"""A channel: one connected messenger account, and who sees its direct chats (P1)."""

from __future__ import annotations

from enum import StrEnum

from domain.fact import By, Fact, Noun


class ChannelVisibility(StrEnum):
    """Who sees the direct chats of a channel; its group chats always follow the client's owners."""

    CLIENT_OWNERS = "client_owners"
    WHOLE_TEAM = "whole_team"


class Channel(Noun):
    TOPIC = "channel"

    class Connected(Fact):
        """A messenger account is connected."""

        TOPIC = "channel.connected"
        channel_id: str
        kind: str
        title: str
        visibility: str

        def apply(self, channel: Channel) -> None:
            channel.kind, channel.title, channel.visibility = self.kind, self.title, self.visibility

    class Renamed(Fact):
        """The channel has another title."""

        TOPIC = "channel.renamed"
        channel_id: str
        title: str

        def apply(self, channel: Channel) -> None:
            channel.title = self.title

    class VisibilityChanged(Fact):
        """Other people see the direct chats of the channel."""

        TOPIC = "channel.visibility_changed"
        channel_id: str
        from_visibility: str
        to_visibility: str

        def apply(self, channel: Channel) -> None:
            channel.visibility = self.to_visibility

    class KindChanged(Fact):
        """The channel turned out to be of another messenger."""

        TOPIC = "channel.kind_changed"
        channel_id: str
        kind: str

        def apply(self, channel: Channel) -> None:
            channel.kind = self.kind

    def __init__(self) -> None:
        self.kind = ""
        self.title = ""
        self.visibility = ""

    def state(self, channel_id: str, *, kind: str, title: str, visibility: str, by: By) -> None:
        """Make the channel what the statement says."""
        if not self.exists:
            self.record(
                Channel.Connected, by, channel_id=channel_id, kind=kind, title=title, visibility=visibility
            )
            return
        if kind != self.kind:
            self.record(Channel.KindChanged, by, channel_id=channel_id, kind=kind)
        if title != self.title:
            self.record(Channel.Renamed, by, channel_id=channel_id, title=title)
        if visibility != self.visibility:
            self.record(
                Channel.VisibilityChanged,
                by,
                channel_id=channel_id,
                from_visibility=self.visibility,
                to_visibility=visibility,
            )
