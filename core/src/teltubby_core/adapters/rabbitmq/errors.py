"""The errors of aio-pika, aiormq and pamqp in our words: one table, most specific first.

A sentence names the broker and, where one is the cause, the setting; never a password.
"""

import asyncio
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import aiormq.exceptions as amqp
from aio_pika import exceptions as aio
from pamqp import exceptions as frames

from teltubby_core.errors import BrokerUnavailableError


@dataclass(frozen=True)
class Site:
    """Which broker, and who we are there: what a sentence about it may tell."""

    host: str
    port: int
    username: str
    vhost: str

    def __str__(self) -> str:
        return f"RabbitMQ at {self.host}:{self.port}"


Sentence = Callable[[Any, Site], str]


def _says(text: str) -> Sentence:
    return lambda error, site: text.format(site=site, kind=type(error).__name__)


_BROKEN = "the connection to {site} broke ({kind})"
_CUT = "the connection to {site} was cut ({kind}); if it is at every attempt, check RABBITMQ_PORT and RABBITMQ_TLS"
_CLOSED = "{site} closed the connection ({kind}); see its log"
_DEFECT = "{site} and this client do not understand each other ({kind}); please report it"
_DENIED = (
    "{site} does not let user '{site.username}' do this: give it configure, write and read permissions in virtual host "
    "'{site.vhost}'"
)
_VHOST = (
    "{site} refuses virtual host '{site.vhost}': it is not there, or user '{site.username}' may not use it; check "
    "RABBITMQ_VHOST"
)
_LOGIN = "{site} refuses user '{site.username}': check RABBITMQ_USERNAME and RABBITMQ_PASSWORD"
_NOT_AMQP = "{site} does not speak AMQP 0-9-1 without TLS: check RABBITMQ_PORT and RABBITMQ_TLS"
_GONE = "at {site} a queue or exchange of ours is gone; it is declared again with the next attempt"


def _by_cause(error: BaseException, site: Site) -> str:
    cause = error.__cause__ if isinstance(error.__cause__, OSError | EOFError) else error
    return next((text(cause, site) for kind, text in _NETWORK if isinstance(cause, kind)), _says(_BROKEN)(cause, site))


def _certificate(error: ssl.SSLCertVerificationError, site: Site) -> str:
    return (
        f"{site} has a certificate that is not trusted ({error.verify_message}): check RABBITMQ_CA_FILE and "
        "RABBITMQ_HOST, or set RABBITMQ_VERIFY_TLS=false"
    )


_NETWORK: tuple[tuple[type[BaseException], Sentence], ...] = (
    (socket.gaierror, _says("{site}: there is no such host; check RABBITMQ_HOST")),
    (ConnectionRefusedError, _says("{site}: nothing listens there; is it up? Check RABBITMQ_HOST and RABBITMQ_PORT")),
    (ssl.SSLCertVerificationError, _certificate),
    (ssl.SSLError, _says("{site} does not speak TLS as expected: check RABBITMQ_PORT and RABBITMQ_TLS")),
    (ConnectionResetError, _says(_CUT)),
    (EOFError, _says(_CUT)),
    (TimeoutError, _says("{site} did not answer in time; see its log, for alarms of memory or disk too")),
    (OSError, _says("{site} can't be reached ({kind}); check RABBITMQ_HOST, RABBITMQ_PORT and the network")),
)


def _frame(error: BaseException, site: Site) -> str:
    # The library expected Connection.OpenOk and got Connection.Close; it keeps the broker's own text to itself.
    return _says(_VHOST if "Connection.OpenOk" in str(error) else _BROKEN)(error, site)


TABLE: tuple[tuple[type[BaseException], Sentence], ...] = (
    # the login
    (amqp.ProbableAuthenticationError, _says(_LOGIN)),
    (amqp.AuthenticationError, _says(_LOGIN)),
    (amqp.IncompatibleProtocolError, _says(_NOT_AMQP)),
    (amqp.ConnectionNotAllowed, _says(_VHOST)),
    # the connection
    (amqp.ConnectionSyntaxError, _says(_DEFECT)),
    (amqp.ConnectionFrameError, _says(_DEFECT)),
    (amqp.ConnectionCommandInvalid, _says(_DEFECT)),
    (amqp.ConnectionChannelError, _says(_DEFECT)),
    (amqp.ConnectionUnexpectedFrame, _says(_DEFECT)),
    (amqp.ConnectionNotImplemented, _says(_DEFECT)),
    (amqp.ConnectionResourceError, _says("{site} has no room for this connection ({kind}); see its limits and log")),
    (amqp.ConnectionInternalError, _says("{site} had an error of its own ({kind}); see its log")),
    (amqp.ConnectionClosed, _says(_CLOSED)),
    (amqp.AMQPConnectionError, _by_cause),
    # what was asked
    (amqp.ChannelAccessRefused, _says(_DENIED)),
    (amqp.ChannelNotFoundEntity, _says(_GONE)),
    (amqp.ChannelLockedResource, _says("at {site} somebody else uses a queue of ours exclusively ({kind})")),
    (amqp.ChannelPreconditionFailed, _says("{site} refuses what is asked of it ({kind}); see its log")),
    (amqp.DuplicateConsumerTag, _says(_DEFECT)),
    (amqp.ChannelClosed, _says(_BROKEN)),
    (amqp.AMQPChannelError, _says(_BROKEN)),
    (amqp.ChannelInvalidStateError, _says(_BROKEN)),
    (amqp.PublishError, _says("{site} has no queue for a message of ours; it is declared again with the next attempt")),
    (amqp.DeliveryError, _says("{site} does not take a message: its queue is full or out of order; see its log")),
    (amqp.MethodNotImplemented, _says(_DEFECT)),
    (aio.MessageProcessError, _says(_DEFECT)),
    (aio.QueueEmpty, _says(_DEFECT)),
    # frames
    (amqp.InvalidFrameError, _frame),
    (amqp.ProtocolSyntaxError, _says(_NOT_AMQP)),
    (amqp.AMQPError, _says(_BROKEN)),
    (frames.PAMQPException, _says(_DEFECT)),
    # the system
    *_NETWORK,
    (RuntimeError, _says(_BROKEN)),  # aiormq's word for a call on what has just been closed
)
"""Every error that the three libraries raise, and the sentence that it becomes."""


def to_ours(error: BaseException, site: Site) -> BrokerUnavailableError | None:
    """Return ``error`` in our words, None for one that the table does not know."""
    sentence = next((sentence for kind, sentence in TABLE if isinstance(error, kind)), None)
    return BrokerUnavailableError(sentence(error, site)) if sentence else None


@contextmanager
def rabbit_errors(site: Site) -> Iterator[None]:
    """Raise what the libraries raise as BrokerUnavailableError."""
    try:
        yield
    except BrokerUnavailableError:
        raise
    except asyncio.CancelledError as error:
        # aiormq hands it to whoever waits when it gives a silent connection up; our task was not cancelled
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        raise BrokerUnavailableError(f"the connection to {site} fell silent") from error
    except tuple(kind for kind, _ in TABLE) as error:
        ours = to_ours(error, site)
        assert ours is not None  # the table is what was caught
        raise ours from error
