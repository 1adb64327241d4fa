"""``teltubby doctor`` on real servers: what is in order, and each thing that can be wrong, named with what to do."""

import asyncio
import json
import os
import socket
import urllib.request
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import aio_pika
import pytest

from integration.cli_rig import CommandLine, Ended, rabbit_environment, s3_environment, teltubby
from teltubby_cli.demo.cast import Cast, new_cast, settings_of_run
from teltubby_cli.doctor.command import examine
from teltubby_cli.doctor.known import read, services_here
from teltubby_cli.doctor.table import ANSWER_SECONDS, real_world
from teltubby_core.adapters.sqlite.database import Database
from teltubby_core.ownership import OWNER_KEY
from teltubby_core.settings import RabbitSettings
from teltubby_simulator.server import TelegramSimulator
from testbed.brokers import rabbit_settings
from testbed.buckets import SeenBucket
from testbed.processes import free_port
from testbed.rabbitmq import AmqpAddress

OTHER_TOKEN = f"987654321:{'x' * 35}"


@dataclass
class Clinic:
    """A simulated Telegram, servers, and settings for both."""

    cast: Cast
    simulator: TelegramSimulator
    seen: SeenBucket
    broker: AmqpAddress
    names: RabbitSettings
    folder: Path
    command_line: CommandLine
    settings: dict[str, str] = field(default_factory=dict)

    async def doctor(self, *services: str, **changed: str) -> Ended:
        """What the command does after its arguments, in this process."""

        async def command() -> int:
            known = await asyncio.to_thread(lambda: read(services or services_here(), ANSWER_SECONDS))
            return await examine(known, real_world(), as_json=True)

        return await self.command_line.ended(command, self.settings | changed)

    async def wrong(self, *services: str, **changed: str) -> dict[str, str]:
        """What is wrong, by subject, after a look that ends with status 1 and tells no secret."""
        ended = await self.doctor(*services, **changed)
        assert ended.status == 1, ended
        secrets = [self.settings[n] for n in ("TELEGRAM_BOT_TOKEN", "S3_SECRET_ACCESS_KEY", "MTPROTO_API_HASH")]
        for secret in [*secrets, *(value for name, value in changed.items() if "SECRET" in name or "TOKEN" in name)]:
            assert secret not in ended.out + ended.err
        return {each["subject"]: each["text"] for each in ended.json()["findings"] if each["verdict"] == "wrong"}


