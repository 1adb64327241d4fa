"""Puts the operator together."""

import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from lightkube import AsyncClient
from lightkube.resources.coordination_v1 import Lease
from prometheus_client import CollectorRegistry

from teltubby_core.adapters.kubernetes.errors import kubernetes_errors
from teltubby_operator.broker import Management, open_http
from teltubby_operator.cluster import Cluster
from teltubby_operator.leading import Leadership
from teltubby_operator.measures import Measures
from teltubby_operator.settings import OperatorSettings


@dataclass(frozen=True)
class Ports:
    """What it runs on."""

    cluster: Cluster
    management: Management
    leadership: Leadership
    measures: Measures
    check: Callable[[], Awaitable[object]]


@asynccontextmanager
async def open_ports(settings: OperatorSettings, registry: CollectorRegistry) -> AsyncIterator[Ports]:
    """Open them, with the rights of a kubeconfig or of the pod's service account.

    Raises:
        ConfigurationError: there is neither.
    """
    for noisy in ("httpx2", "kopf"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    with kubernetes_errors("the service account"):
        client = AsyncClient(trust_env=True)
    namespace = settings.operator_lease_namespace or client.namespace
    name = settings.operator_lease_name
    leadership = Leadership(client, namespace, name, settings.operator_name)

    async def check() -> None:
        with kubernetes_errors(f"Lease {name}"):
            await client.get(Lease, name, namespace=namespace)

    try:
        async with open_http() as http:
            cluster = Cluster(client, lambda: leadership.held)
            yield Ports(cluster, Management(http), leadership, Measures(registry), check)
    finally:
        await client.close()
