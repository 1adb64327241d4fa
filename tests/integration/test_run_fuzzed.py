"""Two thousand updates as no sane Telegram sends them, through the real bot, worker, database and folder."""

import asyncio
import hashlib
import json
import random
import re
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeGuard

import pytest
from aiohttp import web

from teltubby_bot.archiver import ArchiverOptions
from teltubby_bot.botapi import BotApi, parse_press, parse_update
from teltubby_bot.ownership import Ownership
from teltubby_bot.replier import Pace
from teltubby_bot.service import Bot, BotOptions, Ports
from teltubby_core.adapters.local_control import LocalControl
from teltubby_core.adapters.local_folder import LocalFolderStore
from teltubby_core.adapters.sqlite.database import Database
from teltubby_core.adapters.sqlite.dead_letters import SqliteDeadLetters
from teltubby_core.adapters.sqlite.events import SqliteEvents
from teltubby_core.adapters.sqlite.inbox import SqliteInbox
from teltubby_core.adapters.sqlite.index import SqliteIndex
from teltubby_core.adapters.sqlite.queue import SqliteJobQueue
from teltubby_core.clock import SystemClock
from teltubby_core.documents import check
from teltubby_core.domain.albums import AlbumWindow
from teltubby_core.domain.jobs import JobMessage
from teltubby_core.domain.routing import Limits
from teltubby_core.testing import MemorySource
from teltubby_worker.consumer import Worker

SEED, UPDATES = 4, 2000
TOKEN = "123456:AAE" + "x" * 32
CURATORS = (42, 2**40 + 1, 2**52 - 1)
GONE = "gone"  # in a file_id: Telegram does not have it any more
UNIX = 1_740_832_200

ODD: list[Any] = [
    None, True, -1, 0, 7, 2**31, 2**53, 2**63 - 1, 2**64, -(2**63), 1.5, 1e300,
    "", " ", "x", "0", "\x00", "\r\n", "é" * 400,
    "\ud83d", "\ud83d\ude00", "\u202egpj.exe", "A" * 5000, [], [None], [[]], {}, {"a": {"b": []}}, [{"type": "bold"}],
]  # fmt: skip
NAMES = [
    "../../etc/passwd", "..\\..\\boot.ini", "/etc/passwd", "C:\\x.doc", ".htaccess", "..", ".", "a/b/c.txt", "CON",
    "x.tar.gz", "noextension", "Отчёт.pdf", "报告.docx",
    "name." + "e" * 300, "\x00.jpg", "a\nb.png", " .mp3", "mtproto",
    "message.json", "%2e%2e%2f.txt", "🎉🎉.gif", "ＡＢＣ．ＰＤＦ", "-rf *", "$(touch x).sh", "a" * 1000 + ".zip",
]  # fmt: skip
KINDS = ["photo", "video", "document", "audio", "voice", "video_note", "animation", "sticker", "hologram", "paid_media"]
OTHERS = ["text", "location", "contact", "dice", "poll", "story", "game", "invoice", "of_the_future", "pinned_message"]
NOT_ITS_OWN = {"reply_to_message", "pinned_message"}
SIZES = [None, 0, 1, -5, 10**6, 15 * 1024**2, 25 * 1024**2, 5 * 1024**3, 2**63, "7"]


