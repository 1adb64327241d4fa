from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from integration.harness import Stage, new_stage


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    async with new_stage(tmp_path) as stage:
        yield stage
