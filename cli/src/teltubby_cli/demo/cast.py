"""The Telegram of the demo: who lives in it, and the files they send."""

import time
from dataclasses import dataclass, field
from pathlib import Path

from teltubby_cli.demo import media
from teltubby_simulator.content import BytesContent, Content, SeededContent, sha256_of
from teltubby_simulator.model import ForwardOrigin, Media, Message, User
from teltubby_simulator.server import TelegramSimulator
from teltubby_simulator.world import World

MIB = 1024 * 1024
API_ID, API_HASH = 12345, "0123456789abcdef0123456789abcdef"


@dataclass
class Cast:
    """A bot, a curator on its whitelist, a stranger who is not, and what the curator sent."""

    world: World
    bot: User
    curator: User
    stranger: User
    sent: list[Message] = field(default_factory=list)
    sees_transfers: bool = True
    """Whether the world's journal tells what is being downloaded."""

    def sends(self, file: Media, caption: str | None = None, origin: ForwardOrigin | None = None) -> Message:
        """Let the curator send one file."""
        message = self.world.send(self.curator, self.bot, media=file, caption=caption, forward_origin=origin)
        self.sent.append(message)
        return message

    def sends_album(self, items: list[tuple[Media, str | None]]) -> list[Message]:
        """Let the curator send an album."""
        messages = self.world.send_album(self.curator, self.bot, items)
        self.sent += messages
        return messages

    @property
    def stranger_was_answered(self) -> bool:
        """Whether the bot has said anything to who is not on its whitelist."""
        return any(each.sender is self.bot for each in self.world.chat_with(self.stranger.id, self.bot.id))


def new_cast() -> Cast:
    """Populate a world."""
    world = World(seed=time.time_ns())
    bot = world.add_bot("Teltubby", "teltubby_demo_bot", api_id=API_ID, api_hash=API_HASH)
    curator = world.add_user("Ada", "Lovelace", "ada")
    return Cast(world, bot, curator, world.add_user("Mallory", username="mallory"))


def settings_of_run(simulator: TelegramSimulator, cast: Cast, folder: Path) -> dict[str, str]:
    """Return the environment of a ``teltubby run`` that speaks to ``simulator`` and keeps everything in ``folder``."""
    key_file = folder / "simulator.pem"
    key_file.write_text(simulator.mtproto_public_key)
    host, port = simulator.mtproto_address
    return {
        "TELEGRAM_BOT_TOKEN": cast.bot.token or "",
        "TELEGRAM_WHITELIST_IDS": str(cast.curator.id),
        "TELEGRAM_API_URL": simulator.bot_api_url,
        "MTPROTO_API_ID": str(API_ID),
        "MTPROTO_API_HASH": API_HASH,
        "MTPROTO_SERVER": f"{host}:{port}",
        "MTPROTO_DC_ID": str(simulator.mtproto_dc_id),
        "MTPROTO_PUBLIC_KEY_FILE": str(key_file),
        "ARCHIVE_DIR": str(folder / "archive"),
        "SQLITE_PATH": str(folder / "data" / "teltubby.db"),
        "HEALTH_PORT": "0",
        "PYTHONUTF8": "1",
    }


@dataclass(frozen=True)
class Files:
    """What is sent, each really encoded."""

    photo: Media
    video: Media
    voice: Media
    music: Media
    paper: Media
    large_videos: tuple[Media, ...]
    album: tuple[Media, ...]
    forwarded: Media


def make_files(world: World, large_mb: int, large_count: int = 1, mark: bytes = b"") -> Files:
    """Encode the files. A large video is seeded bytes behind a real header: no memory, no disk.

    ``mark`` ends each of them, where players don't look: with another one they are other files.
    """
    header = media.mp4(0.4)
    large = [SeededContent(f"demo {large_mb} {n} {mark.hex()}", large_mb * MIB, header) for n in range(large_count)]

    def content(encoded: bytes) -> BytesContent:
        return BytesContent(encoded + mark)

    def photo(hue: int) -> Media:
        sizes = [("s", 90, 60), ("m", 320, 213), ("y", 1280, 853)]
        return world.files.make_photo([(name, w, h, content(media.jpeg(w, h, hue))) for name, w, h in sizes])

    return Files(
        photo=photo(20),
        video=_video(world, content(media.mp4(1.5)), "ball.mp4", 2),
        voice=world.files.make_media("voice", content(media.ogg_voice(2)), mime_type="audio/ogg", duration=2),
        music=world.files.make_media(
            "audio",
            content(media.mp3(3)),
            mime_type="audio/mpeg",
            file_name="étude.mp3",
            duration=3,
            performer="Clara",
            title="Étude",
        ),
        paper=world.files.make_media(
            "document", content(media.pdf(3)), mime_type="application/pdf", file_name="Minutes 2026.pdf"
        ),
        large_videos=tuple(_video(world, each, f"expedition-{n}.mp4", 1800) for n, each in enumerate(large, 1)),
        album=(photo(90), _video(world, content(media.mp4(1.0)), "waves.mp4", 1), photo(150)),
        forwarded=photo(200),
    )


def _video(world: World, content: Content, name: str, seconds: int) -> Media:
    return world.files.make_media(
        "video", content, mime_type="video/mp4", file_name=name, width=320, height=180, duration=seconds
    )


def digest(message: Message) -> str:
    """Return the sha256 of what a message carries."""
    assert message.media is not None, "the curator's messages carry files"
    return sha256_of(message.media.file.content)
