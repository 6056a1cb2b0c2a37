"""Random histories in which clients are erased: what is theirs by docs/erasure.md is nowhere any more.

Every text, name and spelling of an address is written once, so each shows where it is left. The rule is said
here once more, from what was told. What is not theirs stays; lists and counts stay as they were; and the read
models that follow again, in ranges of any size, are the same row by row.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import cycle

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from projections.read_model import READ_MODELS
from tests.databases import Databases
from tests.histories.erasable import ADDRESSES, CONTACTS, KINDS, Company, Step
from tests.histories.world import World, open_world
from tests.projections.history import migrate_everything

steps = st.lists(
    st.builds(
        Step,
        what=st.sampled_from(
            ["message"] * 4
            + ["joined", "left", "edit", "renamed", "task", "reply", "answer"]
            + ["state", "link", "link", "unlink", "deal", "erase"]
        ),
        chat=st.sampled_from(list(KINDS)),
        address=st.sampled_from(ADDRESSES),
        contact=st.sampled_from(CONTACTS),
        number=st.integers(0, 3),
    ),
    min_size=6,
    max_size=20,
)
sizes = st.lists(st.sampled_from([1, 2, 5, 1000]), min_size=1, max_size=4)


@pytest.fixture(scope="module")
def founded(databases: Databases) -> Iterator[str]:
    url = databases.create()
    with psycopg.connect(url, autocommit=True) as connection:
        migrate_everything(connection)
    yield url
    databases.drop(url)


@settings(max_examples=6, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
@given(story=steps, contact=st.sampled_from(CONTACTS), sizes=sizes, again=sizes)
def test_what_is_a_clients_is_nowhere_any_more_and_what_is_anothers_stays(
    databases: Databases, founded: str, story: list[Step], contact: str, sizes: list[int], again: list[int]
) -> None:
    with a_world(databases, founded) as world:
        company = Company(world, sizes)
        for step in [*story, Step("erase", "d1", "", contact, 0), *story[:4]]:
            company.play(step)
        world.follow(company.sizes)
        company.check_nowhere()
        live = world.rows()
        for table, rows in world.rows_made_anew(READ_MODELS, cycle(again)).items():
            assert rows == live[table], table


@contextmanager
def a_world(databases: Databases, template: str) -> Iterator[World]:
    url = databases.create(template=template)
    try:
        with open_world(url) as world:
            yield world
    finally:
        databases.drop(url)
