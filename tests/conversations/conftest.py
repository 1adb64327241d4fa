from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from conversations.talk import Talk, new_talk


@pytest.fixture
async def talk(tmp_path: Path) -> AsyncIterator[Talk]:
    async with new_talk(tmp_path) as talk:
        yield talk
