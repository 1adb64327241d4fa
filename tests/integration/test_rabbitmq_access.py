"""What a wrong setting or a missing right at the broker is called, and what TLS and consumer_timeout do."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from integration.rabbitmq_stage import SOON, fetch_patiently, raw_channel
from support import eventually
from teltubby_core.adapters.rabbitmq import Broker, RabbitJobQueue
from teltubby_core.errors import BrokerUnavailableError
from teltubby_core.settings import RabbitSettings
from teltubby_core.testing import sample_job
from testbed.brokers import rabbit_settings
from testbed.certificates import make_certificate
from testbed.fixtures import unavailable
from testbed.processes import TestbedError, free_port
from testbed.rabbitmq import AmqpAddress, RabbitMq

_TICK = "[{rabbit, [{channel_tick_interval, 500}]}].\n"
"""The broker looks for jobs held too long this often, in ms; a minute by default."""


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RabbitMq]:
    """A broker with TLS, users with fewer rights, and little patience with those who hold a job."""
    broker = RabbitMq(
        certificate=make_certificate(tmp_path_factory.mktemp("tls")),
        config=["consumer_timeout = 1500"],
        advanced=_TICK,
    )
    try:
        broker.start()
    except TestbedError as error:
        broker.close()
        unavailable(error)
    try:
        broker.control("add_user", "reader", "reader-secret")
        broker.control("set_permissions", "reader", "^$", "^$", ".*")
        broker.control("add_user", "stranger", "stranger-secret")
        yield broker
    finally:
        broker.close()


async def settings_of(address: AmqpAddress, **changed: Any) -> RabbitSettings:
    return await asyncio.to_thread(lambda: rabbit_settings(address, **changed))  # they look at files


@asynccontextmanager
async def opened(settings: RabbitSettings) -> AsyncIterator[Broker]:
    broker = Broker(settings, "access test", limit=3.0)
    yield broker
    await broker.close()


async def complaint(settings: RabbitSettings) -> str:
    async with opened(settings) as broker:
        with pytest.raises(BrokerUnavailableError) as caught:
            await broker.check()
        with pytest.raises(BrokerUnavailableError) as again:
            await broker.check()  # at once: the same sentence, without another attempt
        assert str(again.value) == str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        (
            {"rabbitmq_password": SecretStr("wrong-secret")},
            ["refuses user 'guest'", "RABBITMQ_USERNAME", "RABBITMQ_PASSWORD"],
        ),
        (
            {"rabbitmq_username": "nobody-secret", "rabbitmq_password": SecretStr("wrong-secret")},
            ["refuses user 'nobody-secret'", "RABBITMQ_USERNAME"],
        ),
        ({"rabbitmq_vhost": "elsewhere"}, ["virtual host 'elsewhere'", "RABBITMQ_VHOST"]),
        (
            {"rabbitmq_username": "stranger", "rabbitmq_password": SecretStr("stranger-secret")},
            ["virtual host '/'", "user 'stranger'", "RABBITMQ_VHOST"],
        ),
        (
            {"rabbitmq_username": "reader", "rabbitmq_password": SecretStr("reader-secret")},
            ["user 'reader'", "configure, write and read permissions"],
        ),
        ({"rabbitmq_host": "no-such-host.invalid"}, ["no such host", "RABBITMQ_HOST"]),
        ({"rabbitmq_port": 1}, ["nothing listens there", "RABBITMQ_PORT"]),
        ({"rabbitmq_tls": True}, ["TLS", "RABBITMQ_TLS", "RABBITMQ_PORT"]),
    ],
    ids=lambda value: ",".join(map(str, value)) if isinstance(value, dict) else None,
)
async def test_what_is_wrong_is_named_with_its_setting(
    strict: RabbitMq, changed: dict[str, Any], words: list[str]
) -> None:
    told = await complaint(rabbit_settings(strict.address, **changed))

    assert [word for word in words if word not in told] == [], told
    assert "wrong-secret" not in told
    assert "stranger-secret" not in told


async def test_tls_works_with_the_authority_that_signed(strict: RabbitMq) -> None:
    async with opened(await settings_of(strict.tls_address)) as broker:
        queue = RabbitJobQueue(broker)
        await queue.publish(sample_job())

        assert (await fetch_patiently(queue)).job == sample_job()


async def test_tls_works_unchecked_when_told_so(strict: RabbitMq) -> None:
    settings = await settings_of(strict.tls_address, rabbitmq_ca_file=None, rabbitmq_verify_tls=False)

    async with opened(settings) as broker:
        await broker.check()


async def test_an_authority_that_did_not_sign_is_named(strict: RabbitMq, tmp_path: Path) -> None:
    other = make_certificate(tmp_path).authority

    told = await complaint(await settings_of(strict.tls_address, rabbitmq_ca_file=other))

    assert "not trusted" in told
    assert "RABBITMQ_CA_FILE" in told


async def test_a_file_without_an_authority_is_named(strict: RabbitMq, tmp_path: Path) -> None:
    empty = tmp_path / "empty.pem"
    empty.write_text("nothing")

    told = await complaint(await settings_of(strict.tls_address, rabbitmq_ca_file=empty))

    assert "RABBITMQ_CA_FILE" in told
    assert str(empty) in told


async def test_a_port_of_tls_spoken_to_without_is_named(strict: RabbitMq) -> None:
    told = await complaint(rabbit_settings(strict.address, rabbitmq_port=strict.tls_address.port))

    assert "RABBITMQ_TLS" in told


@pytest.mark.parametrize("what", ["queue", "exchange"])
async def test_what_was_declared_otherwise_is_named(strict: RabbitMq, what: str) -> None:
    settings = rabbit_settings(strict.address)
    async with raw_channel(settings) as channel:
        if what == "queue":
            await channel.declare_queue(settings.job_queue_name, durable=True)
        else:
            await channel.declare_exchange(settings.event_exchange, "direct", durable=True)

    told = await complaint(settings)

    name, setting = (
        (settings.job_queue_name, "JOB_QUEUE_NAME") if what == "queue" else (settings.event_exchange, "EVENT_EXCHANGE")
    )
    assert name in told
    assert setting in told


async def test_what_was_wrong_is_tried_again_and_works_once_it_is_mended(strict: RabbitMq) -> None:
    name = "made-later"
    async with opened(rabbit_settings(strict.address, rabbitmq_vhost=name)) as broker:
        with pytest.raises(BrokerUnavailableError):
            await broker.check()
        await asyncio.to_thread(strict.control, "add_vhost", name)
        await asyncio.to_thread(strict.control, "set_permissions", "-p", name, "guest", ".*", ".*", ".*")

        async def works() -> bool:
            try:
                await broker.check()
            except BrokerUnavailableError:
                return False
            return True

        await eventually(works, SOON)


async def test_a_broker_that_ends_every_connection_is_not_stormed() -> None:
    connections = 0

    async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        writer.close()

    port = free_port()
    server = await asyncio.start_server(hang_up, "127.0.0.1", port)
    settings = RabbitSettings(rabbitmq_host="127.0.0.1", rabbitmq_port=port)
    loop = asyncio.get_running_loop()
    until = loop.time() + 1.8
    async with server, opened(settings) as broker:
        queue = RabbitJobQueue(broker)
        while loop.time() < until:
            for action in (queue.publish(sample_job()), queue.fetch(0), broker.check()):
                with pytest.raises(BrokerUnavailableError):
                    await action
            await asyncio.sleep(0.01)

    assert connections == 3  # at 0, 0.5 and 1.5 seconds


async def test_a_job_held_too_long_is_taken_back_before_another_is_consumed(strict: RabbitMq) -> None:
    async with opened(rabbit_settings(strict.address)) as broker:
        queue = RabbitJobQueue(broker)
        await queue.publish(sample_job())
        held = await fetch_patiently(queue)

        async with asyncio.timeout(SOON):
            reason = await held.revocation.wait()

        assert "consumer_timeout (1 s)" in reason
        assert "rabbitmq.conf" in reason
        again = await fetch_patiently(queue)
        assert (again.job, again.redeliveries) == (sample_job(), 1)
        await queue.ack(held)
        await queue.ack(again)
        assert (await queue.depth()).ready == 0


async def test_with_a_fetch_waiting_the_job_is_taken_back_first(strict: RabbitMq) -> None:
    async with opened(rabbit_settings(strict.address)) as broker:
        queue = RabbitJobQueue(broker, prefetch=2)
        await queue.publish(sample_job())
        held = await fetch_patiently(queue)

        again = await fetch_patiently(queue)

        assert again.job == held.job
        assert held.revocation._revoked.is_set()
        assert not again.revocation._revoked.is_set()
