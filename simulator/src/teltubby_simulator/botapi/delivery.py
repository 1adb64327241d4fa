"""Sending updates to webhooks: one after the other in each lane, lanes side by side, again until they are taken.

Source of the rules: tdlib/telegram-bot-api, WebhookActor.cpp: the second try follows at once, then the pauses double
up to a minute; whatever the webhook answers with a 2xx counts as taken; its body may be a call of a method.
"""

import asyncio
import errno
import json
import logging
import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import aiohttp

from teltubby_simulator.accounts import BotAccount, Webhook
from teltubby_simulator.botapi.params import Params, params_of_answer
from teltubby_simulator.botapi.serialise import MessageView
from teltubby_simulator.model import User
from teltubby_simulator.updates import RETENTION, Update
from teltubby_simulator.world import World

_log = logging.getLogger(__name__)
_LONGEST_PAUSE = 60.0  # seconds
_LONGEST_WISH = 3600  # seconds that a webhook may ask for by Retry-After
_LARGEST_ANSWER = 64 * 1024  # bytes that are looked at
_NOT_BY_ANSWER = ("deletewebhook", "setwebhook", "close", "logout", "get")  # beginnings of methods

Run = Callable[[User, str, Params], Awaitable[object]]


@dataclass(frozen=True)
class _Failure:
    sentence: str
    retry_after: int = 0  # seconds; 0: the webhook did not say


class Deliveries:
    """The tasks that send, one for each bot that has a webhook."""

    def __init__(self, world: World, view: Callable[[User], MessageView], run: Run) -> None:
        self._world = world
        self._view = view
        self._run = run
        self._tasks: dict[int, asyncio.Task[None]] = {}

    def follow(self, account: BotAccount) -> None:
        """Send to the webhook that the account has now; what was under way to another one is broken off."""
        running = self._tasks.pop(account.user.id, None)
        if running is not None:
            running.cancel()
        if account.webhook is not None:
            courier = _Courier(self._world, account, account.webhook, self._view(account.user), self._run)
            self._tasks[account.user.id] = asyncio.create_task(courier.work(), name=f"webhook of {account.user.id}")

    def close(self) -> None:
        """Stop sending; connections are closed as the event loop goes on."""
        for task in self._tasks.values():
            task.cancel()
        self._tasks.clear()


class _Courier:
    """Sends one bot's updates to one webhook."""

    def __init__(self, world: World, account: BotAccount, webhook: Webhook, view: MessageView, run: Run) -> None:
        self._world = world
        self._account = account
        self._webhook = webhook
        self._view = view
        self._run = run
        self._busy: set[tuple[str, int]] = set()
        self._connections = asyncio.Semaphore(webhook.max_connections)

    async def work(self) -> None:
        timeout = aiohttp.ClientTimeout(total=self._world.webhook_timeout)
        try:
            async with aiohttp.ClientSession(timeout=timeout) as session, asyncio.TaskGroup() as group:
                while True:
                    for update in await self._world.changed.wait_for(self._ready):
                        self._busy.add(update.lane)
                        group.create_task(self._deliver(session, update))
        except Exception:  # noqa: BLE001 - the edge of this loop: the door goes on without it
            _log.exception("sending updates of bot %s to its webhook ends", self._account.user.id)

    def _ready(self) -> list[Update]:
        """Return the first update of each lane that nothing is sent of, no more than are looked at in advance."""
        first: dict[tuple[str, int], Update] = {}
        for update in self._account.updates.pending():
            first.setdefault(update.lane, update)
        waiting = [update for lane, update in first.items() if lane not in self._busy]
        return waiting[: 2 * self._webhook.max_connections - len(self._busy)]

    async def _deliver(self, session: aiohttp.ClientSession, update: Update) -> None:
        tries = 0
        try:
            while update in self._account.updates.pending():
                async with self._connections:
                    failure = await self._try(session, update)
                if failure is None:
                    self._account.updates.remove(update)
                    return
                self._webhook.last_error_date = int(self._world.telegram_time())
                self._webhook.last_error_message = failure.sentence
                self._world.changed.notify()
                pause = self._pause(failure, tries)
                if self._world.clock() + pause > update.created + RETENTION:
                    self._account.updates.remove(update)
                tries += 1
                await asyncio.sleep(pause)
        finally:
            self._busy.discard(update.lane)
            self._world.changed.notify()

    def _pause(self, failure: _Failure, tries: int) -> float:
        if failure.retry_after:
            return min(failure.retry_after, _LONGEST_WISH)
        return min(self._world.webhook_pause * 2**tries, _LONGEST_PAUSE) if tries else 0.0

    async def _try(self, session: aiohttp.ClientSession, update: Update) -> _Failure | None:
        if not self._world.allow_plain_webhooks:
            return _Failure("Connection timed out")  # a simulator's Telegram reaches nobody on the internet
        headers = {"Content-Type": "application/json"}
        if self._webhook.secret_token:
            headers["X-Telegram-Bot-Api-Secret-Token"] = self._webhook.secret_token
        await asyncio.sleep(self._world.faults.bot_api.latency)
        body = json.dumps(self._view.update(update), ensure_ascii=False).encode()
        try:
            async with session.post(self._webhook.url, data=body, headers=headers, allow_redirects=False) as answer:
                return await self._judge(answer)
        except TimeoutError:
            return _Failure("Read timeout expired")
        except aiohttp.ClientConnectorError as error:
            return _Failure(os.strerror(error.os_error.errno or errno.ECONNREFUSED))
        except (aiohttp.ClientError, OSError):
            return _Failure("Webhook connection closed")

    async def _judge(self, answer: aiohttp.ClientResponse) -> _Failure | None:
        if not 200 <= answer.status <= 299:
            asked = answer.headers.get("Retry-After", "")
            wish = int(asked) if asked.isascii() and asked.isdecimal() else 0
            return _Failure(f"Wrong response from the webhook: {answer.status} {answer.reason}", wish)
        params = params_of_answer(answer.content_type, await answer.content.read(_LARGEST_ANSWER))
        method = params.text("method") or ""
        if method and not method.lower().startswith(_NOT_BY_ANSWER):
            await self._run(self._account.user, method, params)
        return None
