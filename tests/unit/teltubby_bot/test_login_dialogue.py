"""A person logs in in the chat: what they are asked, what becomes of what they send, and where the login ends up."""

import asyncio

import pytest

from support import CURATOR, eventually
from teltubby_bot.catalogue import say
from teltubby_bot.login_dialogue import AskedAgainError, Given, Limits, LoginDialogue, LoginFailedError
from teltubby_core.domain import keyring
from teltubby_core.domain.keyring import DataCentre, Keyring
from teltubby_core.domain.sessions import SessionKind, SessionNotes, SessionState
from teltubby_core.errors import InfrastructureError, TeltubbyError, TransientError, UserError
from teltubby_core.testing import MemorySessionStore
from unit.teltubby_bot.fakes import FakeTelegram

CHANNEL, PHONE, CODE, PASSWORD = -1001234567890, "+491701234567", "48213", "correct horse"
KEY = bytes(256)
NAMES = ("s-0", "s-1")


class FakeAccount:
    """A login at Telegram.

    Attributes:
        password: the account's 2FA password, None when it has none.
        scans: what becomes of each picture, in order.
        failures: errors to raise next, by method.
        done: what was asked of it.
        exit: cleared, closing does not end before it is set.
        logged_out: how often it was, to the end.
    """

    def __init__(self) -> None:
        self.password: str | None = None
        self.scans: list[bool | None] = [True]
        self.member = True
        self.failures: dict[str, list[TeltubbyError]] = {}
        self.done: list[str] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.exit = asyncio.Event()
        self.exit.set()
        self.logged_out = 0

    async def ask_code(self, phone: str) -> None:
        await self._do(f"ask_code {phone}")

    async def give_code(self, code: str) -> bool:
        await self._do("give_code")
        if code != CODE:
            raise AskedAgainError("this is not the code")
        return self.password is None

    async def give_password(self, password: str) -> None:
        await self._do("give_password")
        if password != self.password:
            raise AskedAgainError("this is not the password")

    async def qr(self) -> str:
        await self._do("qr")
        return "tg://login?token=abc"

    async def scanned(self) -> bool | None:
        await self._do("scanned")
        return self.scans.pop(0)

    async def sees(self, channel_id: int) -> bool:
        await self._do("sees")
        assert channel_id == CHANNEL
        return self.member

    def keyring(self) -> Keyring:
        return Keyring(DataCentre(4, "dc4", 443), KEY, account=1001)

    async def close(self, *, log_out: bool) -> None:
        self.done.append("log out" if log_out else "close")
        await self.exit.wait()
        self.logged_out += log_out

    async def _do(self, what: str) -> None:
        self.done.append(what)
        method = what.partition(" ")[0]
        if self.failures.get(method):
            raise self.failures[method].pop(0)
        await self.gate.wait()


class Booth:
    """The dialogue, and what is around it."""

    def __init__(self, limits: Limits | None = None) -> None:
        self.telegram = FakeTelegram()
        self.store = MemorySessionStore(NAMES)
        self.account = FakeAccount()
        self.dialogue = LoginDialogue(
            self.store,
            self.telegram,
            lambda: self.account,
            lambda link: link.encode(),
            CHANNEL,
            limits or Limits(slot=0.05),
        )

    async def hears(self, text: str) -> None:
        await eventually(lambda: text in "\n".join(self.telegram.shown(CURATOR)))

    async def ends(self) -> str:
        await eventually(lambda: self.dialogue.chat_id is None)
        await eventually(lambda: self.telegram.sent and self.telegram.sent[-1].text.startswith(("✅", "❌", "⌛")))
        return self.telegram.sent[-1].text

    def give_code(self, text: str = "4-8-2-1-3") -> None:
        self.dialogue.give(CURATOR, Given(text, is_code=True))

    def give_password(self, text: str = PASSWORD) -> None:
        self.dialogue.give(CURATOR, Given(text, is_code=False))

    async def states(self) -> list[SessionState]:
        return [sight.notes.state for sight in await self.store.survey()]


@pytest.fixture
async def booth() -> Booth:
    return Booth()


async def test_a_code_logs_in_and_the_login_lies_in_a_slot_for_workers(booth: Booth) -> None:
    booth.dialogue.begin(CURATOR, PHONE)
    await booth.hears(say("login-code-sent"))
    booth.give_code()
    assert (await booth.ends()).startswith("✅")
    kept = keyring.read(booth.store.contents["s-0"])
    assert kept is not None
    assert (kept.account, kept.home.dc_id, kept.key) == (1001, 4, KEY)
    (sight, _) = await booth.store.survey()
    assert (sight.notes.state, sight.notes.kind, sight.notes.dc_id) == (SessionState.READY, SessionKind.USER, 4)
    assert sight.holder is None
    assert booth.account.done == [f"ask_code {PHONE}", "give_code", "sees", "close"]


