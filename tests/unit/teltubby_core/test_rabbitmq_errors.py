"""The errors of the broker's libraries in our words: none is left out, and each says what to do."""

import asyncio
import inspect
import socket
import ssl
from typing import Any

import aiormq.exceptions
import pamqp.exceptions
import pytest
from aio_pika import exceptions as aio
from aiormq.abc import DeliveredMessage
from pamqp.commands import Basic
from pamqp.header import ContentHeader

from teltubby_core.adapters.rabbitmq.errors import TABLE, Site, rabbit_errors, to_ours
from teltubby_core.errors import BrokerUnavailableError

SITE = Site("broker.example", 5672, "ada", "media")
BASES = {aiormq.exceptions.AMQPError, pamqp.exceptions.PAMQPException}
"""What stands for the rest of its library; everything else of aiormq and aio-pika is to be named."""


def own_errors(module: object) -> list[type[BaseException]]:
    found = {value for _, value in inspect.getmembers(module, inspect.isclass) if issubclass(value, BaseException)}
    return sorted(found, key=lambda kind: (kind.__module__, kind.__name__))


ALL = [*own_errors(aiormq.exceptions), *own_errors(aio), *own_errors(pamqp.exceptions)]
NAMED = {kind for kind, _ in TABLE}


@pytest.mark.parametrize("kind", own_errors(aiormq.exceptions) + own_errors(aio), ids=lambda kind: kind.__name__)
def test_every_error_of_aiormq_and_aio_pika_is_named_in_the_table(kind: type[BaseException]) -> None:
    assert kind in NAMED


def test_a_kind_stands_before_those_that_it_is_one_of() -> None:
    kinds = [kind for kind, _ in TABLE]

    hidden = [
        (later, earlier)
        for number, later in enumerate(kinds)
        for earlier in kinds[:number]
        if later is not earlier and issubclass(later, earlier)
    ]

    assert hidden == []


@pytest.mark.parametrize("kind", ALL, ids=lambda kind: f"{kind.__module__}.{kind.__name__}")
def test_every_error_becomes_one_of_ours_that_names_the_broker(kind: type[BaseException]) -> None:
    error = kind.__new__(kind)  # some insist on arguments that say nothing here

    with pytest.raises(BrokerUnavailableError, match=r"broker\.example:5672") as caught, rabbit_errors(SITE):
        raise error

    assert caught.value.__cause__ is error
    assert "{" not in str(caught.value)


def untrusted() -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError(1, "private")
    error.verify_message = "self-signed certificate"
    return error


@pytest.mark.parametrize(
    ("cause", "words"),
    [
        (socket.gaierror(-2, "Name or service not known"), ["no such host", "RABBITMQ_HOST"]),
        (ConnectionRefusedError(111, "refused"), ["nothing listens", "RABBITMQ_PORT"]),
        (ssl.SSLError(1, "WRONG_VERSION_NUMBER"), ["TLS", "RABBITMQ_TLS"]),
        (untrusted(), ["not trusted", "self-signed", "RABBITMQ_CA_FILE"]),
        (ConnectionResetError(104, "reset"), ["was cut", "RABBITMQ_TLS"]),
        (asyncio.IncompleteReadError(b"", 1), ["was cut", "RABBITMQ_TLS"]),
        (TimeoutError(), ["in time"]),
        (OSError(113, "No route to host"), ["can't be reached", "RABBITMQ_HOST"]),
        (None, ["broke"]),
    ],
)
def test_what_lies_behind_a_failed_connection_counts(cause: BaseException | None, words: list[str]) -> None:
    error = aiormq.exceptions.AMQPConnectionError("private")
    error.__cause__ = cause

    told = str(to_ours(error, SITE))

    assert [word for word in words if word not in told] == [], told
    assert "private" not in told
    assert cause is None or str(to_ours(cause, SITE)) == told


def test_a_refused_virtual_host_is_told_from_a_broken_frame() -> None:
    refused = aiormq.exceptions.InvalidFrameError("Expected one of ['Connection.OpenOk'], got <Connection.Close>")
    broken = aiormq.exceptions.InvalidFrameError("No frame length")

    assert "RABBITMQ_VHOST" in str(to_ours(refused, SITE))
    assert "RABBITMQ_VHOST" not in str(to_ours(broken, SITE))


def test_a_message_that_came_back_is_told_from_one_that_was_refused() -> None:
    nowhere: Any = None
    came_back = DeliveredMessage(
        delivery=Basic.Return(312, "NO_ROUTE", "x", "y"), header=ContentHeader(), body=b"private", channel=nowhere
    )
    returned = aiormq.exceptions.PublishError(came_back, Basic.Return(312, "NO_ROUTE", "x", "y"))
    refused = aiormq.exceptions.DeliveryError(None, Basic.Nack(1))

    assert "no queue" in str(to_ours(returned, SITE))
    assert "full" in str(to_ours(refused, SITE))


def test_what_the_table_does_not_know_passes() -> None:
    with pytest.raises(LookupError), rabbit_errors(SITE):
        raise LookupError


def test_our_own_sentence_passes_unchanged() -> None:
    ours = BrokerUnavailableError("as it was")

    with pytest.raises(BrokerUnavailableError) as caught, rabbit_errors(SITE):
        raise ours

    assert caught.value is ours


async def test_a_cancel_that_the_library_hands_on_is_a_lost_connection() -> None:
    # aiormq rejects what waits on a connection that fell silent with the CancelledError of its own reader
    waiting = asyncio.get_running_loop().create_future()
    waiting.set_exception(asyncio.CancelledError())

    with pytest.raises(BrokerUnavailableError, match="fell silent"), rabbit_errors(SITE):
        await waiting


async def test_a_cancel_of_our_own_task_stays_one() -> None:
    async def work() -> None:
        with rabbit_errors(SITE):
            await asyncio.get_running_loop().create_future()

    task = asyncio.ensure_future(work())
    await asyncio.sleep(0)
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task
