"""``teltubby demo --distributed`` on real servers, as a user runs it; and what it is made of."""

import asyncio
import os
import signal
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import aio_pika
import pytest
from aio_pika.exceptions import ChannelNotFoundEntity

from integration.cli_rig import s3_environment, teltubby
from support import eventually
from teltubby_cli.demo.bucket import Bucket
from teltubby_cli.demo.check import check_objects
from teltubby_cli.demo.objects import whole
from teltubby_cli.demo.programs import Program, Programs
from teltubby_core.settings import S3Settings
from testbed.buckets import SeenBucket
from testbed.minio import S3Address
from testbed.processes import ended
from testbed.rabbitmq import AmqpAddress

OBEYS = (
    "import os, signal; signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM]); print(os.getpid(), flush=True); "
    "signal.sigwait([signal.SIGTERM])"
)
"""Tells its process id and ends well when it is told to."""
TELLS = "import os; print(os.environ['RABBITMQ_HOST'], os.environ['S3_ENDPOINT'], flush=True)"


@pytest.mark.timeout(240)
async def test_the_demo_plays_to_its_end_with_two_workers_and_leaves_nothing_behind(
    tmp_path: Path, s3: S3Address, seen_bucket: SeenBucket, rabbitmq: AmqpAddress
):
    keep = tmp_path / "kept"
    settings = s3_environment(s3, "never-touched") | rabbitmq.environment
    arguments = ("demo", "--distributed", "--large-mb", "40", "--keep", str(keep))
    played = await teltubby(*arguments, settings=settings, folder=tmp_path, limit=200)
    assert played.status == 0, played.out + played.err
    for said in ("Ada sends an album", "Job Queued 📥", "the bot keeps silent", '"schema_version": "1.0"'):
        assert said in played.out
    fetched = played.out.partition("Who fetched what")[2].partition("What was sent")[0]
    assert {"worker-1", "worker-2", "expedition-1.mp4", "expedition-2.mp4"} <= set(fetched.split())
    assert "All 12 files are in the archive, every byte as sent." in played.out
    assert len(await asyncio.to_thread(lambda: list(keep.rglob("message.json")))) == 10
    buckets = await asyncio.to_thread(seen_bucket.client.list_buckets)
    mark = "teltubby-demo-" + played.out.partition("bucket teltubby-demo-")[2][:8]
    assert mark not in {each["Name"] for each in buckets["Buckets"]}
    assert not await is_declared(rabbitmq, f"{mark}.large_files")
    assert not await is_declared(rabbitmq, f"{mark}.events.bot")


async def is_declared(broker: AmqpAddress, queue: str) -> bool:
    connection = await aio_pika.connect(
        host=broker.host, port=broker.port, login=broker.username, password=broker.password, virtualhost=broker.vhost
    )
    async with connection:
        channel = await connection.channel()
        try:
            await channel.declare_queue(queue, passive=True)
        except ChannelNotFoundEntity:
            return False
        return True


async def test_without_servers_it_says_what_is_missing(tmp_path: Path):
    settings = {"RABBITMQ_HOST": "127.0.0.1"}
    ended = await teltubby("demo", "--distributed", settings=settings, folder=tmp_path)
    assert ended.status == 2
    assert "S3_ENDPOINT: missing" in ended.err


# the bucket, looked at


@pytest.fixture
def bucket(seen_bucket: SeenBucket) -> Bucket:
    address = seen_bucket.address
    settings = S3Settings(
        s3_endpoint=address.endpoint,
        s3_access_key_id=address.access_key_id,
        s3_secret_access_key=address.secret_access_key,
    )
    return Bucket(settings, seen_bucket.name)


