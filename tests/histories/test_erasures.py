"""Random histories in which clients are erased: what is theirs by docs/erasure.md is nowhere any more.

Every text, name and spelling of an address is written once, so each shows where it is left. The rule is said
here once more, from what was told. What is not theirs stays; lists and counts stay as they were; and the read
models that follow again, in ranges of any size, are the same row by row.
"""

from __future__ import annotations

from itertools import cycle

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from projections.read_model import READ_MODELS
from tests.histories.conftest import Opened
from tests.histories.erasable import ADDRESSES, CONTACTS, KINDS, Company, Step

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


@settings(max_examples=6, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
@given(story=steps, contact=st.sampled_from(CONTACTS), sizes=sizes, again=sizes)
def test_what_is_a_clients_is_nowhere_any_more_and_what_is_anothers_stays(
    empty: Opened, story: list[Step], contact: str, sizes: list[int], again: list[int]
) -> None:
    with empty() as world:
        company = Company(world, sizes)
        for step in [*story, Step("erase", "d1", "", contact, 0), *story[:4]]:
            company.play(step)
        world.follow(company.sizes)
        company.check_nowhere()
        live = world.rows()
        for table, rows in world.rows_made_anew(READ_MODELS, cycle(again)).items():
            assert rows == live[table], table
