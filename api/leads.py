"""What one process does for all at a time: whoever has the lock, which ends with his session."""

from __future__ import annotations

from typing import Final

from projections.checkpoints import LEADER_LOCK

DELIVERING_LOCK: Final = 0x64656C6976657273  # "delivers"; advisory locks are known by a number
PROVING_LOCK: Final = 0x70726F7665  # "prove"
SENDING_LOCK: Final = 0x7265706F727473  # "reports"

LEADS: Final = {
    "read_models": LEADER_LOCK,
    "proof": PROVING_LOCK,
    "webhooks": DELIVERING_LOCK,
    "reports": SENDING_LOCK,
}
"""By the names under which they are watched."""
