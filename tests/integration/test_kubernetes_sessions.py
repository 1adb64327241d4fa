"""Sessions in Kubernetes, on a real API server with a worker's rights: whoever holds one holds it alone."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Callable
from uuid import uuid4

import pytest
from cryptography.fernet import Fernet
from lightkube import AsyncClient

from support import eventually
from teltubby_core.adapters.kubernetes.api import SessionObjects
from teltubby_core.adapters.kubernetes.holding import Holder, Terms
from teltubby_core.adapters.kubernetes.sessions import KubernetesSessionStore
from teltubby_core.adapters.session_cipher import SessionCipher
from teltubby_core.errors import InfrastructureError, PermanentError, TransientError
from testbed.control_plane import ControlPlane
from testbed.fixtures import control_plane
from testbed.session_objects import SessionSlots, client_of, make_slots

__all__ = ["control_plane"]

TERMS = Terms(lease=2.0, renew=0.4, margin=0.5, takeover=3.0)
CONTENT = "1ApWapzMBu-a-session-string"
KEYS = [Fernet.generate_key().decode() for _ in range(2)]

NewStore = Callable[..., KubernetesSessionStore]


@pytest.fixture
def slots(control_plane: ControlPlane) -> SessionSlots:
    return make_slots(control_plane, 1)


@pytest.fixture
async def client(slots: SessionSlots) -> AsyncIterator[AsyncClient]:
    async with client_of(slots) as client:
        yield client


@pytest.fixture
def store(slots: SessionSlots, client: AsyncClient) -> NewStore:
    """Make a process of a worker: in a pod of its own, which is there, unless another is named."""

    def made(pod: str = "", uid: str = "", keys: list[str] | None = None) -> KubernetesSessionStore:
        pod = pod or f"worker-{uuid4().hex[:6]}"
        holder = Holder(pod, uid or slots.add_pod(pod), uuid4().hex)
        cipher = SessionCipher(keys or KEYS[:1])
        return KubernetesSessionStore(SessionObjects(client, slots.namespace), cipher, slots.names, holder, TERMS)

    return made


def lease(slots: SessionSlots) -> dict[str, object]:
    found = slots.plane.get("lease", slots.names[0], "--namespace", slots.namespace)
    return dict(found["spec"])


def patch(slots: SessionSlots, kind: str, change: object) -> None:
    where = ("--namespace", slots.namespace, "--type=merge", f"--patch={json.dumps(change)}")
    slots.plane.kubectl("patch", kind, slots.names[0], *where)


async def test_of_many_that_want_it_at_once_one_gets_it(store: NewStore):
    stores = await asyncio.gather(*(asyncio.to_thread(store) for _ in range(12)))
    tried = await asyncio.gather(*(each.acquire(0) for each in stores), return_exceptions=True)
    got = [each for each in tried if not isinstance(each, BaseException)]
    assert len(got) == 1
    assert {type(each) for each in tried if isinstance(each, BaseException)} == {TransientError}
    await got[0].release()


async def test_it_is_renewed_for_as_long_as_it_is_held(store: NewStore, slots: SessionSlots):
    held = await store().acquire(5)
    first = lease(slots)["renewTime"]
    await eventually(lambda: lease(slots)["renewTime"] != first, TERMS.lease * 3)
    with pytest.raises(TransientError):
        await store().acquire(TERMS.lease * 1.5)
    assert held.held
    await held.release()
    assert not lease(slots).get("holderIdentity")
    assert not held.held


async def test_of_a_pod_that_is_gone_it_is_taken_when_the_lease_ran_out_and_no_sooner(
    store: NewStore, slots: SessionSlots
):
    clock = asyncio.get_running_loop().time
    dead = await store("worker-dead").acquire(5)
    dead._renewing.cancel()  # type: ignore[union-attr]  # as a kill does
    slots.remove_pod("worker-dead")
    began = clock()
    taken = await store().acquire(TERMS.lease + 5)
    assert TERMS.lease - 0.5 < clock() - began < TERMS.lease + TERMS.takeover - 0.5
    assert not dead.held, "its own clock told it before"
    await taken.release()


async def test_of_a_pod_that_is_there_and_silent_it_is_taken_only_much_later(store: NewStore):
    silent = await store().acquire(5)
    silent._renewing.cancel()  # type: ignore[union-attr]
    other = store()
    with pytest.raises(TransientError):
        await other.acquire(TERMS.lease + TERMS.takeover / 2)
    taken = await other.acquire(TERMS.takeover + 3)
    assert taken.held
    await taken.release()


async def test_the_next_process_in_the_same_pod_takes_it_at_once(store: NewStore, slots: SessionSlots):
    uid = slots.add_pod("worker-again")
    before = await store("worker-again", uid).acquire(5)
    before._renewing.cancel()  # type: ignore[union-attr]
    after = await store("worker-again", uid).acquire(0)
    assert after.held
    await after.release()


async def test_while_the_api_is_away_its_holder_stops_using_it_in_time(
    store: NewStore, slots: SessionSlots, control_plane: ControlPlane
):
    held = await store().acquire(5)
    control_plane.apiserver.pause()
    try:
        began = asyncio.get_running_loop().time()
        await eventually(lambda: not held.held, TERMS.lease + 2)
        assert asyncio.get_running_loop().time() - began <= TERMS.lease - TERMS.margin + 0.2
        with pytest.raises(PermanentError, match="not ours any more"):
            await held.save("late")
    finally:
        control_plane.apiserver.resume()
    await held.release()


async def test_who_loses_it_to_another_notices_and_does_not_give_it_back(store: NewStore, slots: SessionSlots):
    held = await store().acquire(5)
    await asyncio.to_thread(patch, slots, "lease", {"spec": {"holderIdentity": "somebody/else/x"}})
    await eventually(lambda: not held.held, TERMS.renew * 3 + 1)
    await held.release()
    assert lease(slots)["holderIdentity"] == "somebody/else/x"


async def test_labels_and_annotations_of_others_disturb_nobody(store: NewStore, slots: SessionSlots):
    held = await store().acquire(5)
    await held.save("first")
    for kind in ("lease", "secret"):
        await asyncio.to_thread(patch, slots, kind, {"metadata": {"annotations": {"seen-by": "an operator"}}})
    patched = lease(slots)["renewTime"]
    await eventually(lambda: lease(slots)["renewTime"] != patched)
    assert held.held
    with pytest.raises(TransientError, match="changed by somebody else"):
        await held.save("second")
    await held.save("second")
    assert await held.load() == "second"
    assert slots.plane.get("secret", slots.names[0], "--namespace", slots.namespace)["metadata"]["annotations"]
    await held.release()


async def test_what_lies_in_the_secret_is_encrypted_and_written_anew_with_a_newer_key(
    store: NewStore, slots: SessionSlots
):
    def lying() -> bytes:
        found = slots.plane.get("secret", slots.names[0], "--namespace", slots.namespace)
        return base64.b64decode(found["data"]["session"])

    held = await store(keys=[KEYS[0]]).acquire(5)
    await held.save(CONTENT)
    await held.release()
    old = lying()
    assert CONTENT.encode() not in old
    held = await store(keys=[KEYS[1], KEYS[0]]).acquire(5)
    assert await held.load() == CONTENT
    assert lying() != old
    await held.release()
    held = await store(keys=[KEYS[1]]).acquire(5)
    assert await held.load() == CONTENT
    await held.release()
    held = await store(keys=[KEYS[0]]).acquire(5)
    assert await held.load() is None
    await held.release()


@pytest.mark.parametrize(
    ("command", "named"),
    [
        (
            ("delete", "rolebinding", "media-teltubby-worker"),
            "Lease media-teltubby-session-0: its Role or RoleBinding is missing",
        ),
        (("delete", "lease", "media-teltubby-session-0"), "there is no Lease media-teltubby-session-0"),
    ],
)
async def test_what_is_missing_is_named(store: NewStore, slots: SessionSlots, command: tuple[str, ...], named: str):
    await asyncio.to_thread(slots.plane.kubectl, *command, "--namespace", slots.namespace)
    with pytest.raises(InfrastructureError, match=named):
        await store().acquire(0)


async def test_a_worker_may_read_no_other_secret_and_list_none(slots: SessionSlots):
    worker = f"system:serviceaccount:{slots.namespace}:{slots.account_of('worker')}"
    may = ("auth", "can-i", "--as", worker, "--namespace", slots.namespace)
    for question in (("list", "secrets"), ("get", "secret/other"), ("delete", f"secret/{slots.names[0]}")):
        with pytest.raises(Exception, match="no"):
            slots.plane.kubectl(*may, *question)
    assert slots.plane.kubectl(*may, "get", f"secret/{slots.names[0]}").strip() == "yes"
