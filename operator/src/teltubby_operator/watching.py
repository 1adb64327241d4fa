"""Watches through kopf: events of four kinds go into the book. Nothing of ours is kept on the objects."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import kopf

from teltubby_operator import reading
from teltubby_operator.archive import GROUP, PLURAL, VERSION
from teltubby_operator.book import Book
from teltubby_operator.sessions import OURS

_WATCHED: tuple[tuple[tuple[str, str, str], Mapping[str, str] | None, Callable[..., None]], ...] = (
    ((GROUP, VERSION, PLURAL), None, reading.archive),
    (("apps", "v1", "deployments"), None, reading.deployment),
    (("autoscaling", "v2", "horizontalpodautoscalers"), None, reading.autoscaler),
    (("coordination.k8s.io", "v1", "leases"), OURS, reading.lease),
)


def registry(book: Book) -> kopf.OperatorRegistry:
    """Return handlers that keep the book. They set no finalizer and write nothing."""
    found = kopf.OperatorRegistry()

    @kopf.on.login(registry=found)
    def login(**told: Any) -> kopf.ConnectionInfo | None:
        return kopf.login_with_service_account(**told) or kopf.login_with_kubeconfig(**told)

    for kind, labels, note in _WATCHED:
        kopf.on.event(*kind, labels=labels and dict(labels), registry=found)(_noting(book, note))
    return found


def _noting(book: Book, note: Callable[..., None]) -> Callable[..., Any]:
    async def noted(event: Mapping[str, Any], **_: Any) -> None:
        note(book, event["object"], gone=event["type"] == "DELETED")

    return noted


async def watch(book: Book, name: str, namespaces: tuple[str, ...], stop: asyncio.Event) -> None:
    """Watch ``namespaces``, all of them when none is named, until ``stop``. ``name`` is ours."""
    settings = kopf.OperatorSettings()
    settings.posting.enabled = False
    settings.scanning.disabled = True  # kinds are there when we start: the chart brings them
    settings.watching.server_timeout = 300
    settings.watching.client_timeout = 330
    settings.networking.request_timeout = 30
    await kopf.operator(
        registry=registry(book),
        settings=settings,
        standalone=True,
        clusterwide=not namespaces,
        namespaces=namespaces,
        stop_flag=stop,
        # of its own accord it would look for our user's name, and a container's user has none
        identity=name,  # type: ignore[arg-type]  # the name of its type is private
    )
