"""One large document from a simulated Telegram into a file with its sha256 known: the worker's engine and its peers.

    teltubby         the worker's engine through archive_item into a LocalFolderStore
    download_media   Telethon's client.download_media, then sha256 of the file
    iter_download    Telethon's client.iter_download by 512 KiB, written and hashed as it comes

Each run is a process of its own that is logged in before the clock starts; the simulator is another one. The clock
stops when the sha256 is known and the file is closed. What was written is compared with what was sent each time.
"""

import argparse
import asyncio
import hashlib
import shutil
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from telethon import TelegramClient
from telethon.crypto import rsa
from telethon.sessions import MemorySession

from measuring import processes, report
from measuring.meter import Cost, Meter
from teltubby_core.adapters.local_folder import LocalFolderStore
from teltubby_core.archiving import Target, archive_item
from teltubby_core.domain.jobs import JobMessage
from teltubby_core.domain.keyring import DataCentre
from teltubby_core.testing import MemorySessionStore, sample_job
from teltubby_simulator.content import SeededContent, sha256_of
from teltubby_simulator.directory import DEFAULT_API_HASH, DEFAULT_API_ID
from teltubby_simulator.server import TelegramSimulator
from teltubby_simulator.world import World
from teltubby_worker.mtproto.link import Link, quiet_telethon
from teltubby_worker.mtproto.session import BotLogin, Session
from teltubby_worker.mtproto.telegram import MtprotoTelegram
from teltubby_worker.mtproto.transfer import TransferLimits

MIB = 1 << 20
MB, GB = 10**6, 10**9
REQUEST_SIZE = 512 * 1024  # bytes; the most that Telethon's client asks for at once
START_SECONDS = 60.0  # for a process to be ready, the sha256 of what is sent included
SLOWEST = MIB  # bytes a second; a contender that is slower is given up
SILENCE_SECONDS = 30.0  # as the worker has it by default
STALL_SECONDS = 60.0

Order = dict[str, Any]


@dataclass(frozen=True)
class Run:
    """One transfer of the file."""

    way: str
    latency_ms: int
    round: int
    wall_seconds: float
    cpu_seconds: float
    peak_bytes: int


# The simulator's process


async def serve(order: Order) -> None:
    """Be a Telegram in which one large document waits for the bot, until the benchmark is gone."""
    world = World()
    world.faults.mtproto.latency = order["latency_ms"] / 1000
    bot = world.add_bot("Archivist", "archivist_bot")
    person = world.add_user("Ada", "Lovelace", "ada")
    content = SeededContent("large file", order["size"])
    message = world.send(person, bot, media=world.make_media("document", content, file_name="large.bin"))
    async with TelegramSimulator(world) as simulator:
        host, port = simulator.mtproto_address
        found = {"host": host, "port": port, "dc_id": simulator.mtproto_dc_id, "key": simulator.mtproto_public_key}
        sent = {"token": bot.token, "chat_id": person.id, "message_id": message.id, "sha256": sha256_of(content)}
        processes.give_answer(found | sent)
        await processes.orphaned()


# The contenders: each returns its cost and the sha256; the file lies at order["path"] then


async def teltubby(order: Order) -> tuple[Cost, str]:
    """Fetch it as the worker does."""
    quiet_telethon()
    centre = DataCentre(order["dc_id"], order["host"], order["port"])
    session = Session(
        MemorySessionStore(),
        BotLogin(DEFAULT_API_ID, DEFAULT_API_HASH, order["token"]),
        centre,
        lambda where, key: Link(where, DEFAULT_API_ID, key, SILENCE_SECONDS),
    )
    telegram = MtprotoTelegram(session, TransferLimits())
    path = Path(order["path"])
    target = Target(path.name, "application/octet-stream", order["size"])
    try:
        await session.ready()
        meter = Meter()
        archived = await archive_item(
            telegram.source(_job(order)), LocalFolderStore(path.parent), target, stall_timeout=STALL_SECONDS
        )
        return meter.read(), archived.sha256
    finally:
        await telegram.close()


def _job(order: Order) -> JobMessage:
    job = sample_job(message_id=order["message_id"])
    file_info = job.file_info.model_copy(update={"file_size": order["size"]})
    return job.model_copy(update={"chat_id": order["chat_id"], "file_info": file_info})


async def download_media(order: Order) -> tuple[Cost, str]:
    """Fetch it as Telethon's documentation shows first."""
    async with _client(order) as client:
        meter = Meter()
        message = await client.get_messages(None, ids=order["message_id"])
        path = await client.download_media(message, file=order["path"])
        sha256 = _sha256(Path(path))
        return meter.read(), sha256


async def iter_download(order: Order) -> tuple[Cost, str]:
    """Fetch it in Telethon's largest requests, hashing as it comes."""
    async with _client(order) as client:
        meter = Meter()
        message = await client.get_messages(None, ids=order["message_id"])
        digest = hashlib.sha256()
        with Path(order["path"]).open("wb") as file:  # noqa: ASYNC230  # a user's script would
            async for chunk in client.iter_download(message.media, request_size=REQUEST_SIZE):
                file.write(chunk)
                digest.update(chunk)
        return meter.read(), digest.hexdigest()


