"""Memory of an upload is bounded by its parts, whatever the object's size."""

import asyncio
import json
import sys
from dataclasses import asdict
from pathlib import Path

import pytest

from testbed.buckets import SeenBucket
from testbed.stores import s3_options

MIB = 1024 * 1024
PART = 8 * MIB
PARTS = 3  # side by side
SLACK = 8 * MIB  # sockets, the interpreter's own


@pytest.mark.timeout(300)
async def test_a_gibibyte_takes_no_more_memory_than_the_parts_that_are_held(seen_bucket: SeenBucket, capsys):
    options = s3_options(seen_bucket, part_size=PART, part_uploads=PARTS, io_timeout=60)
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(Path(__file__).with_name("s3_uploader.py")),
        "1024",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        told, _ = await asyncio.wait_for(process.communicate(json.dumps(asdict(options)).encode()), 240)
    except BaseException:
        process.kill()
        raise
    idle, peak = json.loads(told)

    assert seen_bucket.look_at("teltubby/large").size_bytes == 1024 * MIB
    with capsys.disabled():
        print(f"\n1 GiB: idle {idle / MIB:.1f} MiB, {(peak - idle) / MIB:.1f} MiB above")  # noqa: T201
    assert peak - idle < (PARTS + 1) * PART + SLACK
