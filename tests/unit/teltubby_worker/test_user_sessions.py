"""A person's login: only they can repeat it, so it is never replaced, and what it loses goes on with another."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from telethon.tl.functions.auth import ImportBotAuthorizationRequest, LogOutRequest

from support import eventually
from teltubby_core.domain.keyring import Keyring
from teltubby_core.domain.sessions import SessionKind, SessionNotes, SessionState
from teltubby_core.errors import InfrastructureError, SessionGoneError, TransientError
from teltubby_core.testing.session_store import MemorySessionLease, MemorySessionStore
from teltubby_worker.mtproto import session as session_module
from teltubby_worker.mtproto import tenancy as tenancy_module
from teltubby_worker.mtproto.errors import AccountEndedError, SessionChangedError, SessionLostError
from teltubby_worker.mtproto.session import Session
from unit.teltubby_worker.scripted import ENTRY, LOGIN, Ask, FakeTelegram, Part

NAMES = ("s-0", "s-1")
ADA, BOB = 1001, 1002
READY = SessionNotes(state=SessionState.READY, kind=SessionKind.USER, dc_id=2)
LONG = 1000.0


class Stage:
    """Two slots, Ada's login in the first and Bob's in the second, and what is told of them."""

    def __init__(self) -> None:
        self.telegram = FakeTelegram()
        self.store = MemorySessionStore(NAMES)
        self.told: list[tuple[str, SessionState, bool]] = []
        for name, account in zip(NAMES, (ADA, BOB), strict=True):
            key = bytes([account % 256]) * 256
            self.telegram.known_keys[2, key] = account
            self.store.put(name, Keyring(ENTRY, key, account=account).text(), READY)

    def session(self, kind: SessionKind = SessionKind.USER) -> Session:
        return Session(self.store, LOGIN, ENTRY, self.telegram.connect, kind=kind, tell=self._tell)

    def _tell(self, name: str, notes: SessionNotes, held: bool) -> None:  # as Tell says
        if not self.told or self.told[-1] != (name, notes.state, held):
            self.told.append((name, notes.state, held))

    def forget(self, account: int) -> None:
        self.telegram.known_keys = {k: user for k, user in self.telegram.known_keys.items() if user != account}

    async def notes(self) -> dict[str, SessionNotes]:
        return {sight.name: sight.notes for sight in await self.store.survey()}


@pytest.fixture
def stage() -> Stage:
    return Stage()


async def test_it_is_used_as_it_is_kept(stage: Stage) -> None:
    session = stage.session()
    assert await session.call(Ask()) == "answer"
    assert session.account == ADA
    assert stage.telegram.count(ImportBotAuthorizationRequest) == 0
    await session.close()
    assert [told for told in stage.told if told[0] == "s-0"][-1] == ("s-0", SessionState.READY, False)


async def test_a_login_that_was_ended_is_emptied_noted_with_its_reason_and_another_one_goes_on(stage: Stage) -> None:
    stage.forget(ADA)
    session = stage.session()
    assert await session.call(Ask()) == "answer"
    assert session.account == BOB
    notes = await stage.notes()
    assert notes["s-0"].state is SessionState.LOST
    assert notes["s-0"].reason
    assert set(stage.store.contents) == {"s-1"}
    assert ("s-0", SessionState.LOST, True) in stage.told
    assert stage.telegram.count(ImportBotAuthorizationRequest) == 0
    await session.close()


async def test_one_that_is_ended_in_mid_work_is_replaced_at_the_next_request(stage: Stage) -> None:
    session = stage.session()
    await session.call(Ask())
    stage.forget(ADA)
    stage.telegram.troubles[Ask] = [SessionLostError("revoked")]
    with pytest.raises(SessionLostError):
        await session.call(Ask())
    assert await session.call(Ask()) == "answer"
    assert session.account == BOB
    await session.close()


async def test_a_banned_account_is_lost_too(stage: Stage) -> None:
    session = stage.session()
    await session.call(Ask())
    stage.forget(ADA)
    stage.telegram.troubles[Ask] = [AccountEndedError("banned")]
    with pytest.raises(AccountEndedError):
        await session.call(Ask())
    assert await session.call(Ask()) == "answer"
    assert (await stage.notes())["s-0"].state is SessionState.LOST
    await session.close()


async def test_without_a_login_the_job_waits_and_it_is_said_who_can_help(stage: Stage) -> None:
    stage.forget(ADA)
    stage.forget(BOB)
    made_impatient(stage)
    with pytest.raises(InfrastructureError, match="/mtstatus"):
        await stage.session().ready()
    assert stage.store.contents == {}
    assert {notes.state for notes in (await stage.notes()).values()} == {SessionState.LOST}


async def test_a_login_that_no_key_opens_is_not_taken_again_and_again(stage: Stage) -> None:
    stage.store.put("s-0", "nonsense")
    session = stage.session()
    assert await session.call(Ask()) == "answer"
    assert session.account == BOB
    assert (await stage.notes())["s-0"].state is SessionState.LOST
    await session.close()


async def test_of_another_kind_it_is_left_alone(stage: Stage) -> None:
    session = stage.session(SessionKind.BOT)
    stage.store.put("s-0", "", SessionNotes())
    await session.call(Ask())
    assert stage.telegram.count(ImportBotAuthorizationRequest) == 1
    assert (await stage.notes())["s-1"] == READY
    await session.close()


async def test_a_long_flood_is_noted_and_another_account_goes_on(stage: Stage) -> None:
    session = stage.session()
    await session.call(Ask())
    stage.telegram.troubles[Part] = [TransientError("flood", LONG)]
    with pytest.raises(SessionChangedError):
        await session.fetch(Part, 2)
    assert session.account is not None
    assert (await session.fetch(Part, 2)).bytes
    assert session.account == BOB
    notes = (await stage.notes())["s-0"]
    assert notes.state is SessionState.FLOODED
    assert notes.flood_until
    assert timedelta(0) < notes.flood_until - datetime.now(UTC) <= timedelta(seconds=LONG)
    assert set(stage.store.contents) == set(NAMES), "it is good again later"
    await session.close()


async def test_requests_that_were_under_way_in_a_long_flood_leave_the_next_account_alone(stage: Stage) -> None:
    session = stage.session()
    await session.call(Ask())
    stage.telegram.troubles[Part] = [TransientError("flood", LONG) for _ in range(4)]
    results = await asyncio.gather(*(session.fetch(Part, 2) for _ in range(4)), return_exceptions=True)
    assert all(isinstance(result, TransientError) for result in results)
    stage.telegram.troubles[Part].clear()  # of those whose connection was closed before they could ask
    assert (await session.fetch(Part, 2)).bytes
    assert session.account == BOB
    await session.close()


async def test_the_only_account_waits_out_its_flood_itself(stage: Stage) -> None:
    stage.store.put("s-1", "", SessionNotes(state=SessionState.LOST, kind=SessionKind.USER))
    session = stage.session()
    await session.call(Ask())
    stage.telegram.troubles[Part] = [TransientError("flood", LONG)]
    with pytest.raises(TransientError) as caught:
        await session.fetch(Part, 2)
    assert caught.value.retry_after == LONG
    assert session.account == ADA
    await eventually(lambda: ("s-0", SessionState.FLOODED, True) in stage.told)
    await session.close()


async def test_a_bots_flood_is_waited_out_for_it_is_the_same_with_all_its_sessions(stage: Stage) -> None:
    for name in NAMES:
        stage.store.put(name, "", SessionNotes())
    session = stage.session(SessionKind.BOT)
    await session.call(Ask())
    stage.telegram.troubles[Part] = [TransientError("flood", LONG)]
    with pytest.raises(TransientError) as caught:
        await session.fetch(Part, 2)
    assert caught.value.retry_after == LONG
    assert stage.telegram.count(ImportBotAuthorizationRequest) == 1
    await session.close()


async def test_a_login_that_must_wait_is_tried_by_nobody_meanwhile(stage: Stage) -> None:
    for name in NAMES:
        stage.store.put(name, "", SessionNotes())
    stage.telegram.troubles[ImportBotAuthorizationRequest] = [TransientError("flood", 2838.0)]
    first = stage.session(SessionKind.BOT)
    with pytest.raises(InfrastructureError, match="must wait"):
        await first.ready()
    await first.close()
    made_impatient(stage)
    with pytest.raises(InfrastructureError, match="UTC before the bot may log in"):
        await stage.session(SessionKind.BOT).ready()
    assert stage.telegram.count(ImportBotAuthorizationRequest) == 1


async def test_a_login_that_must_wait_keeps_nobody_from_a_session_that_is_there(stage: Stage) -> None:
    (key,) = [key for (_, key), user in stage.telegram.known_keys.items() if user == BOB]
    stage.telegram.known_keys[2, key] = LOGIN.bot_id
    until = datetime.now(UTC) + timedelta(hours=1)
    stage.store.put("s-0", "", SessionNotes(flood_until=until))
    stage.store.put("s-1", stage.store.contents["s-1"], READY.model_copy(update={"kind": SessionKind.BOT}))
    session = stage.session(SessionKind.BOT)
    assert await session.call(Ask()) == "answer"
    assert stage.telegram.count(ImportBotAuthorizationRequest) == 0
    await session.close()


async def test_flooded_accounts_are_not_taken_and_it_is_said_until_when(stage: Stage) -> None:
    until = datetime.now(UTC) + timedelta(hours=1)
    flooded = READY.model_copy(update={"state": SessionState.FLOODED, "flood_until": until})
    for name in NAMES:
        stage.store.put(name, stage.store.contents[name], flooded)
    made_impatient(stage)
    with pytest.raises(InfrastructureError, match=f"{until:%H:%M:%S} UTC"):
        await stage.session().ready()


async def test_a_retiring_session_is_logged_out_once_it_is_at_rest_and_another_one_goes_on(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session_module, "_AT_REST", 0.0)
    session = stage.session()
    await session.call(Ask())
    stage.telegram.gate.clear()
    fetching = asyncio.create_task(session.fetch(Part, 2))
    await eventually(lambda: stage.telegram.open_links() and len(stage.telegram.made) > 1)
    stage.store.retire("s-0")
    stage.telegram.gate.set()
    assert (await fetching).bytes
    await eventually(lambda: stage.telegram.count(LogOutRequest) == 1)
    await eventually(lambda: "s-0" not in stage.store.contents)
    assert await session.call(Ask()) == "answer"
    assert session.account == BOB
    assert (await stage.notes())["s-0"].state is SessionState.EMPTY
    await session.close()


async def test_a_retiring_session_that_nobody_has_is_logged_out_by_the_next_worker(stage: Stage) -> None:
    stage.store.retire("s-0")
    session = stage.session()
    assert await session.call(Ask()) == "answer"
    assert session.account == BOB
    assert stage.telegram.count(LogOutRequest) == 1
    assert set(stage.store.contents) == {"s-1"}
    assert len(stage.telegram.open_links()) == 1
    await session.close()


async def test_a_retiring_session_is_logged_out_by_a_worker_that_has_no_job(stage: Stage) -> None:
    stage.store.retire("s-0")
    session = stage.session()
    session.start()
    await eventually(lambda: set(stage.store.contents) == {"s-1"})
    await eventually(lambda: not stage.telegram.open_links())
    assert stage.telegram.count(LogOutRequest) == 1
    assert {sight.holder for sight in await stage.store.survey()} == {None}
    await session.close()


async def test_a_worker_at_rest_gives_its_session_back_to_log_another_one_out(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session_module, "_AT_REST", 0.0)
    monkeypatch.setattr(tenancy_module, "_SURVEY_LEAST", 0.0)
    monkeypatch.setattr(tenancy_module, "_SURVEY_EACH", 0.0)
    session = stage.session()
    await session.call(Ask())
    stage.store.retire("s-1")
    await eventually(lambda: set(stage.store.contents) == {"s-0"})
    assert await session.call(Ask()) == "answer"
    assert session.account == ADA
    assert stage.telegram.count(LogOutRequest) == 1
    await session.close()


async def test_a_session_whose_place_is_gone_is_told_as_lost(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    async def load(_: MemorySessionLease) -> str:
        raise SessionGoneError("there is no Secret s-0")

    monkeypatch.setattr(MemorySessionLease, "load", load)
    session = stage.session()
    with pytest.raises(SessionGoneError):
        await session.call(Ask())
    assert ("s-0", SessionState.LOST, True) in stage.told
    await session.close()


async def test_since_when_somebody_is_logged_in_is_noted_once(stage: Stage) -> None:
    for name in NAMES:
        stage.store.put(name, "", SessionNotes())
    session = stage.session(SessionKind.BOT)
    await session.call(Ask())
    await session.close()
    since = (await stage.notes())["s-0"].logged_in_at
    assert since is not None
    session = stage.session(SessionKind.BOT)
    await session.call(Ask())
    await session.close()
    assert (await stage.notes())["s-0"].logged_in_at == since


async def test_a_login_that_is_made_anew_at_once_is_told_as_lost_and_as_ready_again(stage: Stage) -> None:
    for name in NAMES:
        stage.store.put(name, "", SessionNotes())
    session = stage.session(SessionKind.BOT)
    await session.call(Ask())
    await eventually(lambda: ("s-0", SessionState.READY, True) in stage.told)
    stage.telegram.known_keys.clear()
    stage.telegram.troubles[Ask] = [SessionLostError("revoked")]
    with pytest.raises(SessionLostError):
        await session.call(Ask())
    await session.call(Ask())
    await eventually(lambda: stage.told[-1] == ("s-0", SessionState.READY, True), 3)
    assert ("s-0", SessionState.LOST, True) in stage.told
    await session.close()


def made_impatient(stage: Stage) -> None:
    """Have nobody wait for a session that does not come."""
    acquire = stage.store.acquire
    stage.store.acquire = lambda timeout, fit=lambda _: True: acquire(min(timeout, 0.01), fit)  # type: ignore[method-assign]
