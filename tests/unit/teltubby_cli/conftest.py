from collections.abc import Iterator

import pytest

from unit.teltubby_core.logging_rig import logging_kept


@pytest.fixture(autouse=True)
def logging_is_left_as_it_was() -> Iterator[None]:
    """Commands set up the log of their process, which here is that of all tests."""
    with logging_kept():
        yield
