"""Watches through kopf: events of three kinds go into the book. Nothing of ours is kept on the objects."""

import asyncio
import logging
from collections.abc import Mapping
from typing import Any

import kopf
from pydantic import ValidationError

from teltubby_core.adapters.kubernetes.notes import sight_of
from teltubby_operator.archive import GROUP, PLURAL, VERSION, Archive, Key
from teltubby_operator.book import OURS, Book, Workers

log = logging.getLogger(__name__)


def registry(book: Book) -> kopf.OperatorRegistry:
    """Return handlers that keep the book. They set no finalizer and write nothing."""
    found = kopf.OperatorRegistry()

    @kopf.on.login(registry=found)
    def login(**told: Any) -> kopf.ConnectionInfo | None:
        return kopf.login_with_service_account(**told) or kopf.login_with_kubeconfig(**told)

    @kopf.on.event(GROUP, VERSION, PLURAL, registry=found)
    async def archive(event: Mapping[str, Any], **_: Any) -> None:
        key, body = _key(event), _there(event)
        try:
            book.archive(key, None if body is None else Archive.read(body))
        except ValidationError as error:
            wrong = ", ".join(".".join(map(str, each["loc"])) for each in error.errors())
            log.error(
                "TeltubbyArchive %s can't be read (%s); bring its CRD and this operator to one version", key, wrong
            )
            book.archive(key, None)

    @kopf.on.event("apps", "v1", "deployments", registry=found)
    async def deployment(event: Mapping[str, Any], **_: Any) -> None:
        body = _there(event)
        book.deployment(_key(event), None if body is None else Workers.read(body))

    @kopf.on.event("coordination.k8s.io", "v1", "leases", labels=dict(OURS), registry=found)
    async def lease(event: Mapping[str, Any], **_: Any) -> None:
        key, body = _key(event), _there(event)
        if body is None:
            book.session(key, None)
            return
        annotations, spec = body["metadata"].get("annotations") or {}, body.get("spec") or {}
        book.session(key, sight_of(key.name, annotations, spec.get("holderIdentity")))

    return found


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


def _key(event: Mapping[str, Any]) -> Key:
    metadata = event["object"]["metadata"]
    return Key(namespace=metadata["namespace"], name=metadata["name"])


def _there(event: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the object; None when it is gone, or going."""
    body: Mapping[str, Any] = event["object"]
    return None if event["type"] == "DELETED" or body["metadata"].get("deletionTimestamp") else body
