"""What people do in a chat with the bot, which is a real process beside a simulated Telegram with its limits on."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from integration.harness import MIB, Stage, new_stage
from teltubby_simulator.model import CallbackQuery, Message, User

SLOWLY = 4 * MIB  # bytes a second of a worker


class Talk:
    """A curator, another user on the whitelist who is no admin, and their chats with the bot."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.world = stage.world
        self.bot = stage.cast.bot
        self.ada = stage.cast.curator
        self.bob = stage.add_curator("Bob")
        stage.settings["ADMIN_IDS"] = str(self.ada.id)
        self.world.flood_limits = True

    async def asks(self, text: str, user: User | None = None) -> Message:
        """Send a command; return the bot's answer once it is there."""
        command = self.world.send(user or self.ada, self.bot, text=text)
        await self.stage.until(lambda: self.stage.answer_to(command), what=f"the answer to {text}")
        found = self.stage.answer_to(command)
        assert found is not None
        return found

    async def hears(self, text: str, user: User | None = None) -> str:
        """Send a command; return what the answer says."""
        return (await self.asks(text, user)).text or ""

    def press(self, message: Message, label: str, user: User | None = None) -> CallbackQuery:
        """Press the button whose label begins so."""
        return self.world.press(user or self.ada, message, self.data(message, label))

    def forge(self, user: User, message: Message, data: str) -> CallbackQuery:
        """Let a user's client send any data under a message."""
        return self.world.forge_press(user, message, data)

    def shown(self, query: CallbackQuery) -> str | None:
        """Return what the user was shown after a press; None while it is not answered."""
        answer = self.world.account(self.bot).answers.get(query.id)
        return None if answer is None else str(answer["text"])

    def data(self, message: Message, label: str) -> str:
        """Return the data of a button."""
        buttons = [button for row in message.inline_keyboard for button in row]
        found = [button for button in buttons if str(button["text"]).startswith(label)]
        assert found, f"no {label} under {message.text!r}: {buttons}"
        return str(found[0]["callback_data"])

    def labels(self, message: Message) -> list[str]:
        """Return the labels of a message's buttons."""
        return [str(button["text"]) for row in message.inline_keyboard for button in row]

    async def becomes(self, message: Message, beginning: str) -> str:
        """Wait until a message of the bot begins so; return what it says."""
        await self.stage.until(lambda: (message.text or "").startswith(beginning), what=f"{message.text} → {beginning}")
        return message.text or ""

    async def latest(self, beginning: str, user: User | None = None) -> Message:
        """Wait for a message of the bot that begins so; return the latest."""

        def found() -> Message | None:
            said = [each for each in self.stage.answers(user) if (each.text or "").startswith(beginning)]
            return said[-1] if said else None

        await self.stage.until(found, what=beginning)
        message = found()
        assert message is not None
        return message

    async def large_file(self, seed: str, user: User | None = None, size: int = 60 * MIB) -> Message:
        """Send a file that becomes a job; return the bot's reply once it shows progress."""
        self.world.faults.mtproto.account_bandwidth = SLOWLY
        sent = self.world.send(user or self.ada, self.bot, media=self.stage.document(seed, size))
        await self.stage.until(lambda: "▰" in self.stage.said_to(sent), what="progress")
        reply = self.stage.answer_to(sent)
        assert reply is not None
        return reply

    async def small_file(self, caption: str, user: User | None = None, name: str = "file.bin") -> Message:
        """Send a file and wait until it is archived."""
        sent = self.world.send(
            user or self.ada, self.bot, media=self.stage.document(caption, 5000, name), caption=caption
        )
        await self.stage.until_ended(sent)
        return sent

    def at_full_speed(self) -> None:
        """Let the worker go on as fast as it can."""
        self.world.faults.mtproto.account_bandwidth = None

    def floods(self) -> list[str]:
        """Return the calls that Telegram refused for coming too soon."""
        return [str(entry) for entry in self.world.journal.entries() if entry.outcome.startswith("429")]


@asynccontextmanager
async def new_talk(folder: Path, **settings: str) -> AsyncIterator[Talk]:
    """Start the bot, let the talk go on, and end it; the bot must not have flooded anybody."""
    async with new_stage(folder) as stage:
        talk = Talk(stage)
        stage.settings.update(settings)
        await stage.start()
        yield talk
        assert talk.floods() == []
        async with asyncio.timeout(40):
            assert await stage.stop() == 0
