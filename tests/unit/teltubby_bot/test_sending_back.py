"""A stored file goes back as Telegram has it, else from the archive, else it is said why not."""

import hashlib
from typing import Any

import pytest

from support import CURATOR
from teltubby_bot.sending_back import MAX_UPLOAD, SendingBack
from teltubby_bot.telegram import ChatClosedError
from teltubby_core.domain.records import ItemRecord, Reply, Stored
from teltubby_core.domain.routing import Route
from teltubby_core.errors import PermanentError, StorageUnavailableError, TransientError
from unit.teltubby_bot.stage import Stage

BODY = b"every byte " * 1000
KEY = "teltubby/2025/03/ada/7/20250301_ada.jpg"
WRONG_ID = PermanentError("Telegram refuses the request: wrong file identifier")


def _sending(stage: Stage) -> SendingBack:
    telegram: Any = stage.telegram
    return SendingBack(telegram, stage.index, stage.store, stage.languages)


async def _item(stage: Stage, sha256: str | None = None, body: bytes = BODY) -> ItemRecord:
    item = await stage.item()
    await stage.store.put(KEY, body, "image/jpeg")
    digest = sha256 or hashlib.sha256(body).hexdigest()
    await stage.index.settle(item.id, Stored(KEY, digest, len(body), Route.BOT_API))
    return item


def _answer(item: ItemRecord) -> Reply:
    return Reply(1, CURATOR, 9, None, "the file", 0, None, None, file=item.id)


async def test_as_telegram_has_it(stage: Stage) -> None:
    item = await _item(stage)
    sent_id = await _sending(stage).send(_answer(item))
    assert stage.telegram.sent_again == [(CURATOR, item.media.file_id)]
    assert (stage.telegram.sent[-1].id, stage.telegram.sent[-1].text) == (sent_id, "the file")
    assert stage.telegram.uploads == []


async def test_from_the_archive_when_telegram_has_it_no_more(stage: Stage) -> None:
    item = await _item(stage)
    stage.telegram.failures["send_again"] = [WRONG_ID]
    await _sending(stage).send(_answer(item))
    assert stage.telegram.uploads == [(CURATOR, KEY.rpartition("/")[2], BODY)]


async def test_what_is_too_large_to_send_is_said_to_be_safe(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("teltubby_bot.sending_back.MAX_UPLOAD", len(BODY) - 1)
    item = await _item(stage)
    stage.telegram.failures["send_again"] = [WRONG_ID]
    await _sending(stage).send(_answer(item))
    assert "too large for a bot to send. It is safe" in stage.telegram.sent[-1].text
    assert stage.telegram.uploads == []
    assert MAX_UPLOAD == 50 * 1024 * 1024


async def test_what_is_nowhere_is_said_to_be_that(stage: Stage) -> None:
    item = await _item(stage)
    await stage.store.delete(KEY)
    stage.telegram.failures["send_again"] = [WRONG_ID]
    await _sending(stage).send(_answer(item))
    assert "not in the archive (any more)" in stage.telegram.sent[-1].text


async def test_bytes_that_changed_in_the_archive_are_not_sent(stage: Stage) -> None:
    item = await _item(stage, sha256="0" * 64)
    stage.telegram.failures["send_again"] = [WRONG_ID]
    await _sending(stage).send(_answer(item))
    assert stage.telegram.uploads == []
    assert "not in the archive as it was stored" in stage.telegram.sent[-1].text


async def test_an_archive_that_is_away_is_said_to_be_that_and_keeps_nobody_waiting(stage: Stage) -> None:
    item = await _item(stage)
    stage.store.fail_with = StorageUnavailableError("connection refused")
    stage.telegram.failures["send_again"] = [WRONG_ID]
    await _sending(stage).send(_answer(item))
    assert "The archive can't be looked at: connection refused" in stage.telegram.sent[-1].text


async def test_what_telegram_does_not_take_is_said_to_be_that(stage: Stage) -> None:
    item = await _item(stage)
    stage.telegram.failures["send_again"] = [WRONG_ID]
    stage.telegram.failures["upload"] = [PermanentError("Telegram refuses the request: odd")]
    await _sending(stage).send(_answer(item))
    assert "Telegram does not take the file: Telegram refuses the request: odd" in stage.telegram.sent[-1].text


@pytest.mark.parametrize("error", [ChatClosedError("blocked"), TransientError("flood", retry_after=3)])
async def test_other_trouble_is_no_reason_to_take_it_from_the_archive(stage: Stage, error: Exception) -> None:
    item = await _item(stage)
    stage.telegram.failures["send_again"] = [error]
    with pytest.raises(type(error)):
        await _sending(stage).send(_answer(item))
    assert stage.telegram.uploads == []
