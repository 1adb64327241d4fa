"""What every session store does. A further adapter is a further maker in ``MAKERS``."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import pytest
from cryptography.fernet import Fernet

from support import eventually
from teltubby_core.adapters.kubernetes.api import SessionObjects
from teltubby_core.adapters.kubernetes.holding import Holder
from teltubby_core.adapters.kubernetes.sessions import KubernetesSessionStore
from teltubby_core.adapters.session_cipher import SessionCipher
from teltubby_core.adapters.sqlite.database import Database
from teltubby_core.adapters.sqlite.sessions import SqliteSessionStore
from teltubby_core.domain.sessions import SessionKind, SessionNotes, SessionSight, SessionState
from teltubby_core.errors import PermanentError, TransientError
from teltubby_core.ports import SessionStore
from teltubby_core.testing import MemorySessionStore
from testbed.session_objects import client_of, make_slots

NAMES = ("media-teltubby-session-0", "media-teltubby-session-1")
CONTENT = "1ApWapzMBu-a-session-string"
SOON = 10.0


@dataclass
class Harness:
    """A store with two slots, and what ends its process and starts it again."""

    store: SessionStore
    restart: Callable[[], Awaitable[SessionStore]]


@asynccontextmanager
async def memory(_: pytest.FixtureRequest) -> AsyncIterator[Harness]:
    store = MemorySessionStore(NAMES)

    async def restarted() -> SessionStore:
        fresh = MemorySessionStore(NAMES)
        for name, content in store.contents.items():
            fresh.put(name, content, SessionNotes(state=SessionState.READY))
        return fresh

    yield Harness(store, restarted)


@asynccontextmanager
async def sqlite(request: pytest.FixtureRequest) -> AsyncIterator[Harness]:
    path: Path = request.getfixturevalue("tmp_path")
    opened: list[Database] = []
    keys = [Fernet.generate_key().decode()]

    async def reopened() -> SessionStore:
        if opened:
            await opened[-1].close()
        opened.append(Database(path / "teltubby.db"))
        await opened[-1].open()
        return SqliteSessionStore(opened[-1], keys, NAMES)

    yield Harness(await reopened(), reopened)
    await opened[-1].close()


@asynccontextmanager
async def kubernetes(request: pytest.FixtureRequest) -> AsyncIterator[Harness]:
    slots = await asyncio.to_thread(make_slots, request.getfixturevalue("control_plane"), len(NAMES))
    cipher = SessionCipher([Fernet.generate_key().decode()])
    async with client_of(slots) as client:
        objects = SessionObjects(client, slots.namespace)

        async def restarted() -> SessionStore:
            holder = Holder("worker-0", "its-uid", uuid4().hex)
            return KubernetesSessionStore(objects, cipher, slots.names, holder)

        yield Harness(await restarted(), restarted)


MAKERS = [memory, sqlite, kubernetes]


@pytest.fixture(params=MAKERS, ids=lambda maker: maker.__name__)
async def harness(request: pytest.FixtureRequest) -> AsyncIterator[Harness]:
    async with request.param(request) as made:
        yield made


@pytest.fixture
def store(harness: Harness) -> SessionStore:
    return harness.store


async def test_a_new_session_is_empty(store: SessionStore) -> None:
    lease = await store.acquire(SOON)

    assert lease.name in NAMES
    assert await lease.load() is None


async def test_a_session_has_one_holder_at_a_time(store: SessionStore) -> None:
    first, second = await store.acquire(SOON), await store.acquire(SOON)

    assert {first.name, second.name} == set(NAMES)
    with pytest.raises(TransientError, match="session"):
        await store.acquire(0)
    with pytest.raises(TransientError, match="session"):
        await store.acquire(0.01)


async def test_a_waiting_one_gets_the_session_that_is_released(store: SessionStore) -> None:
    first, _ = await store.acquire(SOON), await store.acquire(SOON)
    await first.save(CONTENT)
    async with asyncio.timeout(SOON):
        waiting = [asyncio.ensure_future(store.acquire(SOON * 2)) for _ in range(2)]
        await asyncio.sleep(0)
        await first.release()
        done, pending = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)

    assert (len(done), len(pending)) == (1, 1)
    lease = done.pop().result()
    assert lease.name == first.name
    assert await lease.load() == CONTENT
    pending.pop().cancel()


async def test_each_session_keeps_its_own_content_across_restarts(harness: Harness) -> None:
    for _ in NAMES:
        lease = await harness.store.acquire(SOON)
        await lease.save("older")
        await lease.save(f"{CONTENT} of {lease.name}")

    store = await harness.restart()

    for _ in NAMES:
        lease = await store.acquire(SOON)
        assert await lease.load() == f"{CONTENT} of {lease.name}"


async def test_who_released_a_session_has_it_no_more(store: SessionStore) -> None:
    lease = await store.acquire(SOON)
    await lease.save(CONTENT)
    await lease.release()
    await lease.release()

    with pytest.raises(PermanentError):
        await lease.save("late")
    with pytest.raises(PermanentError):
        await lease.load()
    taken = [await store.acquire(SOON) for _ in NAMES]
    assert CONTENT in [await lease.load() for lease in taken]
    await lease.release()
    with pytest.raises(TransientError):
        await store.acquire(0)


READY = SessionNotes(state=SessionState.READY, kind=SessionKind.BOT, dc_id=4)


async def test_only_a_session_that_fits_is_taken(store: SessionStore) -> None:
    lease = await store.acquire(SOON, lambda sight: sight.name == NAMES[1])

    assert lease.name == NAMES[1]
    with pytest.raises(TransientError, match="session"):
        await store.acquire(0, lambda sight: sight.name == NAMES[1])


async def test_a_session_with_a_login_goes_first(store: SessionStore) -> None:
    lease = await store.acquire(SOON, lambda sight: sight.name == NAMES[1])
    await lease.save(CONTENT)
    await lease.note(READY)
    await lease.release()

    again = await store.acquire(SOON)

    assert again.name == NAMES[1]


async def test_a_login_that_is_forgotten_is_gone(harness: Harness) -> None:
    lease = await harness.store.acquire(SOON)
    await lease.save(CONTENT)
    await lease.clear()

    assert await lease.load() is None
    await lease.release()
    again = await (await harness.restart()).acquire(SOON, lambda sight: sight.name == lease.name)
    assert await again.load() is None


async def test_what_is_noted_is_seen_by_others_and_by_the_next_holder(store: SessionStore) -> None:
    lease = await store.acquire(SOON)
    await lease.save(CONTENT)
    await lease.note(READY)
    assert lease.sight.notes == READY

    async def seen() -> SessionSight:
        (sight,) = [sight for sight in await store.survey() if sight.name == lease.name]
        return sight

    async def noted() -> bool:
        return (await seen()).notes == READY

    await eventually(noted)
    assert (await seen()).holder
    await lease.release()
    assert await seen() == SessionSight(lease.name, READY)
    again = await store.acquire(SOON, lambda sight: sight.notes == READY)
    assert again.sight.notes == READY


async def test_a_survey_shows_every_slot_in_its_order(store: SessionStore) -> None:
    assert [sight.name for sight in await store.survey()] == list(NAMES)
    assert [sight.notes.filled for sight in await store.survey()] == [False, False]


async def test_notes_of_one_who_has_it_no_more_change_nothing(store: SessionStore) -> None:
    lease = await store.acquire(SOON)
    await lease.release()

    await lease.note(READY)

    assert [sight.notes for sight in await store.survey()] == [SessionNotes(), SessionNotes()]
