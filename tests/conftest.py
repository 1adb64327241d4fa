from collections.abc import Iterator

import pytest
from blockbuster import BlockBuster, blockbuster_ctx

PRODUCT = ["teltubby_core", "teltubby_bot", "teltubby_worker"]


@pytest.fixture(autouse=True)
def nothing_blocks_the_loop() -> Iterator[BlockBuster]:
    """A test fails when the product does something slow (files, sockets, sleeps) in the event loop's thread."""
    with blockbuster_ctx(scanned_modules=PRODUCT) as blockbuster:
        yield blockbuster
