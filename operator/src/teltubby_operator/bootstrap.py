"""Puts the operator together."""

import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from lightkube import AsyncClient
from lightkube.resources.coordination_v1 import Lease
from prometheus_client import CollectorRegistry

from teltubby_core.adapters.kubernetes.errors import kubernetes_errors
from teltubby_operator.book import Book
from teltubby_operator.broker import Management, open_http, trusted
from teltubby_operator.cluster import Cluster, writing_while
from teltubby_operator.keeping import Keeper
from teltubby_operator.leading import Leadership
from teltubby_operator.measures import Measures
from teltubby_operator.operating import Operator
from teltubby_operator.sessions import OURS
from teltubby_operator.settings import OperatorSettings
from teltubby_operator.slots import Slots


@dataclass(frozen=True)
class Ports:
    """What it runs on."""

    cluster: Cluster
    operator: Operator
    leadership: Leadership
    check: Callable[[], Awaitable[object]]
    namespace: str
    """Where the Lease of the leader lies."""


@asynccontextmanager
async def open_ports(settings: OperatorSettings, book: Book, registry: CollectorRegistry) -> AsyncIterator[Ports]:
    """Open them, with the rights of a kubeconfig or of the pod's service account.

    Raises:
        ConfigurationError: there is neither, or RABBITMQ_CA_FILE holds no certificate.
    """
    for noisy in ("httpx2", "kopf"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    logging.getLogger("kopf._core.reactor.running").setLevel(logging.ERROR)  # it warns of being in a thread
    with kubernetes_errors("the service account"):
        client = AsyncClient(trust_env=True)
    namespace = settings.operator_lease_namespace or client.namespace
    name = settings.operator_lease_name
    leadership = Leadership(client, namespace, name, settings.operator_name, OURS)

    async def check() -> None:
        with kubernetes_errors(f"Lease {name}"):
            await client.get(Lease, name, namespace=namespace)

    try:
        tls = trusted(settings.rabbitmq_ca_file)
        async with open_http(tls) as http:
            writing = writing_while(lambda: leadership.held)
            cluster = Cluster(client, writing)
            keeper = Keeper(book, cluster, Slots(client, writing))
            operator = Operator(book, cluster, keeper, Management(http, tls), Measures(registry))
            yield Ports(cluster, operator, leadership, check, namespace)
    finally:
        await client.close()
