"""An update is on disk before Telegram is told to forget it."""

from typing import Any

import pytest

from support import CURATOR
from teltubby_bot.poller import Poller
from teltubby_bot.reception import InboxWriter
from teltubby_bot.telegram import POLL_LIMIT
from teltubby_core.errors import DatabaseUnavailableError, PermanentError, TransientError
from unit.teltubby_bot.fakes import Failing
from unit.teltubby_bot.stage import Stage
from unit.teltubby_bot.wire import a_payload, an_update, group_chat

LOCKED = DatabaseUnavailableError("database is locked – close that program")


def _poller(stage: Stage, inbox: Any = None) -> Poller:
    writer = InboxWriter(
        stage.telegram, inbox or stage.inbox, allowed=lambda sender: sender == CURATOR, on_stored=stage.note
    )
    return Poller(stage.telegram, writer, timeout_seconds=0)


def _photos(*update_ids: int, **fields: Any) -> list[dict[str, Any]]:
    return [an_update(number, number, **a_payload("photo"), **fields) for number in update_ids]


async def _stored(stage: Stage) -> list[int]:
    return [update.update_id for update in await stage.inbox.pending(1000)]


async def test_an_update_is_stored_before_it_is_confirmed(stage: Stage) -> None:
    poller = _poller(stage)
    stage.telegram.deliver(*_photos(10, 11))
    await poller.step()
    assert await _stored(stage) == [10, 11]
    assert stage.telegram.unconfirmed == [10, 11], "confirmed by the next poll only"
    assert stage.calls == [()]
    await poller.step()
    assert stage.telegram.offsets == [None, 12]
    assert stage.telegram.unconfirmed == []


async def test_while_the_database_is_unavailable_nothing_is_confirmed_and_the_user_is_told_once(stage: Stage) -> None:
    inbox = Failing(stage.inbox, LOCKED)
    inbox.methods = {"store"}
    poller = _poller(stage, inbox)
    stage.telegram.deliver(*_photos(10, 11))
    for _ in range(3):
        with pytest.raises(DatabaseUnavailableError):
            await poller.step()
    assert stage.telegram.offsets == [None, None, None]
    (told,) = stage.telegram.sent
    assert (told.chat_id, told.reply_to) == (CURATOR, 10)
    assert "database is locked" in told.text
    assert "need not send it again" in told.text
    inbox.methods = set()
    await poller.step()
    assert await _stored(stage) == [10, 11]


async def test_a_second_outage_is_told_again(stage: Stage) -> None:
    inbox = Failing(stage.inbox, LOCKED)
    poller = _poller(stage, inbox)
    for number in (1, 2):
        inbox.methods = {"store"}
        stage.telegram.deliver(*_photos(number))
        with pytest.raises(DatabaseUnavailableError):
            await poller.step()
        assert len(stage.telegram.sent) == number
        inbox.methods = set()
        await poller.step()


@pytest.mark.parametrize("fields", [{"sender": 99}, {"chat": group_chat()}])
async def test_strangers_and_groups_are_not_told_of_trouble(stage: Stage, fields: dict[str, Any]) -> None:
    inbox = Failing(stage.inbox, LOCKED)
    inbox.methods = {"store"}
    stage.telegram.deliver(
        an_update(1, **a_payload("photo"), **fields), {"update_id": 2}, {"update_id": 3, "message": {}}
    )
    with pytest.raises(DatabaseUnavailableError):
        await _poller(stage, inbox).step()
    assert stage.telegram.sent == []


@pytest.mark.parametrize("error", [TransientError("net"), PermanentError("blocked")])
async def test_that_the_user_cannot_be_told_hides_nothing(stage: Stage, error: Exception) -> None:
    inbox = Failing(stage.inbox, LOCKED)
    inbox.methods = {"store"}
    stage.telegram.broken["send"] = error
    stage.telegram.deliver(*_photos(1))
    with pytest.raises(DatabaseUnavailableError):
        await _poller(stage, inbox).step()
    assert stage.telegram.unconfirmed == [1]


async def test_it_is_caught_up_when_a_poll_brings_less_than_it_could(stage: Stage) -> None:
    poller = _poller(stage)
    stage.telegram.deliver(*_photos(*range(1, POLL_LIMIT + 2)))
    await poller.step()
    assert not poller.caught_up.is_set()
    await poller.step()
    assert poller.caught_up.is_set()
    assert len(await _stored(stage)) == POLL_LIMIT + 1


async def test_an_empty_telegram_is_caught_up_with_at_once(stage: Stage) -> None:
    poller = _poller(stage)
    await poller.step()
    assert poller.caught_up.is_set()
    assert stage.calls == []


async def test_after_a_quiet_week_lower_numbers_are_not_confirmed_unseen(stage: Stage) -> None:
    poller = _poller(stage)
    stage.telegram.deliver(*_photos(900_000))
    await poller.step()
    await poller.step()
    stage.telegram.deliver(*_photos(5))
    await poller.step()
    assert await _stored(stage) == [5, 900_000]


async def test_the_same_update_twice_is_kept_once(stage: Stage) -> None:
    for _ in range(2):
        stage.telegram.deliver(*_photos(10))
        await _poller(stage).step()
    assert await _stored(stage) == [10]


async def test_a_webhook_that_is_still_set_is_taken_away_before_the_first_poll(stage: Stage) -> None:
    stage.telegram.webhook_url = "https://bot.example.org/secret-path"
    stage.telegram.deliver(*_photos(10))
    poller = _poller(stage)
    with pytest.raises(TransientError):
        await poller.step()
    await poller.open()
    await poller.step()
    assert await _stored(stage) == [10]


async def test_it_tells_why_polls_fail_until_one_succeeds(stage: Stage) -> None:
    poller = _poller(stage)
    stage.telegram.failures["poll"] = [TransientError("api.telegram.org can't be reached")]
    with pytest.raises(TransientError):
        await poller.step()
    assert poller.trouble == "api.telegram.org can't be reached"
    await poller.step()
    assert poller.trouble is None
