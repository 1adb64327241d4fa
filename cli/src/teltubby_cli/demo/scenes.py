"""The play: what the curator and a stranger send, the same whatever the bot runs on."""

import asyncio
import time

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TransferSpeedColumn

from teltubby_cli.demo.cast import Cast, Files
from teltubby_cli.demo.chat import PATIENCE, Chat
from teltubby_simulator.model import Message, OriginChannel


class Scenes:
    """All scenes, in order."""

    def __init__(self, console: Console, cast: Cast, chat: Chat, files: Files) -> None:
        self._console = console
        self._cast = cast
        self._chat = chat
        self._files = files

    async def play(self) -> None:
        """Play them.

        Raises:
            TimeoutError: an answer did not come.
            ChildProcessError: who should answer has ended.
        """
        await self._command("/start", "Send or forward")
        await self._small_files()
        await self._albums_and_forwards()
        self._chat.say(f"\n[magenta]Mallory[/], a stranger, sends a photo: [dim]{await self._stranger()}[/]")
        await self._large()
        await self._command("/status", "Up for")

    async def _small_files(self) -> None:
        cast, files = self._cast, self._files
        await self._scene("a photo", cast.sends(files.photo, "Sunrise over the hills"))
        await self._scene(
            "a video, a voice message and music, at once",
            cast.sends(files.video),
            cast.sends(files.voice),
            cast.sends(files.music, "Étude № 3 – слушай"),
        )
        await self._scene("a PDF", cast.sends(files.paper, "Minutes"))

    async def _albums_and_forwards(self) -> None:
        cast, files = self._cast, self._files
        captions = ["Our summer", None, None]
        await self._scene("an album of mixed kinds", *cast.sends_album(list(zip(files.album, captions, strict=True))))
        channel = cast.world.add_chat("channel", "Nature Daily", "naturedaily")
        origin = OriginChannel(channel, 42, int(time.time()) - 86400)
        await self._scene("a forward from a channel", cast.sends(files.forwarded, "Look at that", origin))
        await self._scene("the PDF once more", cast.sends(files.paper))

    async def _command(self, command: str, answer: str) -> None:
        self._chat.ada(command)
        sent = self._cast.world.send(self._cast.curator, self._cast.bot, text=command)
        await self._chat.answered([sent], ends=(answer,))

    async def _scene(self, what: str, *messages: Message) -> None:
        self._chat.ada(what)
        await self._chat.answered(list(messages))

    async def _stranger(self) -> str:
        world, cast = self._cast.world, self._cast
        world.send(cast.stranger, cast.bot, media=self._files.photo)
        await world.changed.wait_for(lambda: not world.account(cast.bot).updates.pending(), PATIENCE)
        return "THE BOT ANSWERED." if cast.stranger_was_answered else "the bot keeps silent."

    async def _large(self) -> None:
        videos = self._files.large_videos
        messages = [self._cast.sends(video, "The whole expedition") for video in videos]
        total = sum(video.file.content.size for video in videos)
        self._chat.ada(_announced(len(videos), videos[0].file.content.size // (1024 * 1024)))
        columns = (BarColumn(40), DownloadColumn(binary_units=True), TransferSpeedColumn())
        with Progress(*columns, console=self._console) as progress:
            task = progress.add_task("", total=total if self._cast.sees_transfers else None)
            ended = asyncio.ensure_future(self._chat.answered(messages))
            while not ended.done():
                await asyncio.wait([ended], timeout=0.1)
                progress.update(task, completed=min(self._served(), total))
            await ended

    def _served(self) -> int:
        """Return the bytes that the MTProto door has handed out."""
        calls = self._cast.world.journal.entries("upload.getFile")
        return sum(int(str(call.params.get("limit", 0))) for call in calls if call.outcome == "ok")


def _announced(count: int, megabytes: int) -> str:
    if count == 1:
        return f"a video of {megabytes} MB: too large for the Bot API, so a worker streams it over MTProto"
    return (
        f"{count} videos of {megabytes} MB each, at once: too large for the Bot API, so {count} workers stream them"
        " over MTProto"
    )