@pytest.fixture
async def clinic(
    tmp_path: Path,
    seen_bucket: SeenBucket,
    rabbitmq: AmqpAddress,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> AsyncIterator[Clinic]:
    cast = new_cast()
    names = rabbit_settings(rabbitmq)
    async with TelegramSimulator(cast.world) as simulator:
        clinic = Clinic(
            cast, simulator, seen_bucket, rabbitmq, names, tmp_path, CommandLine(monkeypatch, capsys, tmp_path)
        )
        clinic.settings |= settings_of_run(simulator, cast, tmp_path)
        clinic.settings |= rabbit_environment(names) | s3_environment(seen_bucket.address, seen_bucket.name)
        yield clinic


async def test_all_is_fine(clinic: Clinic):
    ended = await teltubby("doctor", settings=clinic.settings, folder=clinic.folder)
    assert ended.status == 0, ended
    assert "✘" not in ended.out
    assert f"✔ Telegram: bot @teltubby_demo_bot ({clinic.cast.bot.id})" in ended.out
    for said in ("✔ Updates: polled for", "✔ Clock: right", "✔ RabbitMQ: 0 jobs wait", "✔ MTProto: 127.0.0.1:"):
        assert said in ended.out
    assert (
        f"✔ Bucket: “{clinic.seen.name}” at {clinic.seen.address.endpoint} can be written, read and cleared"
        in ended.out
    )
    assert await asyncio.to_thread(clinic.seen.keys) == []
    assert "data" not in await asyncio.to_thread(os.listdir, clinic.folder)


async def test_run_is_fine_without_servers(clinic: Clinic):
    settings = settings_of_run(clinic.simulator, clinic.cast, clinic.folder)
    ended = await teltubby("doctor", settings=settings, folder=clinic.folder)
    assert ended.status == 0, ended
    assert "– RabbitMQ: nothing to check" in ended.out


async def test_telegram_is_only_asked(clinic: Clinic):
    await clinic.doctor()
    methods = {entry.method for entry in clinic.cast.world.journal.entries()}
    # over MTProto a connection is made and nothing said
    assert {method.lower() for method in methods} == {"getme", "getwebhookinfo", "connect", "disconnect"}


async def test_a_wrong_secret_at_the_store(clinic: Clinic):
    wrong = await clinic.wrong("bot", S3_SECRET_ACCESS_KEY="not-the-secret")
    assert list(wrong) == ["Bucket"]
    assert "check S3_ACCESS_KEY_ID and S3_SECRET_ACCESS_KEY" in wrong["Bucket"]


async def test_a_bucket_that_is_missing_and_may_not_be_made(clinic: Clinic):
    wrong = await clinic.wrong("bot", S3_CREATE_BUCKET="false")
    assert "make it, correct S3_BUCKET, or set S3_CREATE_BUCKET=true" in wrong["Bucket"]


async def test_another_bots_bucket(clinic: Clinic):
    assert (await clinic.doctor("bot")).status == 0  # makes it
    client = clinic.seen.client
    await asyncio.to_thread(
        client.put_object, Bucket=clinic.seen.name, Key=OWNER_KEY, Body=json.dumps({"bot_id": 1}).encode()
    )
    wrong = await clinic.wrong("bot")
    assert list(wrong) == ["Bucket"]
    assert "it is the archive of bot 1" in wrong["Bucket"]


async def test_a_virtual_host_that_is_not_there(clinic: Clinic):
    wrong = await clinic.wrong("bot", RABBITMQ_VHOST="nowhere")
    assert list(wrong) == ["RabbitMQ"]
    assert "check RABBITMQ_VHOST" in wrong["RabbitMQ"]


async def test_a_wrong_password_at_the_broker(clinic: Clinic):
    wrong = await clinic.wrong("worker", RABBITMQ_PASSWORD="not-the-password")
    assert "check RABBITMQ_USERNAME and RABBITMQ_PASSWORD" in wrong["RabbitMQ"]


async def test_nobody_at_the_brokers_address(clinic: Clinic):
    wrong = await clinic.wrong("bot", RABBITMQ_PORT=str(free_port()))
    assert list(wrong) == ["RabbitMQ"]
    assert "is it up?" in wrong["RabbitMQ"]


async def test_a_queue_that_was_declared_otherwise(clinic: Clinic):
    broker = clinic.broker
    connection = await aio_pika.connect(
        host=broker.host, port=broker.port, login=broker.username, password=broker.password, virtualhost=broker.vhost
    )
    async with connection, connection.channel() as channel:
        await channel.declare_queue(clinic.names.job_queue_name, durable=True)
    wrong = await clinic.wrong("bot")
    assert f"queue '{clinic.names.job_queue_name}' at the broker was declared otherwise" in wrong["RabbitMQ"]


async def test_a_refused_token(clinic: Clinic):
    wrong = await clinic.wrong("bot", TELEGRAM_BOT_TOKEN=OTHER_TOKEN)
    assert "TELEGRAM_BOT_TOKEN" in wrong["Telegram"]


async def test_a_webhook_that_is_set_while_polling(clinic: Clinic):
    token, root = clinic.cast.bot.token, clinic.simulator.bot_api_url
    url = f"{root}/bot{token}/setWebhook?url=https://example.org/hidden"
    await asyncio.to_thread(lambda: urllib.request.urlopen(url, timeout=5).close())
    wrong = await clinic.wrong("bot")
    assert list(wrong) == ["Updates"]
    assert "a webhook is set to example.org" in wrong["Updates"]
    assert "hidden" not in wrong["Updates"]


async def test_wrong_settings_are_status_2_and_all_else_is_checked(clinic: Clinic):
    settings = clinic.settings | {"TELEGRAM_WHITELIST_IDS": "me", "S3_PART_MIB": "1"}
    ended = await teltubby("doctor", "bot", settings=settings, folder=clinic.folder)
    assert ended.status == 2
    for said in ("TELEGRAM_WHITELIST_IDS", "S3_PART_MIB", "✔ Telegram", "– Bucket: not checked", "✔ RabbitMQ"):
        assert said in ended.out


async def test_servers_that_accept_and_say_nothing_hold_nobody_up(clinic: Clinic):
    with socket.create_server(("127.0.0.1", 0)) as silent:  # nobody accepts: connections are made all the same
        port = silent.getsockname()[1]
        wrong = await clinic.wrong(
            TELEGRAM_API_URL=f"http://127.0.0.1:{port}",
            S3_ENDPOINT=f"http://127.0.0.1:{port}",
            RABBITMQ_PORT=str(port),
        )
    assert {"Telegram", "Updates", "Clock", "Bucket", "RabbitMQ"} == set(wrong)


async def test_a_running_teltubby_is_told_and_fine(clinic: Clinic, tmp_path: Path):
    database = Database(tmp_path / "data" / "teltubby.db")
    await database.open()
    try:
        ended = await clinic.doctor("bot")
    finally:
        await database.close()
    assert ended.status == 0, ended
    assert "a running teltubby (process" in ended.out
