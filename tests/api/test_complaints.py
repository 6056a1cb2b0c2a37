"""What a command complains about in one line is known by names, which must be those that the errors have."""

from importlib import import_module

import pytest

from api.complaints import COMPLAINTS, name_of


@pytest.mark.parametrize("name", sorted(COMPLAINTS))
def test_every_complaint_is_the_name_of_an_error(name: str) -> None:
    module, _, error = name.rpartition(".")
    error_class = getattr(import_module(module), error)
    assert issubclass(error_class, Exception)
    assert name_of(error_class) == name
