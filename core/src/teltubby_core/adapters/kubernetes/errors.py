"""Kubernetes's errors in our words."""

from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus

import httpx2
from lightkube import ApiError
from lightkube.core.exceptions import ConfigError

from teltubby_core.errors import ConfigurationError, InfrastructureError, TransientError


class ConflictError(TransientError):
    """Somebody changed the object since we read it, or made one of that name."""


class MissingError(InfrastructureError):
    """There is no such object."""


@contextmanager
def kubernetes_errors(what: str) -> Iterator[None]:
    """Translate what a call raises; ``what`` names the object.

    Raises:
        ConflictError: it is another one than was read.
        TransientError: the API server can't be reached, or has too much to do.
        MissingError: it is not there.
        InfrastructureError: we may not; the text says what to do.
    """
    try:
        yield
    except ApiError as error:
        raise _meaning(error, what) from error
    except httpx2.HTTPError as error:
        raise TransientError(f"the Kubernetes API can't be reached: {str(error) or type(error).__name__}") from error
    except ConfigError as error:
        raise ConfigurationError([f"Kubernetes: {error}"]) from error


def _meaning(error: ApiError, what: str) -> InfrastructureError | TransientError:
    code = error.status.code or 0
    if code == HTTPStatus.CONFLICT:
        return ConflictError(f"{what} was changed by somebody else")
    if code == HTTPStatus.NOT_FOUND:
        return MissingError(f"there is no {what}; install or upgrade the chart, or let the operator run: they make it")
    if code in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        return InfrastructureError(f"Kubernetes does not let us use {what}: its Role or RoleBinding is missing")
    if code == HTTPStatus.TOO_MANY_REQUESTS or code >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return TransientError(f"the Kubernetes API answers {code} for {what}")
    # The message of others may repeat what was sent.
    return InfrastructureError(f"Kubernetes refuses what was asked of {what} ({code}, {error.status.reason})")
