"""``teltubby demo --simulator``: the demo for services that run already, as ``helm test`` plays it."""

import asyncio
import os
import sys

from distributed.stage import DistributedStage


async def played(stage: DistributedStage, *flags: str, **settings: str) -> tuple[int | None, str]:
    names = ("S3_ENDPOINT", "S3_BUCKET", "S3_ACCESS_KEY_ID", "S3_SECRET_ACCESS_KEY", "TELEGRAM_WHITELIST_IDS")
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "teltubby_cli", "demo", "--large-mb", "21", *flags),
        cwd=stage.folder,
        env={"PATH": os.environ["PATH"]} | {name: stage.settings[name] for name in names} | settings,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        async with asyncio.timeout(120):
            output, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return process.returncode, output.decode()


async def test_the_demo_checks_every_byte_of_an_archive_that_runs_elsewhere(stage: DistributedStage):
    await stage.start()
    for _ in range(2):  # and again, beside what is there
        status, told = await played(stage, f"--simulator={stage.simulator.control_url}")
        assert status == 0, told
        assert "All 11 files are in the archive, every byte as sent." in told
    assert stage.job_states() == ["COMPLETED"] * 2


async def test_an_object_that_is_not_as_it_was_sent_is_found(stage: DistributedStage):
    await stage.start()
    spoiling = asyncio.create_task(spoil_the_first(stage))
    status, told = await played(stage, f"--simulator={stage.simulator.control_url}")
    await spoiling
    assert status == 1, told
    assert "All 11 files" not in told


async def spoil_the_first(stage: DistributedStage) -> None:
    """Put other bytes in the place of the first object that appears."""
    (key, *_) = await stage.eventually(lambda: asyncio.to_thread(stage.bucket.files), what="an object")
    await asyncio.to_thread(stage.bucket.client.put_object, Bucket=stage.bucket.name, Key=key, Body=b"spoilt")


async def test_what_is_missing_is_said(stage: DistributedStage):
    status, told = await played(stage, "--simulator=http://127.0.0.1:9/control", TELEGRAM_WHITELIST_IDS="")
    assert status == 2
    assert "--curator" in told
    status, told = await played(stage, f"--simulator={stage.simulator.control_url}/nothing")
    assert status == 1
    assert "there is no such thing" in told
