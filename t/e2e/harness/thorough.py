"""Whether tests that can go further than `make test` has time for do: KEYWARD_THOROUGH=1, as `make check` says."""

import os

import pytest

THOROUGH = "KEYWARD_THOROUGH" in os.environ


def thorough(seconds):
    """Marks a test that does; it may then take this long."""

    def mark(test):
        test = pytest.mark.thorough(test)
        return pytest.mark.time_limit(seconds)(test) if THOROUGH else test

    return mark
