"""What one process does for all at a time: whoever has the lock, which ends with his session."""

from __future__ import annotations

from typing import Final

DELIVERING_LOCK: Final = 0x64656C6976657273  # "delivers"; advisory locks are known by a number
PROVING_LOCK: Final = 0x70726F7665  # "prove"
SENDING_LOCK: Final = 0x7265706F727473  # "reports"

PARTS: Final = {"proof": PROVING_LOCK, "webhooks": DELIVERING_LOCK, "reports": SENDING_LOCK}
"""By the names under which they are watched. Read models are led one by one: `projections/checkpoints.py`."""