async def test_with_a_two_step_password_that_is_asked_for(booth: Booth) -> None:
    booth.account.password = PASSWORD
    booth.dialogue.begin(CURATOR, PHONE)
    booth.give_code()
    await booth.hears(say("login-password-wanted"))
    booth.give_password("wrong")
    await booth.hears("this is not the password")
    booth.give_password()
    assert (await booth.ends()).startswith("✅")
    assert set(booth.store.contents) == {"s-0"}


async def test_a_wrong_code_may_be_followed_by_the_right_one(booth: Booth) -> None:
    booth.dialogue.begin(CURATOR, PHONE)
    booth.give_code("1 1 1 1 1")
    await booth.hears("this is not the code")
    booth.give_code("4.8.2.1.3")
    assert (await booth.ends()).startswith("✅")


async def test_for_a_code_that_telegram_has_blocked_another_one_is_asked_for(booth: Booth) -> None:
    booth.dialogue.begin(CURATOR, PHONE)
    booth.give_code(CODE)
    await booth.hears(say("login-code-blocked"))
    assert booth.account.done == [f"ask_code {PHONE}"] * 2
    booth.give_code()
    assert (await booth.ends()).startswith("✅")


async def test_a_picture_logs_in_and_does_not_stay(booth: Booth) -> None:
    booth.account.scans = [None, None, True]
    booth.dialogue.begin(CURATOR, None)
    assert (await booth.ends()).startswith("✅")
    assert booth.telegram.photos == [(CURATOR, b"tg://login?token=abc")] * 3
    assert [chat for chat, _ in booth.telegram.deleted] == [CURATOR] * 3


async def test_after_a_picture_the_password_may_be_needed_too(booth: Booth) -> None:
    booth.account.scans, booth.account.password = [False], PASSWORD
    booth.dialogue.begin(CURATOR, None)
    await booth.hears(say("login-password-wanted"))
    booth.give_password()
    assert (await booth.ends()).startswith("✅")


async def test_pictures_that_nobody_scans_come_to_an_end() -> None:
    booth = Booth(Limits(qr=0.0, slot=0.05))
    booth.dialogue.begin(CURATOR, None)
    assert say("login-not-scanned") in await booth.ends()
    assert booth.store.contents == {}


async def test_an_account_that_is_not_in_the_channel_is_told_so_and_kept(booth: Booth) -> None:
    booth.account.member = False
    booth.dialogue.begin(CURATOR, PHONE)
    booth.give_code()
    told = await booth.ends()
    assert str(CHANNEL) in told
    assert "RELAY_CHANNEL_ID" in told
    assert set(booth.store.contents) == {"s-0"}


@pytest.mark.parametrize("method", ["ask_code", "give_code", "give_password", "sees"])
@pytest.mark.parametrize("error", [LoginFailedError("Telegram has banned this number"), TransientError("broken")])
async def test_what_fails_is_told_logged_out_and_leaves_the_slot_free(
    booth: Booth, method: str, error: TeltubbyError
) -> None:
    booth.account.password = PASSWORD
    booth.account.failures[method] = [error]
    booth.dialogue.begin(CURATOR, PHONE)
    booth.give_code()
    booth.give_password()
    assert str(error) in await booth.ends()
    assert booth.account.done[-1] == "log out"
    assert booth.store.contents == {}
    assert len({(await booth.store.acquire(0)).name for _ in NAMES}) == 2


async def test_a_login_that_can_not_be_kept_is_logged_out(booth: Booth) -> None:
    booth.dialogue.begin(CURATOR, PHONE)
    await booth.hears(say("login-code-sent"))
    booth.store.fail_with = InfrastructureError("Secret s-0 can't be written")
    booth.give_code()
    assert "can't be written" in await booth.ends()
    assert booth.account.done[-1] == "log out"


async def test_without_a_free_slot_nothing_is_asked_of_telegram(booth: Booth) -> None:
    for name in NAMES:
        booth.store.put(name, "login", SessionNotes(state=SessionState.READY))
    booth.dialogue.begin(CURATOR, PHONE)
    told = await booth.ends()
    assert "every session has a login already" in told
    assert "s-0, s-1" in told
    assert booth.account.done == []


async def test_a_lost_session_is_a_free_slot(booth: Booth) -> None:
    booth.store.put("s-0", "login", SessionNotes(state=SessionState.READY))
    booth.store.put("s-1", "", SessionNotes(state=SessionState.LOST, reason="revoked"))
    booth.dialogue.begin(CURATOR, PHONE)
    booth.give_code()
    assert "s-1" in await booth.ends()
    assert await booth.states() == [SessionState.READY, SessionState.READY]