@asynccontextmanager
async def _client(order: Order) -> AsyncIterator[Any]:
    session = MemorySession()
    session.set_dc(order["dc_id"], order["host"], order["port"])
    client = TelegramClient(session, DEFAULT_API_ID, DEFAULT_API_HASH, receive_updates=False)
    try:
        await client.connect()
        await client.sign_in(bot_token=order["token"])
        yield client
    finally:
        await client.disconnect()


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


WAYS: dict[str, Callable[[Order], Awaitable[tuple[Cost, str]]]] = {
    "teltubby": teltubby,
    "download_media": download_media,
    "iter_download": iter_download,
}


async def contend(way: str, order: Order) -> None:
    """Fetch the file in one way and answer with what it cost."""
    rsa.add_key(order["key"], old=False)
    async with asyncio.timeout(order["limit"]):
        cost, sha256 = await WAYS[way](order)
    processes.give_answer({"cost": cost, "sha256": sha256})


# The benchmark's own process


async def measure(options: argparse.Namespace) -> list[Run]:
    """Run all contenders at each latency, in turns."""
    runs: list[Run] = []
    with TemporaryDirectory(prefix="teltubby-benchmark-") as name:
        folder = Path(name)
        for latency_ms in options.latency_ms:
            log = folder / f"simulator-{latency_ms}.log"
            order = {"latency_ms": latency_ms, "size": options.mib * MIB}
            async with processes.started(processes.own_role("simulator"), order, log) as simulator:
                telegram = order | await processes.answer(simulator, log, START_SECONDS)
                for number in range(options.runs):
                    for way in report.in_turns(list(WAYS), number):
                        runs.append(await _run(way, number, telegram, folder))
                        report.note(f"{latency_ms} ms, round {number + 1}: {way} {runs[-1].wall_seconds:.2f} s")
    return runs


async def _run(way: str, number: int, telegram: Order, folder: Path) -> Run:
    place = folder / way
    place.mkdir()
    log = folder / f"{way}.log"
    limit = START_SECONDS + telegram["size"] / SLOWEST
    order = telegram | {"path": str(place / "large.bin"), "limit": limit}
    try:
        async with processes.started(processes.own_role(way), order, log) as process:
            found = await processes.answer(process, log, START_SECONDS + limit)
        stored = await asyncio.to_thread(_sha256, place / "large.bin")
    finally:
        await asyncio.to_thread(shutil.rmtree, place)
    if {stored, found["sha256"]} != {telegram["sha256"]}:
        raise processes.BenchmarkError(f"{way} did not write what was sent")
    return Run(way, telegram["latency_ms"], number, *Cost(*found["cost"]))


def summary(runs: list[Run], latency_ms: int, size: int) -> dict[str, dict[str, float]]:
    """Return medians of each contender at one latency, and how teltubby compares with it round by round."""
    chosen = {way: [run for run in runs if run.way == way and run.latency_ms == latency_ms] for way in WAYS}
    wall = {way: [run.wall_seconds for run in found] for way, found in chosen.items()}
    cpu = {way: [run.cpu_seconds for run in found] for way, found in chosen.items()}
    return {
        way: {
            "wall_seconds": median(wall[way]),
            "mb_per_second": size / MB / median(wall[way]),
            "cpu_seconds_per_gb": median(cpu[way]) / size * GB,
            "peak_mib_above_idle": median(run.peak_bytes for run in chosen[way]) / MIB,
            "teltubby_times_as_fast": report.paired(wall[way], wall["teltubby"]),
            "teltubby_share_of_cpu": report.paired(cpu["teltubby"], cpu[way]),
        }
        for way in WAYS
    }


def table(found: dict[str, dict[str, float]]) -> list[list[str]]:
    """Return the rows to print."""
    head = ["", "seconds", "MB/s", "CPU s/GB", "peak MiB above idle", "teltubby is × as fast", "and takes × its CPU"]
    forms = ["{:.2f}", "{:.1f}", "{:.2f}", "{:.1f}", "{:.2f}", "{:.2f}"]
    rows = [[way, *(form.format(v) for form, v in zip(forms, f.values(), strict=True))] for way, f in found.items()]
    return [head, *rows]


def main() -> int:
    """Run the benchmark, or one of its processes."""
    parser = report.parser("Fetch one large document in three ways from a simulated Telegram.")
    parser.add_argument("--mib", type=report.at_least_one, default=256, help="size of the document")
    parser.add_argument("--latency-ms", type=int, nargs="+", default=[40, 0], help="wait before each answer")
    options = parser.parse_args()
    if options.role == "simulator":
        asyncio.run(serve(processes.received_order()))
        return 0
    if options.role:
        asyncio.run(contend(options.role, processes.received_order()))
        return 0
    runs = processes.run(measure(options))
    size = options.mib * MIB
    found = {latency: summary(runs, latency, size) for latency in options.latency_ms}
    for latency, figures in found.items():
        title = f"{options.mib} MiB, {latency} ms before each answer, median of {options.runs}"
        report.show(title, table(figures))
    report.write(
        options.json,
        {
            "benchmark": "large_file",
            "machine": report.machine("telethon", "cryptg"),
            "mib": options.mib,
            "by_latency_ms": found,
            "runs": [asdict(run) for run in runs],
        },
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