def test_a_bucket_shows_sizes_and_bytes_and_can_be_removed(bucket: Bucket, seen_bucket: SeenBucket):
    assert bucket.sizes() == {}
    bucket.remove()  # it was never made
    seen_bucket.make()
    body = os.urandom(3 * 1024 * 1024 + 1)
    for key in ("teltubby/a.bin", "teltubby/b/c.bin"):
        seen_bucket.client.put_object(Bucket=seen_bucket.name, Key=key, Body=body)
    assert bucket.sizes() == {"teltubby/a.bin": len(body), "teltubby/b/c.bin": len(body)}
    assert whole(bucket, "teltubby/b/c.bin") == body
    assert [finding.problem for finding in check_objects(bucket, [])] == ["nobody sent this"] * 2
    bucket.remove()
    assert not seen_bucket.exists()


# the processes


def programs_of(*scripts: str) -> list[Program]:
    return [Program(f"program {number}", ("-c", script), {}) for number, script in enumerate(scripts, 1)]


def pid_in(folder: Path, number: int) -> int | None:
    """The id that a program has told in its log."""
    log = folder / f"program-{number}.log"
    text = log.read_text("utf-8") if log.exists() else ""
    return int(text.split()[0]) if text.endswith("\n") else None


async def pids_of(folder: Path, count: int) -> list[int]:
    return [await eventually(partial(pid_in, folder, number), 30) for number in range(1, count + 1)]


async def test_programs_end_with_their_context(tmp_path: Path):
    async with Programs(programs_of(OBEYS, OBEYS), tmp_path, lambda: None) as programs:
        pids = await pids_of(tmp_path, 2)
        assert programs.ended is None
    assert all(map(ended, pids))


async def test_one_that_ends_too_early_is_told_and_the_others_are_ended(tmp_path: Path):
    told = asyncio.Event()
    pids = []

    async def play() -> None:
        failing = "print('oh no'); raise SystemExit(3)"
        async with Programs(programs_of(OBEYS, failing), tmp_path, told.set) as programs:
            pids.extend(await pids_of(tmp_path, 1))
            await asyncio.wait_for(told.wait(), 30)
            assert programs.ended == "program 2 ended with status 3"
            assert programs.tails()["program 2"] == "oh no"

    with pytest.raises(ChildProcessError, match="program 2 ended with status 3"):
        await play()
    assert all(map(ended, pids))


async def test_all_are_ended_when_whoever_started_them_is_cancelled(tmp_path: Path):
    async def play() -> None:
        async with Programs(programs_of(OBEYS, OBEYS), tmp_path, lambda: None):
            await asyncio.Event().wait()

    task = asyncio.create_task(play())
    pids = await pids_of(tmp_path, 2)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert all(map(ended, pids))


@pytest.fixture
def heard() -> Iterator[None]:
    """Let the processes of this test hear Ctrl-C: whoever runs in a shell's background ignores it, and so do they."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.timeout(240)
@pytest.mark.usefixtures("heard")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_demo_that_is_stopped_leaves_no_process(tmp_path: Path, number: signal.Signals):
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "teltubby_cli", "demo"),
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "TMPDIR": str(tmp_path), "PYTHONUTF8": "1"},
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    async with asyncio.timeout(120):
        while b"Ada" not in await process.stdout.readline():
            pass
        children = children_of(process.pid)
        assert len(children) == 1
        process.send_signal(number)
        await process.communicate()
    assert process.returncode == 128 + number
    assert all(map(ended, children))


def children_of(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text("utf-8").split()]


@pytest.mark.timeout(240)
async def test_servers_end_with_who_started_them():
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "testbed.run", "--", sys.executable, "-c", f"{TELLS}; {OBEYS}"),
        cwd=Path(__file__).parents[1],
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    async with asyncio.timeout(150):
        assert (await process.stdout.readline()).startswith(b"127.0.0.1 http://127.0.0.1:")
        pid = int(await process.stdout.readline())
        children = children_of(process.pid)
        process.terminate()
        await process.communicate()
    assert process.returncode == 128 + signal.SIGTERM
    assert pid in children
    assert len(children) >= 2  # the command and at least one server, when the other is named in the environment
    assert all(map(ended, children))
