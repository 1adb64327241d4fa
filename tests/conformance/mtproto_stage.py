"""A simulated Telegram, and the two unrelated MTProto libraries that are asked what they make of it.

Everything goes through what the libraries offer in public. Each is told of the simulator as its documentation says:
Telethon by ``session.set_dc`` and ``crypto.rsa.add_key``; kurigram by a storage of one's own, which is what its
``storage_engine`` is for, and its table of public keys.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyrogram
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from pyrogram import Client as KurigramClient
from pyrogram.crypto import rsa as kurigram_rsa
from pyrogram.storage import SQLiteStorage
from telethon import TelegramClient, crypto, errors
from telethon.sessions import MemorySession
from telethon.tl import types

from teltubby_simulator.content import SeededContent
from teltubby_simulator.model import Chat, Media, Message, User
from teltubby_simulator.mtproto import MtprotoServer
from teltubby_simulator.world import World

# Kurigram's own type information does not hold under mypy --strict.
raw: Any = pyrogram.raw
kurigram_errors: Any = pyrogram.errors
kurigram_types: Any = pyrogram.types

API_ID, API_HASH = 12345, "0123456789abcdef0123456789abcdef"
HOME, AWAY = 2, 4  # data centres
KIB, MIB = 1 << 10, 1 << 20


class Clock:
    """Real time, and what the test adds to it."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead


@dataclass
class Stage:
    """A running server, its world, a bot and a person who writes to it."""

    world: World
    server: MtprotoServer
    clock: Clock
    bot: User
    person: User

    def send(self, media: Media | None = None, chat: User | Chat | None = None, **draft: Any) -> Message:
        return self.world.send(chat or self.person, self.bot, media=media, **draft)

    def send_document(self, size: int, *, dc_id: int = HOME, **fields: Any) -> Message:
        content = SeededContent(f"document of {size}", size)
        return self.send(self.world.make_media("document", content, dc_id=dc_id, **fields))

    def outcomes(self, method: str) -> list[str]:
        return [entry.outcome for entry in self.world.journal.entries(method, door="mtproto")]

    def places(self, method: str) -> list[tuple[object, object]]:
        """Return data centre and "media only" of each call."""
        entries = self.world.journal.entries(method, door="mtproto")
        return [(entry.via["dc_id"], entry.via["media"]) for entry in entries]

    # Telethon

    @asynccontextmanager
    async def telethon(
        self,
        *,
        session: Any = None,
        login: bool = True,
        token: str | None = None,
        dc_id: int = HOME,
        media: bool = False,
        **options: Any,
    ) -> AsyncIterator[Any]:
        """Connect, log the bot in if asked to, and disconnect at the end."""
        session = MemorySession() if session is None else session
        session.set_dc(dc_id, "127.0.0.1", self.server.port_of(dc_id, media=media))
        client = TelegramClient(session, **self._telethon_options(options))
        try:
            await client.connect()
            if login:
                await client.sign_in(bot_token=token or self.bot.token)
            yield client
        finally:
            await client.disconnect()

    @asynccontextmanager
    async def logged_in(self, user: User, *, password: str | None = None, **options: Any) -> AsyncIterator[Any]:
        """Connect, log a person in by a code, and by the password where there is one; disconnect at the end."""
        async with self.telethon(login=False, **options) as client:
            code = await self.code_for(client, user)
            try:
                await client.sign_in(user.phone, code)
            except errors.SessionPasswordNeededError:
                await client.sign_in(password=password)
            yield client

    async def code_for(self, client: Any, user: User) -> str:
        """Let a client ask for a code, and return what the user gets."""
        await client.send_code_request(user.phone)
        return self.world.codes_sent_to(user)[-1]

    @staticmethod
    def _telethon_options(options: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "api_id": API_ID,
            "api_hash": API_HASH,
            "receive_updates": False,
            "flood_sleep_threshold": 0,
            "retry_delay": 0,
        } | dict(options)

    # Kurigram

    @asynccontextmanager
    async def kurigram(self, *, login: bool = True, token: str | None = None, **options: Any) -> AsyncIterator[Any]:
        """Start a client as the bot, or only connect it, and stop it at the end."""
        given: dict[str, Any] = {"api_id": API_ID, "api_hash": API_HASH, "no_updates": True, "sleep_threshold": 0}
        storage = _Storage("127.0.0.1", self.server.port_of(HOME))
        bot_token = token or self.bot.token if login else None
        client = KurigramClient("kurigram", bot_token=bot_token, storage_engine=storage, **(given | options))
        try:
            await (client.start() if login else client.connect())
            yield client
        finally:
            for session in client.sessions.values():  # kurigram itself leaves those to other data centres open
                await session.stop()
            if client.is_initialized:
                await client.stop()
            elif client.is_connected:
                await client.disconnect()


class _Storage(SQLiteStorage):
    """Kurigram's own storage in memory, which puts the simulator where a new session would go to Telegram."""

    _TELEGRAM = ("149.154.167.51", 443)  # where kurigram sends every new session first

    def __init__(self, host: str, port: int) -> None:
        super().__init__("kurigram", Path(), in_memory=True)
        self._instead: dict[Any, Any] = dict(zip(self._TELEGRAM, (host, port), strict=True))

    async def server_address(self, value: Any = object) -> Any:
        return await super().server_address(self._instead.get(value, value))

    async def port(self, value: Any = object) -> Any:
        return await super().port(self._instead.get(value, value))


@asynccontextmanager
async def running() -> AsyncIterator[Stage]:
    """Start a simulator that both libraries know of."""
    clock = Clock()
    world = World(clock)
    bot = world.add_bot("Archivist", "archivist_bot")
    person = world.add_user("Ada", "Lovelace", "ada")
    world.send(person, bot, text="/start")
    server = MtprotoServer(world)
    await server.start()
    introduce(server)
    try:
        yield Stage(world, server, clock, bot, person)
    finally:
        await server.stop()
        await asyncio.sleep(0.01)  # clients close their sockets a turn of the loop later
        TelegramClient._config = None  # class-level: it would name this test's server to the next one


def introduce(server: MtprotoServer) -> None:
    """Tell both libraries the server's public key."""
    crypto.rsa.add_key(server.public_key_pem, old=False)
    key = load_pem_public_key(server.public_key_pem.encode())
    assert isinstance(key, RSAPublicKey)
    numbers = key.public_numbers()
    known = kurigram_rsa.PublicKey(numbers.n, numbers.e)
    kurigram_rsa.server_public_keys[server.public_key_fingerprint] = known


def document_at(message: Any, **changes: Any) -> types.InputDocumentFileLocation:
    """Return the location of a Telethon message's document."""
    document = message.document
    fields = {
        "id": document.id,
        "access_hash": document.access_hash,
        "file_reference": document.file_reference,
        "thumb_size": "",
    }
    return types.InputDocumentFileLocation(**(fields | changes))
