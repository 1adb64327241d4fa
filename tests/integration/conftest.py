from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from integration.harness import Stage, new_stage
from testbed.fixtures import own_bucket, own_minio, rabbitmq, s3, s3_client, seen_bucket

__all__ = ["own_bucket", "own_minio", "rabbitmq", "s3", "s3_client", "seen_bucket", "stage"]


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    async with new_stage(tmp_path) as stage:
        yield stage
