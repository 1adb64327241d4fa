"""A process that uploads a large object and prints what memory it took: VmRSS before it and VmHWM after, in bytes."""

import asyncio
import json
import sys
from pathlib import Path

from teltubby_core.adapters.s3 import S3Options, S3Store

MIB = 1024 * 1024
CHUNK = bytes(MIB)  # what a worker's transfer brings at a time


def memory(field: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(field))


def forget_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5")  # VmHWM counts from here (proc(5))


async def upload(store: S3Store, key: str, mebibytes: int) -> None:
    one = await store.begin(key, "video/mp4", {})
    for _ in range(mebibytes):
        await one.write(CHUNK)
    await one.commit()


async def main(options: S3Options, mebibytes: int) -> None:
    async with S3Store(options) as store:
        await upload(store, "teltubby/first", 1)  # boto3 and its connections are there from here on
        idle = memory("VmRSS")
        forget_peak()
        await upload(store, "teltubby/large", mebibytes)
        print(json.dumps([idle, memory("VmHWM")]))  # noqa: T201


if __name__ == "__main__":
    asyncio.run(main(S3Options(**json.loads(sys.stdin.read())), int(sys.argv[1])))
