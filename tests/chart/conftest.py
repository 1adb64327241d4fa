"""Sets of values that what holds for every release is held to."""

import pytest

from chart.rendering import KINDS, Rendered, rendered


@pytest.fixture(params=list(KINDS))
def release(request: pytest.FixtureRequest) -> Rendered:
    """What each of them gives."""
    return rendered(KINDS[request.param])
