"""Histories that hypothesis invents, played against the whole system and against a model beside it."""

import pytest

pytest.register_assert_rewrite("tests.histories.play")  # so that a failure tells what was shown instead
