"""Which hours a workspace stated, and since when."""

from __future__ import annotations

import asyncio
from typing import Any

from adapters.postgres.database import create_async_pool
from domain.calendar import UNSTATED, Configuration
from domain.ids import derive
from projections.workspaces import Workspaces
from tests.projections.history import History, noon

HOURS = {"monday": [["10:00", "19:00"]]}


def configurations(url: str, workspace_id: str) -> list[Configuration]:
    async def ask() -> list[Configuration]:
        async with create_async_pool(url, max_size=1) as pool:
            return await Workspaces(pool).configurations(workspace_id)

    return asyncio.run(ask())


def test_what_was_stated_counts_until_it_is_stated_otherwise_or_taken_back(
    url: str, history: History
) -> None:
    def configure(seconds: int, workspace_id: str = "main", **settings: Any) -> None:
        stream = str(derive("workspace", workspace_id))
        nothing = dict.fromkeys(("timezone", "language", "business_hours", "holidays"))
        history.append(
            "workspace.configured", stream, noon(seconds), workspace_id=workspace_id, **nothing | settings
        )

    history.append(  # by a version that knew no holidays
        "workspace.configured", str(derive("workspace", "main")), noon(0), timezone="Europe/Moscow"
    )
    configure(1, business_hours=HOURS)
    configure(2, language="ru")
    configure(3, "another", timezone="Asia/Tokyo")
    configure(4, holidays={"country": "RU"})
    configure(5, business_hours={}, timezone="UTC")
    configure(6, holidays={})

    assert configurations(url, "main") == [
        UNSTATED,
        Configuration(noon(0), "Europe/Moscow", None, None),
        Configuration(noon(1), "Europe/Moscow", HOURS, None),
        Configuration(noon(4), "Europe/Moscow", HOURS, {"country": "RU"}),
        Configuration(noon(5), "UTC", None, {"country": "RU"}),
        Configuration(noon(6), "UTC", None, None),
    ]
    assert configurations(url, "another") == [UNSTATED, Configuration(noon(3), "Asia/Tokyo", None, None)]
    assert configurations(url, "nobody's") == [UNSTATED]
