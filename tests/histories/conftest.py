"""Worlds for histories: each example of hypothesis has one of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest

from tests.databases import Databases
from tests.histories.next_door import settle_next_door
from tests.histories.world import World, open_world

Opened = Callable[[], AbstractContextManager[World]]


@pytest.fixture(scope="session")
def founded(databases: Databases, migrated: str) -> str:
    """A database with another company in it, where everything is called the same."""
    url = databases.create(template=migrated)
    with open_world(url) as world:
        settle_next_door(world)
    return url


@pytest.fixture
def empty(databases: Databases, migrated: str) -> Opened:
    """A world in which nothing has happened."""
    return lambda: _copy(databases, migrated)


@pytest.fixture
def beside_another(databases: Databases, founded: str) -> Opened:
    """A world in which there is another company."""
    return lambda: _copy(databases, founded)


@contextmanager
def _copy(databases: Databases, template: str) -> Iterator[World]:
    url = databases.create(template=template)
    try:
        with open_world(url) as world:
            yield world
    finally:
        databases.drop(url)
