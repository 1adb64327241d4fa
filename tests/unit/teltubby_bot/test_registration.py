"""In webhook mode Telegram knows our address, and the bot knows how Telegram gets on with it."""

import logging
from typing import Any

import pytest

from teltubby_bot import registration
from teltubby_bot.registration import CONNECTIONS, WebhookReception
from teltubby_bot.webhook import WebhookOptions
from teltubby_core.errors import ConfigurationError, PermanentError, TransientError
from unit.teltubby_bot.stage import Stage
from unit.teltubby_bot.wire import a_payload, an_update

OURS = WebhookOptions("https://bot.example.org/telegram", "s3cret-S3CRET_s3cret")
SET = (OURS.url, OURS.secret, CONNECTIONS)


class Listening:
    """A receiver that only notes whether it listens, and what Telegram knew when it began."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self.registered = False
        self.listens = False
        self.known_before: list[Any] | None = None

    async def open(self) -> None:
        self.listens = True
        self.known_before = list(self._stage.telegram.webhooks)

    async def close(self) -> None:
        self.listens = False


@pytest.fixture
def receiver(stage: Stage) -> Listening:
    return Listening(stage)


@pytest.fixture
def reception(stage: Stage, receiver: Any) -> WebhookReception:
    return WebhookReception(stage.telegram, receiver, stage.clock, OURS)


def _waits(stage: Stage, *update_ids: int) -> None:
    stage.telegram.deliver(*(an_update(number, **a_payload("photo")) for number in update_ids))


def _fails(stage: Stage, sentence: str, at: int) -> None:
    stage.telegram.last_error, stage.telegram.last_error_at = sentence, at


async def test_it_listens_before_telegram_is_told_where(
    stage: Stage, receiver: Listening, reception: WebhookReception
) -> None:
    await reception.open()
    assert receiver.known_before == []
    assert receiver.listens
    assert receiver.registered
    assert stage.telegram.webhooks == [SET]


async def test_fifty_updates_a_second_fit_at_200_ms_each() -> None:
    assert CONNECTIONS / 0.2 >= 50


async def test_an_address_that_telegram_refuses_ends_the_start(stage: Stage, reception: WebhookReception) -> None:
    stage.telegram.failures["set_webhook"] = [PermanentError("Telegram refuses the request: bad webhook: x")]
    with pytest.raises(ConfigurationError, match="WEBHOOK_URL: Telegram refuses the request: bad webhook: x"):
        await reception.open()


@pytest.mark.parametrize("method", ["set_webhook", "webhook"])
async def test_a_telegram_that_is_away_at_the_start_is_asked_again(
    stage: Stage, receiver: Listening, reception: WebhookReception, method: str
) -> None:
    stage.telegram.failures[method] = [TransientError("net")]
    with pytest.raises(TransientError):
        await reception.open()
    await reception.open()
    assert stage.telegram.webhooks[-1] == SET
    assert receiver.registered


async def test_at_the_end_the_webhook_stays_set(stage: Stage, receiver: Listening, reception: WebhookReception) -> None:
    await reception.open()
    await reception.close()
    assert not receiver.listens
    assert stage.telegram.webhook_url == OURS.url


async def test_albums_need_not_wait_when_nothing_waits_at_telegram(stage: Stage, reception: WebhookReception) -> None:
    await reception.open()
    assert reception.caught_up.is_set()


async def test_albums_wait_until_what_waited_at_telegram_has_come(stage: Stage, reception: WebhookReception) -> None:
    _waits(stage, 1, 2)
    await reception.open()
    assert await reception.step() == 1.0
    stage.telegram.delivered(1)
    await reception.step()
    assert not reception.caught_up.is_set()
    stage.telegram.delivered(2)
    assert await reception.step() > 60
    assert reception.caught_up.is_set()


@pytest.mark.parametrize("away", [False, True], ids=["it can't deliver", "it can't be asked either"])
async def test_a_telegram_that_cannot_deliver_does_not_hold_albums_for_ever(
    stage: Stage, reception: WebhookReception, caplog: pytest.LogCaptureFixture, away: bool
) -> None:
    _waits(stage, 1)
    await reception.open()
    if away:
        stage.telegram.broken["webhook"] = TransientError("net")
    stage.clock.advance(registration._LONGEST_CATCHING_UP)
    if away:
        with pytest.raises(TransientError):
            await reception.step()
    else:
        await reception.step()
    assert reception.caught_up.is_set()
    assert "albums close all the same" in caplog.text


@pytest.mark.parametrize("url", ["", "https://elsewhere.example.org/secret-path"])
async def test_a_webhook_that_somebody_changed_is_set_again(
    stage: Stage, reception: WebhookReception, caplog: pytest.LogCaptureFixture, url: str
) -> None:
    await reception.open()
    stage.telegram.webhook_url = url
    await reception.step()
    assert stage.telegram.webhooks == [SET, SET]
    assert stage.telegram.webhook_url == OURS.url
    assert "somebody set it to" in caplog.text
    assert "secret-path" not in caplog.text
    await reception.step()
    assert len(stage.telegram.webhooks) == 2


async def test_another_secret_that_somebody_set_is_replaced_by_ours(stage: Stage, reception: WebhookReception) -> None:
    await reception.open()
    _waits(stage, 1)
    _fails(stage, "Wrong response from the webhook: 401 Unauthorized", at=100)
    await reception.step()
    assert stage.telegram.webhooks == [SET, SET]
    await reception.step()
    assert len(stage.telegram.webhooks) == 2, "the same error is no news"


async def test_why_telegram_cannot_deliver_is_told_until_it_can(
    stage: Stage, reception: WebhookReception, caplog: pytest.LogCaptureFixture
) -> None:
    await reception.open()
    _waits(stage, 1)
    _fails(stage, "Connection refused", at=100)
    assert await reception.step() == 15.0
    assert reception.trouble == "Telegram can't deliver: Connection refused – nothing listens at WEBHOOK_URL"
    assert "nothing listens at WEBHOOK_URL; 1 updates wait" in caplog.text
    await reception.step()
    assert reception.trouble, "no news, and it still waits"
    stage.telegram.delivered(1)
    assert await reception.step() == 120.0
    assert reception.trouble is None


async def test_an_error_of_the_time_before_is_no_news(
    stage: Stage, reception: WebhookReception, caplog: pytest.LogCaptureFixture
) -> None:
    _fails(stage, "Connection refused", at=100)
    _waits(stage, 1)
    await reception.open()
    await reception.step()
    assert reception.trouble is None
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


async def test_a_busy_webhook_is_not_called_troubled_for_an_error_long_ago(
    stage: Stage, reception: WebhookReception
) -> None:
    await reception.open()
    _waits(stage, 1)
    _fails(stage, "Read timeout expired", at=100)
    await reception.step()
    assert reception.trouble
    stage.clock.advance(registration._TROUBLE_LASTS + 1)
    await reception.step()
    assert reception.trouble is None