async def test_one_at_a_time(booth: Booth) -> None:
    booth.dialogue.begin(CURATOR, PHONE)
    with pytest.raises(UserError, match="logging in already"):
        booth.dialogue.begin(CURATOR, None)
    with pytest.raises(UserError, match="Somebody else"):
        booth.dialogue.begin(CURATOR + 1, PHONE)
    with pytest.raises(UserError, match="Nobody is logging in"):
        booth.dialogue.give(CURATOR + 1, Given("4-8-2-1-3", is_code=True))
    await booth.dialogue.stop()


async def test_it_can_be_given_up_without_waiting_and_begun_again(booth: Booth) -> None:
    assert not booth.dialogue.give_up(CURATOR)
    booth.dialogue.begin(CURATOR, PHONE)
    await booth.hears(say("login-code-sent"))
    assert not booth.dialogue.give_up(CURATOR + 1)
    booth.account.exit.clear()
    assert booth.dialogue.give_up(CURATOR)
    await eventually(lambda: booth.account.done[-1] == "log out")
    with pytest.raises(UserError, match="coming to its end"):
        booth.dialogue.begin(CURATOR, PHONE)
    assert not booth.dialogue.give_up(CURATOR), "another one would break off the logging out"
    booth.account.exit.set()
    await eventually(lambda: booth.dialogue.chat_id is None)
    assert booth.account.logged_out == 1
    booth.dialogue.begin(CURATOR, PHONE)
    booth.give_code()
    assert (await booth.ends()).startswith("✅")


async def test_who_logs_in_is_told_when_the_bot_stops(booth: Booth) -> None:
    await booth.dialogue.stop()
    booth.dialogue.begin(CURATOR, PHONE)
    await booth.hears(say("login-code-sent"))
    await booth.dialogue.stop()
    assert booth.telegram.sent[-1].text == say("login-stopping")
    assert booth.account.logged_out == 1
    assert [sight.holder for sight in await booth.store.survey()] == [None, None]


async def test_a_stop_does_not_break_off_the_logging_out(booth: Booth) -> None:
    booth.dialogue.begin(CURATOR, PHONE)
    await booth.hears(say("login-code-sent"))
    booth.account.exit.clear()
    booth.dialogue.give_up(CURATOR)
    await eventually(lambda: booth.account.done[-1] == "log out")
    stopping = asyncio.create_task(booth.dialogue.stop())
    await asyncio.wait([stopping], timeout=0.05)
    booth.account.exit.set()
    await stopping
    assert booth.account.logged_out == 1


async def test_a_login_that_is_through_is_kept_by_a_stop(booth: Booth) -> None:
    booth.account.exit.clear()
    booth.dialogue.begin(CURATOR, PHONE)
    booth.give_code()
    await eventually(lambda: booth.account.done[-1:] == ["close"])
    assert not booth.dialogue.give_up(CURATOR)
    stopping = asyncio.create_task(booth.dialogue.stop())
    await asyncio.wait([stopping], timeout=0.05)
    booth.account.exit.set()
    await stopping
    assert await booth.states() == [SessionState.READY, SessionState.EMPTY]
    assert booth.account.logged_out == 0


async def test_slots_that_can_not_be_looked_at_are_not_called_full(booth: Booth) -> None:
    booth.store.fail_with = TransientError("the API server does not answer")
    booth.dialogue.begin(CURATOR, PHONE)
    assert "the API server does not answer" in await booth.ends()


async def test_a_free_slot_in_other_hands_is_no_full_one(booth: Booth) -> None:
    for _ in NAMES:
        await booth.store.acquire(0)
    booth.dialogue.begin(CURATOR, PHONE)
    assert say("login-slot-taken") in await booth.ends()


def test_what_was_given_does_not_show() -> None:
    assert CODE not in repr(Given(CODE, is_code=True))


async def test_it_does_not_last_for_ever() -> None:
    booth = Booth(Limits(dialogue=0.05, slot=0.01))
    booth.dialogue.begin(CURATOR, PHONE)
    assert await booth.ends() == say("login-took-too-long")
    assert booth.account.done[-1] == "log out"


async def test_what_is_sent_at_the_wrong_time_is_answered(booth: Booth) -> None:
    booth.account.password = PASSWORD
    booth.dialogue.begin(CURATOR, PHONE)
    booth.give_password()
    await booth.hears(say("login-code-first"))
    booth.give_code()
    booth.give_code()
    await eventually(lambda: booth.telegram.shown(CURATOR).count(say("login-password-wanted")) == 2)
    booth.give_password()
    assert (await booth.ends()).startswith("✅")


async def test_no_secret_is_logged(booth: Booth, caplog: pytest.LogCaptureFixture) -> None:
    booth.account.password = PASSWORD
    booth.dialogue.begin(CURATOR, PHONE)
    booth.give_code()
    booth.give_password()
    await booth.ends()
    for secret in (PHONE, PHONE.strip("+"), CODE, "4-8-2-1-3", PASSWORD):
        assert secret not in caplog.text
        assert secret not in "\n".join(booth.telegram.shown(CURATOR))
