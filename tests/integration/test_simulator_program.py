"""``teltubby-simulator`` and ``teltubby run`` as two programs, played over HTTP alone, as docs/simulator.md shows."""

import asyncio
import base64
import json
import signal
import sys
from pathlib import Path

import httpx

PATIENCE = 60.0  # seconds


async def said(http: httpx.AsyncClient, bot: int, ada: int, wanted: str) -> str:
    """Read the chat until the bot's latest message has these words."""
    async with asyncio.timeout(PATIENCE):
        while True:
            chat = (await http.get(f"/bots/{bot}/chats/{ada}/messages", params={"at_least": 2, "timeout": 5})).json()
            text = str(chat[-1].get("text") or "")
            if wanted in text:
                return text


async def end(process: asyncio.subprocess.Process) -> int:
    process.send_signal(signal.SIGTERM)
    return await asyncio.wait_for(process.wait(), 30)


async def test_two_programs_and_a_photo(tmp_path: Path):
    key_file = tmp_path / "key.pem"
    simulator = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "teltubby_simulator", "--public-key-file", str(key_file)),
        stdout=asyncio.subprocess.PIPE,
    )
    assert simulator.stdout is not None
    addresses = json.loads(await asyncio.wait_for(simulator.stdout.readline(), 30))
    bot = addresses["bot_id"]
    async with httpx.AsyncClient(base_url=addresses["control_url"], timeout=30) as http:
        ada = (await http.post("/users", json={"first_name": "Ada", "username": "ada"})).json()["id"]
        run = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "teltubby_cli", "run"),
            cwd=tmp_path,
            env={
                "TELEGRAM_BOT_TOKEN": addresses["bot_token"],
                "TELEGRAM_WHITELIST_IDS": str(ada),
                "TELEGRAM_API_URL": addresses["bot_api_url"],
                "MTPROTO_API_ID": str(addresses["api_id"]),
                "MTPROTO_API_HASH": addresses["api_hash"],
                "MTPROTO_SERVER": f"{addresses['mtproto_host']}:{addresses['mtproto_port']}",
                "MTPROTO_PUBLIC_KEY_FILE": str(key_file),
            },
        )
        small = {"kind": "document", "file_name": "a.txt", "content": {"base64": base64.b64encode(b"hello").decode()}}
        await http.post("/messages", json={"bot": bot, "chat": ada, "media": small})
        await said(http, bot, ada, "✅ Archived: 1 document")
        large = {"kind": "video", "file_name": "b.mp4", "content": {"seed": "b", "size": 25_000_000}}
        await http.post("/messages", json={"bot": bot, "chat": ada, "media": large})
        await said(http, bot, ada, "✅ Archived: 1 video")
    assert await end(run) == 0
    assert await end(simulator) == 0
    objects = {path.suffix: path for path in (tmp_path / "archive").rglob("*_ada_ada_*")}
    assert objects[".txt"].read_bytes() == b"hello"
    assert objects[".mp4"].stat().st_size == 25_000_000
