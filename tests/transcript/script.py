"""A day's use: what a curator and another user do in their chats, played with the real bot and a simulated Telegram."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from conversations.talk import Talk, new_talk
from integration.harness import MIB
from teltubby_cli.demo import media
from teltubby_simulator.content import BytesContent
from teltubby_simulator.model import Media, Message, OriginChannel
from transcript.page import Chapter

GIB = 1024 * MIB


async def play(folder: Path, note: Callable[[str], None]) -> list[Chapter]:
    """Play the day; return it in chapters, one a column of the page. ``note`` hears what is being played."""
    async with new_talk(folder, MAX_FILE_GB="1", WORKER_NAME="worker-1") as talk:
        day = Day(talk)
        for chapter in (day.files, day.large_files, day.finding, day.looking_after, day.in_german):
            note(chapter.__name__.replace("_", " "))
            await chapter()
        return day.chapters


class Day:
    """The scenes, in order."""

    def __init__(self, talk: Talk) -> None:
        self.talk = talk
        self.chapters: list[Chapter] = []
        self._shown: set[int] = set()

    async def files(self) -> None:
        """Files of all kinds, and what is none."""
        talk = self.talk
        await talk.hears("/start")
        holiday = await self._sends(self._photo(20), "Holiday in Köln")
        await self._sends(self._file("video", media.mp4(1.0), "waves.mp4", "video/mp4"))
        await self._pause()
        album = talk.world.send_album(talk.ada, talk.bot, [(self._photo(90), "Garden"), (self._photo(120), None)])
        await talk.stage.until_ended(*album)
        await self._sends(holiday.media, "The same photo once more")
        origin = OriginChannel(
            talk.world.add_chat("channel", "Nature Daily", "naturedaily"), 42, int(talk.world.telegram_time())
        )
        await self._sends(self._photo(200), "Look at that", origin)
        await self._pause()
        await self._sends(talk.stage.document("huge", 3 * GIB // 2, "backup.tar"))
        await talk.hears("Thank you!")
        self._chapter("Files, albums, forwards", "Each message has one answer that is kept up to date.")

    async def large_files(self) -> None:
        """Large files: seen, stopped, brought back."""
        talk = self.talk
        await self._pause()
        film = await talk.large_file("film", size=120 * MIB)
        await talk.hears("/queue")
        await talk.stage.until(lambda: sum("▰" in text for _, text in film.edits) >= 2, what="progress")
        talk.press(film, "🔎")
        await talk.latest("📋 Job ")
        talk.press(film, "🛑")
        question = await talk.latest("Job ")
        talk.press(question, "🛑 Yes")
        await talk.becomes(film, "🛑 Cancelled")
        talk.at_full_speed()
        talk.press(film, "🔁")
        await talk.becomes(film, "✅ Archived")
        await talk.hears("/jobs")
        self._chapter("Large files", "A worker streams them, with progress, buttons and commands.")

    async def finding(self) -> None:
        """Finding files again."""
        talk = self.talk
        await self._pause()
        found = await talk.asks("/find köln")
        talk.press(found, "📄")
        await talk.stage.until(lambda: any(each.media for each in talk.stage.answers()), what="the file")
        await talk.hears("/find Gaden")
        await talk.hears("/last")
        await talk.hears("/get 2")
        self._chapter("Finding again", "Any part of a word will do; one wrong letter does no harm.")

    async def looking_after(self) -> None:
        """What admins see to."""
        talk = self.talk
        await self._pause()
        for command in ("/status", "/quota", "/mode", "/db_maint", "/mtstatus", "/mtcode", "/mtpass"):
            await talk.hears(command)
        gone = talk.world.send(talk.ada, talk.bot, media=talk.stage.document("gone", 21 * MIB, "gone.mp4"))
        talk.world.delete(gone)
        await talk.latest("☠️ Job ")
        dead = await talk.asks("/queue dead")
        short = talk.labels(dead)[0].split()[-1]
        await talk.hears("/queue all")
        await talk.hears(f"/cancel {short}")
        await talk.hears(f"/retry {short}")
        await talk.stage.until(lambda: talk.stage.log().count("job.failed") >= 2, what="the second failure")
        question = await talk.asks("/purge")
        with suppress(AssertionError):
            talk.press(question, "🗑")
            await talk.becomes(question, "🗑 ")
        self._chapter("Looking after it", "For admins: how things stand, dead letters, the database, the logins.")

    async def in_german(self) -> None:
        """Somebody else, in another language."""
        talk = self.talk
        talk.bob.language_code = "de"
        await talk.hears("/help", talk.bob)
        await self._sends_as_bob(self._photo(300), "Geburtstag bei Oma")
        await talk.hears("/find gebutstag", talk.bob)
        await talk.hears("/purge", talk.bob)
        language = await talk.asks("/language", talk.bob)
        talk.press(language, "English", talk.bob)
        await talk.becomes(language, "From now on")
        self._chapter("In another language", "As each user's app speaks, or as chosen.", talk.bob.id)

    # what the scenes are made of

    async def _sends(
        self, file: Media | None, caption: str | None = None, origin: OriginChannel | None = None
    ) -> Message:
        talk = self.talk
        sent = talk.world.send(talk.ada, talk.bot, media=file, caption=caption, forward_origin=origin)
        await talk.stage.until_ended(sent)
        return sent

    async def _sends_as_bob(self, file: Media, caption: str) -> None:
        talk = self.talk
        sent = talk.world.send(talk.bob, talk.bot, media=file, caption=caption)
        await talk.stage.until(lambda: talk.stage.said_to(sent).startswith("✅"), what="the answer")

    async def _pause(self) -> None:
        """Let ten seconds pass since the last message, so that the next one has a reply of its own."""
        world, loop_start = self.talk.world, self.talk.world.clock()
        await self.talk.stage.until(lambda: world.clock() > loop_start + 10.5, what="a pause")

    def _photo(self, hue: int) -> Media:
        sizes = [("s", 90, 60), ("y", 1280, 853)]
        return self.talk.world.make_photo([(name, w, h, BytesContent(media.jpeg(w, h, hue))) for name, w, h in sizes])

    def _file(self, kind: str, body: bytes, name: str, mime_type: str) -> Media:
        return self.talk.world.make_media(kind, BytesContent(body), file_name=name, mime_type=mime_type)  # type: ignore[arg-type]

    def _chapter(self, title: str, what: str, user_id: int | None = None) -> None:
        """Put what is new in a chat into a chapter."""
        chat = self.talk.world.chat_with(user_id or self.talk.ada.id, self.talk.bot.id)
        new = [message for message in chat if message.id not in self._shown]
        self._shown |= {message.id for message in new}
        self.chapters.append(Chapter.of(title, what, new, chat, self.talk.bot))
