"""The one application: every command of Chatledger."""

from __future__ import annotations

from domain.audit import AuditCommands
from domain.conversations import ConversationCommands
from domain.directory import DirectoryCommands
from domain.erasure import ErasureCommands
from domain.notices import NoticeCommands
from domain.receiving import ReceivingCommands
from domain.tasks import TaskCommands
from domain.threads import ThreadCommands


class Chatledger(
    DirectoryCommands,
    ReceivingCommands,
    ConversationCommands,
    ThreadCommands,
    TaskCommands,
    NoticeCommands,
    AuditCommands,
    ErasureCommands,
):
    """All commands, over one ledger."""

    name = "chatledger"
