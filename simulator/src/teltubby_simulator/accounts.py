"""What Telegram keeps for one bot: its updates, its message ids, who started and who blocked it."""

import random
import re
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from teltubby_simulator.model import CallbackQuery, Message, User
from teltubby_simulator.updates import UpdateQueue

TOKEN = re.compile(r"\d+:[A-Za-z0-9_-]{35}")
_TOKEN_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"  # noqa: S105

_REMEMBERED = 1000  # chat actions, and answers to presses


@dataclass
class Webhook:
    """Where updates are sent instead of being fetched, and how that went."""

    url: str
    secret_token: str = ""
    max_connections: int = 40
    ip_address: str = ""
    has_certificate: bool = False
    last_error_date: int = 0  # Unix seconds; 0: none yet
    last_error_message: str = ""


@dataclass
class BotAccount:
    """A bot's side of the world. ``messages`` holds its private chats and basic groups, which share one id sequence."""

    user: User
    updates: UpdateQueue
    messages: dict[int, Message] = field(default_factory=dict)
    last_message_id: int = 0
    started_by: set[int] = field(default_factory=set)  # ids of users who wrote to the bot
    blocked_by: set[int] = field(default_factory=set)  # ids of users
    sees_all_group_messages: bool = False  # False is Telegram's default, "privacy mode"
    webhook: Webhook | None = None
    poll: object | None = None  # the getUpdates call under way; a newer one takes its place
    commands: dict[str, list[dict[str, str]]] = field(default_factory=dict)  # by scope and language
    chat_actions: deque[tuple[float, int, str]] = field(default_factory=lambda: deque(maxlen=_REMEMBERED))
    """(Unix time, chat id, action), the latest ones."""
    presses: dict[int, CallbackQuery] = field(default_factory=dict)  # those not answered yet, by query id
    answers: dict[int, dict[str, object]] = field(default_factory=dict)  # to presses: what the user was shown

    def next_message_id(self) -> int:
        self.last_message_id += 1
        return self.last_message_id

    def answer(self, query_id: int, answer: dict[str, object]) -> None:
        """Remember what a user was shown; the oldest such are forgotten."""
        self.answers[query_id] = answer
        while len(self.answers) > _REMEMBERED:
            del self.answers[next(iter(self.answers))]

    def may_see_in_group(self, message: Message) -> bool:
        """Tell whether Telegram shows the bot a group message: privacy mode hides what is not meant for it."""
        if self.sees_all_group_messages:
            return True
        text = message.text or message.caption or ""
        username = self.user.username or ""
        return text.startswith("/") or f"@{username}".lower() in text.lower()


def new_bot_account(
    user_id: int, name: str, username: str, token: str | None, rng: random.Random, clock: Callable[[], float]
) -> BotAccount:
    """Return a fresh account.

    Raises:
        ValueError: the token has not Telegram's shape, or the username does not end in "bot".
    """
    if not username.lower().endswith("bot"):
        raise ValueError("a bot's username ends in bot")
    if token is None:
        token = f"{user_id}:AA{''.join(rng.choices(_TOKEN_ALPHABET, k=33))}"
    if not TOKEN.fullmatch(token):
        raise ValueError("a token is <bot id>:<35 letters, digits, _ or ->")
    user = User(
        id=int(token.partition(":")[0]),
        first_name=name,
        username=username,
        language_code=None,
        is_bot=True,
        hash_seed=rng.randint(-(2**63), 2**63 - 1),
        token=token,
    )
    return BotAccount(user, UpdateQueue(clock, rng))