class Fuzz:
    """Makes updates, the same for the same seed."""

    def __init__(self, seed: int) -> None:
        self._rng = random.Random(seed)
        self._sent: list[dict[str, Any]] = []
        self._message_ids = iter(range(1, 10**6))

    def updates(self, count: int) -> list[dict[str, Any]]:
        return [self._update(number) for number in range(1, count + 1)]

    def _update(self, number: int) -> dict[str, Any]:
        rng = self._rng
        if self._sent and rng.random() < 0.1:
            body = json.loads(json.dumps(rng.choice(self._sent)))
            body |= {"edit_date": UNIX + number, "caption": rng.choice(["new words", None, *ODD])}
            if rng.random() < 0.3:
                body |= self._payload(rng.choice(KINDS), number)
            return {"update_id": number, "edited_message": self._spoilt(body)}
        body = self._message(number)
        self._sent.append(body)
        return {"update_id": number, "message": self._spoilt(body) if rng.random() < 0.7 else body}

    def _message(self, number: int) -> dict[str, Any]:
        rng, user = self._rng, self._rng.choice(CURATORS)
        body: dict[str, Any] = {
            "message_id": next(self._message_ids),
            "date": rng.choice([UNIX, UNIX + number, 0, 4_000_000_000]),
            "from": {"id": user, "is_bot": False, "first_name": rng.choice(NAMES), "username": f"user{user}"},
            "chat": {"id": user, "type": "private", "first_name": "Ada"},
        }
        if rng.random() < 0.2:
            body[rng.choice(OTHERS)] = rng.choice(
                [*ODD, "hello", {"id": 1}, {"message_id": 3, **self._payload("photo", 0)}]
            )
        else:
            body |= self._payload(rng.choice(KINDS), number)
            body["caption"] = rng.choice([None, *NAMES, *filter(lambda odd: isinstance(odd, str), ODD)])
        if rng.random() < 0.2:
            body["media_group_id"] = str(number // 5)
        if rng.random() < 0.3:
            person, chat = {"id": 2**50, "first_name": rng.choice(NAMES)}, {"id": -(10**12), "title": rng.choice(NAMES)}
            body["forward_origin"] = {
                "type": rng.choice(["user", "hidden_user", "chat", "channel", "moon"]),
                "date": UNIX,
                rng.choice(["sender_user", "sender_user_name", "x"]): rng.choice([person, rng.choice(NAMES)]),
                rng.choice(["chat", "sender_chat", "y"]): rng.choice([chat, None]),
            }
        return body

    def _payload(self, kind: str, number: int) -> dict[str, Any]:
        rng = self._rng
        name = f"{rng.choice(['f', 'f', 'f', 'f', GONE])}-{number if rng.random() < 0.8 else rng.randrange(1, 9)}"
        file = {
            "file_id": name,
            "file_unique_id": f"u-{name}",
            "file_size": rng.choice(SIZES),
            "file_name": rng.choice(NAMES),
            "mime_type": rng.choice(["video/mp4", "x/y", "text/html\r\nx: y", None, "application/x-../../y"]),
            "width": rng.choice([1, 0, -3, 10**12]),
        }
        if kind == "photo":
            return {"photo": [{**file, "file_id": f"s{name}", "file_unique_id": f"us-{name}", "width": 0}, file]}
        if kind == "paid_media":
            return {
                "paid_media": {"star_count": 1, "paid_media": [{"type": "video", "video": file}, {"type": "preview"}]}
            }
        return {"animation": file, "document": file} if kind == "animation" else {kind: file}

    def _spoilt(self, body: dict[str, Any]) -> dict[str, Any]:
        """Change or drop some fields, wherever they are."""
        spoilt: dict[str, Any] = json.loads(json.dumps(body))
        for _ in range(self._rng.randint(1, 3)):
            holder, key = self._rng.choice(list(_places(spoilt)))
            if self._rng.random() < 0.4 and isinstance(holder, dict):
                del holder[key]
            else:
                holder[key] = deepcopy(self._rng.choice(ODD))
        return spoilt


def _places(node: Any) -> list[tuple[Any, Any]]:
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    return [place for key, value in list(items) for place in [(node, key), *_places(value)]]


def usable(update: dict[str, Any]) -> tuple[int, int, list[str]] | None:
    """Judge independently of the product: chat, message and file ids of a message whose files can be fetched."""
    message = update.get("message")
    if not isinstance(message, dict):
        return None
    chat, sender, message_id = message.get("chat"), message.get("from"), message.get("message_id")
    if not isinstance(chat, dict) or not isinstance(sender, dict) or chat.get("type") != "private":
        return None
    chat_id = chat.get("id")
    if not _is_id(chat_id) or not _is_id(message_id) or message_id < 1 or sender.get("id") not in CURATORS:
        return None
    files = [name for key, value in message.items() if key not in NOT_ITS_OWN for name in _file_ids(key, value)]
    return (chat_id, message_id, files) if files else None


def _is_id(value: Any) -> TypeGuard[int]:
    return type(value) is int and abs(value) < 2**63


def _file_ids(key: str, value: Any) -> list[str]:
    if key == "paid_media":
        parts = value.get("paid_media") if isinstance(value, dict) else None
        parts = [part for part in parts if isinstance(part, dict)] if isinstance(parts, list) else []
        return [name for part in parts for name in _file_ids("video", part.get("video"))]
    if key in {"from", "chat", "game", "forward_origin"}:
        return []
    found = value if isinstance(value, list) else [value]
    names = [each.get("file_id") for each in found if isinstance(each, dict)]
    # Half of a surrogate pair can't be kept as it is.
    return [
        name.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        for name in names
        if name and isinstance(name, str)
    ]


def content_of(file_id: str) -> bytes:
    return hashlib.sha512(file_id.encode("utf-16", "surrogatepass")).digest() * (len(file_id) % 7)


@dataclass
class ScriptedBotApi:
    """A Bot API that has these updates and every file; it counts what it is told."""

    updates: list[dict[str, Any]]
    sent: int = 0
    paths: dict[str, str] = field(default_factory=dict)

    async def serve(self, request: web.Request) -> web.Response:
        """Answer a method, or a download."""
        if request.path.startswith("/file/"):
            return web.Response(body=content_of(self.paths[request.path.rpartition("/")[2]]))
        method, given = request.path.rpartition("/")[2], {**request.query, **await request.post()}
        if method == "getUpdates" and not self._waiting(given):
            await asyncio.sleep(0.2)  # a long poll
        answer = getattr(self, f"_{method}")(given)
        if isinstance(answer, str):
            return web.json_response({"ok": False, "error_code": 400, "description": answer}, status=400)
        # json.dumps keeps halves of surrogate pairs as escapes, as they were sent
        return web.json_response(text=json.dumps({"ok": True, "result": answer}))

    def _getMe(self, _: Any) -> dict[str, Any]:  # noqa: N802
        return {"id": 123456, "is_bot": True, "first_name": "B", "username": "b"}

    def _getWebhookInfo(self, _: Any) -> dict[str, Any]:  # noqa: N802
        return {"url": "", "has_custom_certificate": False, "pending_update_count": len(self.updates)}

    def _getUpdates(self, given: Any) -> list[dict[str, Any]]:  # noqa: N802
        self.updates = self._waiting(given)
        return self.updates[:100]

    def _waiting(self, given: Any) -> list[dict[str, Any]]:
        offset = int(given.get("offset", 0))
        return [update for update in self.updates if update["update_id"] >= offset]

    def _sendMessage(self, _: Any) -> dict[str, Any]:  # noqa: N802
        self.sent += 1
        return {"message_id": 10**6 + self.sent}

    def _editMessageText(self, _: Any) -> bool:  # noqa: N802
        return True

    def _getFile(self, given: Any) -> dict[str, Any] | str:  # noqa: N802
        file_id = str(given["file_id"])
        if GONE in file_id:
            return "Bad Request: wrong file_id"
        path = hashlib.sha256(file_id.encode()).hexdigest()
        self.paths[path] = file_id
        return {"file_id": file_id, "file_path": path, "file_size": len(content_of(file_id))}


class WorkersTelegram:
    """What a worker fetches: the same files."""

    def source(self, job: JobMessage) -> MemorySource:
        content = content_of(job.file_info.file_id)
        return MemorySource(content, told=len(content))

    def start(self) -> None:
        return

    async def close(self) -> None:
        return


@asynccontextmanager
async def running(folder: Path, api: ScriptedBotApi) -> AsyncIterator[None]:
    """Run bot and worker on the real adapters, below ``folder``."""
    app = web.Application(client_max_size=10**8)
    app.router.add_route("*", "/{path:.*}", api.serve)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    database, clock, stop = Database(folder / "data/teltubby.db"), SystemClock(), asyncio.Event()
    await database.open()
    index, store = SqliteIndex(database), LocalFolderStore(folder / "archive")
    queue, events, control = SqliteJobQueue(database, clock, "fuzz"), SqliteEvents(database), LocalControl()
    owner = Ownership(store, index, 123456, "ARCHIVE_DIR")
    options = BotOptions(
        frozenset(CURATORS),
        AlbumWindow(0.05, 0.5),
        ArchiverOptions(Limits(), concurrency=8, dedup=True, stall_timeout=10),
        poll_seconds=1,
        pace=Pace(0.0, 0.0, 0.0),
    )
    async with BotApi(TOKEN, f"http://127.0.0.1:{runner.addresses[0][1]}", io_timeout=10) as telegram:
        inbox = SqliteInbox(database, 123456, clock)
        dead_letters = SqliteDeadLetters(database)
        ports = Ports(
            telegram,
            parse_update,
            parse_press,
            inbox,
            index,
            queue,
            events,
            control,
            dead_letters,
            store,
            owner,
            clock,
            secret=TOKEN,
        )
        worker = Worker(
            queue,
            events,
            control,
            store,
            WorkersTelegram(),
            clock,
            "fuzz",
            ensure_bucket=owner.ensure,
            stall_timeout=10,
            max_file_bytes=4 * 1024**3,
            concurrency=4,
        )
        tasks = [asyncio.create_task(Bot(ports, options).run(stop)), asyncio.create_task(worker.run(stop))]
        try:
            yield
            assert not any(task.done() for task in tasks), "nothing ended by itself"
        finally:
            stop.set()
            await asyncio.wait_for(asyncio.gather(*tasks), 30)
            await database.close()
            await runner.cleanup()


def rows(folder: Path, query: str) -> list[tuple[Any, ...]]:
    with sqlite3.connect(f"file:{folder / 'data/teltubby.db'}?mode=ro", uri=True) as database:
        found = database.execute(query).fetchall()
    database.close()
    return found


OPEN_WORK = {
    "updates": "SELECT update_id, last_error FROM inbox WHERE state IN ('new', 'taken')",
    "items": "SELECT update_id, state, last_error FROM items WHERE state IN ('pending', 'queued')",
    "messages": "SELECT id FROM messages WHERE documented < revision OR closes_at IS NOT NULL",
    "deletes": "SELECT key FROM pending_deletes",
    "replies": "SELECT id, sent_text FROM replies WHERE state = 'open'",
}


def open_work(folder: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Return what is not at its end yet, a few rows of each."""
    return {name: found for name, query in OPEN_WORK.items() if (found := rows(folder, f"{query} LIMIT 3"))}


async def until_all_is_done(folder: Path, api: ScriptedBotApi, limit: float) -> None:
    deadline = asyncio.get_running_loop().time() + limit
    while api.updates or open_work(folder):
        assert asyncio.get_running_loop().time() < deadline, (len(api.updates), open_work(folder))
        await asyncio.sleep(0.2)  # between two looks


async def test_two_thousand_odd_updates(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    updates = Fuzz(SEED).updates(UPDATES)
    api = ScriptedBotApi(list(updates))
    async with running(tmp_path, api):
        await until_all_is_done(tmp_path, api, limit=90)
    assert_nothing_unexpected(caplog)
    assert_only_the_archive_is_written(tmp_path)
    documented = documented_files(tmp_path / "archive")
    parked = {update_id for (update_id,) in rows(tmp_path, "SELECT update_id FROM inbox WHERE state = 'parked'")}
    expected = [(update["update_id"], found) for update in updates if (found := usable(update))]
    assert len(expected) > UPDATES // 3, "most of the fuzz must not be refused at the door"
    assert parked, "and some can't be read at all"
    seen = set()
    for update_id, (chat_id, message_id, file_ids) in expected:
        assert update_id not in parked, f"{updates[update_id - 1]} has a usable file"
        if (chat_id, message_id) in seen:  # a changed id made it the same message once more
            continue
        seen.add((chat_id, message_id))
        stored = [name for name in file_ids if (chat_id, message_id, name) in documented]
        assert stored, f"{updates[update_id - 1]} has no message.json"
    outcomes = dict(rows(tmp_path, "SELECT state, COUNT(*) FROM items GROUP BY state"))
    assert set(outcomes) == {"stored", "duplicate", "skipped", "failed"}
    assert min(outcomes.values()) > 10, outcomes


def assert_nothing_unexpected(caplog: pytest.LogCaptureFixture) -> None:
    assert "nexpected" not in caplog.text
    assert TOKEN not in caplog.text


def assert_only_the_archive_is_written(folder: Path) -> None:
    assert {path.name for path in folder.iterdir()} == {"archive", "data"}
    assert {path.name for path in (folder / "data").iterdir()} <= {
        f"teltubby.db{end}" for end in ("", "-wal", "-shm", ".lock")
    }
    assert {path.name for path in (folder / "archive").iterdir()} == {".parts", "teltubby"}
    assert list((folder / "archive/.parts").iterdir()) == []
    for path in (folder / "archive/teltubby").rglob("*"):
        assert not path.is_symlink()
        assert re.fullmatch(r"[a-z0-9_-][a-z0-9._-]{0,119}", path.name), path


def documented_files(archive: Path) -> set[tuple[int, int, str]]:
    """Hold every document against its schema and the bytes it names; return (chat, message, file) of each item."""
    found = set()
    for path in archive.rglob("message.json"):
        document = json.loads(path.read_text("utf-8"))
        check("message.schema.json", document)
        chat_id = document["telegram"]["chat_id"]
        for item in document["telegram"]["items"]:
            key = item["s3_key"] or item["duplicate_of"]
            if key and item["dedup_reason"] != "file_unique_id":  # which is Telegram's word, and here it lies
                assert (archive / key).read_bytes() == content_of(item["file_id"]), key
            assert key or item["skipped_reason"]
            found.add((chat_id, item["message_id"], item["file_id"]))
    objects = [path for path in archive.rglob("*") if path.is_file() and path.suffix != ".json"]
    assert len(objects) == len({path.read_bytes() for path in objects}), "equal bytes once"
    return found
