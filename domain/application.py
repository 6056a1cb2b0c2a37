"""The one application: every command of Chatledger."""

from __future__ import annotations

from domain.conversations import ConversationCommands
from domain.directory import DirectoryCommands
from domain.notices import NoticeCommands
from domain.receiving import ReceivingCommands


class Chatledger(DirectoryCommands, ReceivingCommands, ConversationCommands, NoticeCommands):
    """All commands, over one ledger."""

    name = "chatledger"
