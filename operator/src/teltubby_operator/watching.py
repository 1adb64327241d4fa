"""Watches through kopf: events of four kinds go into the book. Nothing of ours is kept on the objects.

Among the Leases that are watched is the leader's own, which is renewed every two seconds: it is the pulse by which a
watch that fell silent is noticed.
"""

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

import kopf

from teltubby_core.errors import InfrastructureError
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


class Pulse:
    """When the watch of Leases last brought something."""

    def __init__(self) -> None:
        self._at: float | None = None

    def begin(self) -> None:
        """Count from now: it should bring something every two seconds."""
        self._at = time.monotonic()

    def felt(self) -> None:
        """Note something that it brought."""
        if self._at is not None:
            self.begin()

    @property
    def silent_for(self) -> float:
        """Seconds without any; 0 before the beginning."""
        return 0.0 if self._at is None else time.monotonic() - self._at


Note = Callable[[Callable[..., None], Mapping[str, Any], bool], None]
"""Told how an object is to be noted, the object, and whether it is gone."""


def registry(noted: Note) -> kopf.OperatorRegistry:
    """Return handlers that tell of each event. They set no finalizer and write nothing."""
    found = kopf.OperatorRegistry()

    @kopf.on.login(registry=found)
    def login(**told: Any) -> kopf.ConnectionInfo | None:
        return kopf.login_with_service_account(**told) or kopf.login_with_kubeconfig(**told)

    for kind, labels, note in _WATCHED:
        kopf.on.event(*kind, labels=labels and dict(labels), registry=found)(_handler(noted, note))
    return found


def _handler(noted: Note, note: Callable[..., None]) -> Callable[..., Any]:
    async def handler(event: Mapping[str, Any], **_: Any) -> None:
        noted(note, event["object"], event["type"] == "DELETED")

    return handler


async def watch(book: Book, pulse: Pulse, name: str, namespaces: tuple[str, ...]) -> None:
    """Watch ``namespaces``, all of them when none is named, until it is cancelled. ``name`` is ours.

    kopf gets a thread and a loop of its own: it takes signals for itself in the main one, and when it ends, it cancels
    whatever tasks it finds beside it. What it hears is noted in our loop.

    Raises what ended it.
    """
    loop, stop = asyncio.get_running_loop(), threading.Event()
    ended: asyncio.Future[None] = loop.create_future()

    def note(how: Callable[..., None], body: Mapping[str, Any], gone: bool) -> None:
        if how is reading.lease:
            pulse.felt()
        how(book, body, gone=gone)

    def end(error: BaseException | None) -> None:
        if not ended.done():
            ended.set_exception(error or InfrastructureError("it stopped by itself"))

    def run() -> None:
        error: BaseException | None = None
        try:
            asyncio.run(_operate(lambda *told: _in(loop, note, *told), name, namespaces, stop))
        except BaseException as found:  # noqa: BLE001  # handed on
            error = found
        _in(loop, end, error)

    threading.Thread(target=run, name="kopf", daemon=True).start()
    try:
        await ended
    finally:
        stop.set()


def _in(loop: asyncio.AbstractEventLoop, call: Callable[..., None], *arguments: Any) -> None:
    with contextlib.suppress(RuntimeError):  # the loop is closed: nobody wants to know any more
        loop.call_soon_threadsafe(call, *arguments)


async def _operate(noted: Note, name: str, namespaces: tuple[str, ...], stop: threading.Event) -> None:
    settings = kopf.OperatorSettings()
    settings.posting.enabled = False
    settings.scanning.disabled = True  # kinds are there when we start: the chart brings them
    settings.watching.server_timeout = 300
    settings.watching.client_timeout = 330
    settings.networking.request_timeout = 30
    await kopf.operator(
        registry=registry(noted),
        settings=settings,
        standalone=True,
        clusterwide=not namespaces,
        namespaces=namespaces,
        stop_flag=stop,
        # of its own accord it would look for our user's name, and a container's user has none
        identity=name,  # type: ignore[arg-type]  # the name of its type is private
    )
