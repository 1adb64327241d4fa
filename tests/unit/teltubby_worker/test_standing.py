"""Whether a worker has a job in hand stands beside its session."""

from teltubby_core.domain.sessions import SessionKind, SessionNotes
from teltubby_core.testing import MemorySessionStore
from teltubby_worker.mtproto.standing import Standing


async def test_what_it_has_in_hand_is_noted_at_once_and_gone_with_the_session():
    sessions, jobs = MemorySessionStore(), ["one"]
    told: list[SessionNotes] = []
    standing = Standing(SessionKind.BOT, lambda _, notes, __: told.append(notes), busy=lambda: bool(jobs))
    lease = await sessions.acquire(1.0)
    standing.begin(lease)
    said = []
    for in_hand in (["one"], [], ["two"]):
        jobs[:] = in_hand
        await standing.settle()
        said.append(lease.sight.notes.busy)
    await standing.end()
    assert [*said, lease.sight.notes.busy] == [True, False, True, None]
    assert [notes.busy for notes in told] == [True, False, True, None]


async def test_who_does_not_know_says_nothing():
    sessions = MemorySessionStore()
    standing = Standing(SessionKind.BOT)
    lease = await sessions.acquire(1.0)
    standing.begin(lease)
    await standing.settle()
    assert lease.sight.notes.busy is None
