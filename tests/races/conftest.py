from collections.abc import Iterator

import pytest

from tests.databases import Databases
from tests.races.company import Company, open_company


@pytest.fixture(scope="module")
def company(databases: Databases, migrated: str) -> Iterator[Company]:
    """Two processes over one database, for the races of one file."""
    url = databases.create(template=migrated)
    with open_company(url) as company:
        yield company
    databases.drop(url)
