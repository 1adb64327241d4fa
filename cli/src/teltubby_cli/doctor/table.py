"""All checks, and to which services they apply. What reaches out into the world can be replaced."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

from teltubby_bot.bootstrap import build_telegram
from teltubby_bot.settings import BotSettings
from teltubby_cli.bootstrap_tools import Carrier, DatabaseState, folder_store, inspect, open_store, rabbit_carrier
from teltubby_cli.doctor.archive import BucketStore, look_at_bucket, look_at_folder
from teltubby_cli.doctor.broker import look_at_broker
from teltubby_cli.doctor.check import Check, Said
from teltubby_cli.doctor.clock import Times, look_at_clock, times_at
from teltubby_cli.doctor.database import look_at_database
from teltubby_cli.doctor.finding import Verdict
from teltubby_cli.doctor.known import BOT, PROGRAMS, RUN, WORKER, Known
from teltubby_cli.doctor.mtproto import look_at_mtproto, reach
from teltubby_cli.doctor.telegram import BotAccount, look_at_account, look_at_updates
from teltubby_core.errors import TeltubbyError
from teltubby_core.ports import ObjectStore
from teltubby_core.settings import DatabaseSettings, FolderSettings, RabbitSettings, S3Settings, TelegramSettings
from teltubby_worker.bootstrap import first_address
from teltubby_worker.settings import WorkerSettings

ANSWER_SECONDS = 4.0
"""How long one answer may take, so that the sentence about it comes within the limit of its check."""
_ALL = frozenset({RUN, BOT, WORKER})


@dataclass(frozen=True)
class World:
    """How the checks reach what they look at."""

    telegram: Callable[[BotSettings], AbstractAsyncContextManager[BotAccount]]
    times: Callable[[str], Times]
    inspect: Callable[[Path], DatabaseState]
    folder: Callable[[Path], ObjectStore]
    bucket: Callable[[S3Settings], AbstractAsyncContextManager[BucketStore]]
    carrier: Callable[[RabbitSettings], AbstractAsyncContextManager[Carrier]]
    reach: Callable[[str, int], Awaitable[None]]


def real_world() -> World:
    """Return the world as it is."""
    return World(
        telegram=build_telegram,
        times=partial(times_at, timeout=ANSWER_SECONDS),
        inspect=inspect,
        folder=folder_store,
        bucket=partial(open_store, io_timeout=ANSWER_SECONDS),
        carrier=partial(rabbit_carrier, name="doctor", limit=ANSWER_SECONDS),
        reach=reach,
    )


async def _settings(service: str, known: Known) -> Said:
    for problem in known.problems[service]:
        yield Verdict.WRONG, problem
    if not known.problems[service]:
        yield Verdict.FINE, "complete, and each of them can be used"


async def _account(known: Known, world: World) -> Said:
    known.the(TelegramSettings)
    settings = known.the(BotSettings)
    async with world.telegram(settings) as telegram:
        async for said in look_at_account(telegram, settings.telegram_api_url):
            yield said


async def _updates(known: Known, world: World) -> Said:
    known.the(TelegramSettings)
    settings = known.the(BotSettings)
    webhook_url = settings.webhook_url if settings.telegram_mode == "webhook" else None
    async with world.telegram(settings) as telegram:
        async for said in look_at_updates(telegram, webhook_url):
            yield said


def _clock(known: Known, world: World) -> Said:
    return look_at_clock(partial(world.times, known.the(BotSettings).telegram_api_url))


def _database(known: Known, world: World) -> Said:
    return look_at_database(known.the(DatabaseSettings).sqlite_path, world.inspect)


def _folder(known: Known, world: World) -> Said:
    folder = known.the(FolderSettings).archive_dir
    return look_at_folder(world.folder(folder), folder, _bot_id(known), _quota(known))


async def _bucket(known: Known, world: World) -> Said:
    settings = known.the(S3Settings)
    place = settings.s3_endpoint or f"Amazon S3 in {settings.s3_region}"
    async with world.bucket(settings) as store:
        async for said in look_at_bucket(store, place, _bot_id(known), _quota(known)):
            yield said


async def _broker(known: Known, world: World) -> Said:
    settings = known.the(RabbitSettings)
    async with world.carrier(settings) as carrier:
        place = f"{settings.rabbitmq_host}, virtual host “{settings.rabbitmq_vhost}”"
        async for said in look_at_broker(carrier.queue, place):
            yield said


async def _mtproto(known: Known, world: World) -> Said:
    settings = known.the(WorkerSettings)
    logins = await _kept_logins(known, world)
    needed = WORKER in known.services
    server = first_address(settings)
    async for said in look_at_mtproto(settings.mtproto_missing, server, logins, world.reach, needed=needed):
        yield said


async def _kept_logins(known: Known, world: World) -> int | None:
    database = known.may_be(DatabaseSettings)
    if database is None:
        return None
    try:
        return (await asyncio.to_thread(world.inspect, database.sqlite_path)).logins
    except TeltubbyError:  # told by the check of the database
        return None


def _bot_id(known: Known) -> int | None:
    settings = known.may_be(TelegramSettings)
    return settings.bot_id if settings else None


def _quota(known: Known) -> int | None:
    settings = known.may_be(BotSettings)
    return settings.s3_bucket_quota_bytes if settings else None


class Row(NamedTuple):
    """A check, and the services that need what it looks at."""

    subject: str
    services: frozenset[str]
    look: Callable[[Known, World], Said]


TABLE = (
    Row("Telegram", _ALL, _account),
    Row("Updates", frozenset({RUN, BOT}), _updates),
    Row("Clock", _ALL, _clock),
    Row("Database", _ALL, _database),
    Row("Folder", frozenset({RUN}), _folder),
    Row("Bucket", frozenset({BOT, WORKER}), _bucket),
    Row("RabbitMQ", frozenset({BOT, WORKER}), _broker),
    Row("MTProto", frozenset({RUN, WORKER}), _mtproto),
)


def checks_for(known: Known, world: World) -> list[Check]:
    """Return the checks of the services in ``known``, in the order in which they are told."""
    settings = [Check(f"Settings of {PROGRAMS[name]}", partial(_settings, name, known)) for name in known.problems]
    return settings + [Check(row.subject, _look(row, known, world)) for row in TABLE]


def _look(row: Row, known: Known, world: World) -> Callable[[], Said]:
    if known.services & row.services:
        return partial(row.look, known, world)
    return partial(_elsewhere, [program for service, program in PROGRAMS.items() if service in row.services])


async def _elsewhere(programs: list[str]) -> Said:
    yield Verdict.NOT_CHECKED, f"nothing to check: used by {' and '.join(programs)} only"
