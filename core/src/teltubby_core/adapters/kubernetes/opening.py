"""Opens the sessions of the namespace that this process runs in."""

import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from uuid import uuid4

from lightkube import AsyncClient

from teltubby_core.adapters.kubernetes.api import SessionObjects
from teltubby_core.adapters.kubernetes.errors import kubernetes_errors
from teltubby_core.adapters.kubernetes.holding import Holder, Terms
from teltubby_core.adapters.kubernetes.sessions import KubernetesSessionStore
from teltubby_core.adapters.session_cipher import SessionCipher


@asynccontextmanager
async def open_sessions(
    keys: Sequence[str], names: Sequence[str], pod_name: str, pod_uid: str, takeover: float = Terms.takeover
) -> AsyncIterator[KubernetesSessionStore]:
    """Open them, as the pod that this is; with the rights of its service account. ``takeover`` as of ``Terms``.

    Raises:
        ConfigurationError: this is no pod with a service account, or a key is malformed.
    """
    logging.getLogger("httpx2").setLevel(logging.WARNING)  # it tells of every renewal
    cipher = SessionCipher(keys)
    with kubernetes_errors("the service account"):
        client = AsyncClient(trust_env=True)
    try:
        holder = Holder(pod_name, pod_uid, uuid4().hex)
        objects, terms = SessionObjects(client, client.namespace), Terms(takeover=takeover)
        yield KubernetesSessionStore(objects, cipher, names, holder, terms)
    finally:
        await client.close()
