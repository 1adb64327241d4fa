from collections.abc import Iterator

import pytest
from blockbuster import BlockBuster, blockbuster_ctx

from testbed.fixtures import own_rabbitmq, rabbitmq

__all__ = ["nothing_blocks_the_loop", "own_rabbitmq", "rabbitmq"]  # here, for one broker serves all suites

PRODUCT = ["teltubby_core", "teltubby_bot", "teltubby_worker"]


@pytest.fixture(autouse=True)
def nothing_blocks_the_loop() -> Iterator[BlockBuster]:
    """A test fails when the product does something slow (files, sockets, sleeps) in the event loop's thread."""
    with blockbuster_ctx(scanned_modules=PRODUCT) as blockbuster:
        # Settings are read before there is a loop; tests make them inside one.
        blockbuster.functions["io.BufferedReader.read"].can_block_in("teltubby_worker/settings.py", "_read_public_key")
        yield blockbuster
