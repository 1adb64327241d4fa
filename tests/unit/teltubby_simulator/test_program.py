"""Flags of the program that make a simulator one for clients in other places."""

import asyncio
import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from teltubby_simulator.__main__ import main
from teltubby_simulator.key_fetching import fetch_key
from teltubby_simulator.server import TelegramSimulator
from teltubby_simulator.world import World


def pem(bits: int) -> bytes:
    key = rsa.generate_private_key(public_exponent=65537, key_size=bits)
    form, nothing = serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, form, nothing)


@pytest.fixture(scope="module")
def private_key() -> bytes:
    return pem(2048)


async def test_a_given_key_is_the_one_that_is_proved_and_handed_out(private_key: bytes, tmp_path: Path):
    public = serialization.load_pem_private_key(private_key, None).public_key()
    target = tmp_path / "key.pem"
    async with TelegramSimulator(World(), mtproto_private_key=private_key) as simulator:
        assert await asyncio.to_thread(fetch_key, simulator.control_url, target, 5) == 0
        assert target.read_text() == simulator.mtproto_public_key
    handed_out = serialization.load_pem_public_key(target.read_bytes())
    assert isinstance(handed_out, rsa.RSAPublicKey)
    assert isinstance(public, rsa.RSAPublicKey)
    assert handed_out.public_numbers() == public.public_numbers()


async def test_without_the_door_there_is_no_key_to_fetch(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    async with TelegramSimulator(World(), mtproto=False) as simulator:
        assert await asyncio.to_thread(fetch_key, simulator.control_url, tmp_path / "key.pem", 5) == 1
    assert "answers 404" in capsys.readouterr().err


def test_waiting_for_a_simulator_that_does_not_come_has_an_end(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    target = tmp_path / "key.pem"
    given = ["--fetch-key-from=http://127.0.0.1:9/control", f"--public-key-file={target}", "--wait=0"]
    assert main(given) == 1
    assert "no key from http://127.0.0.1:9/control/mtproto within 0 s" in capsys.readouterr().err
    assert not target.exists()


def test_a_key_that_is_fetched_needs_a_place():
    with pytest.raises(SystemExit) as ended:
        main(["--fetch-key-from=http://127.0.0.1:9/control"])
    assert ended.value.code == 2


@pytest.mark.parametrize(
    ("flag", "content", "named"),
    [
        ("--private-key-file", None, "No such file"),
        ("--private-key-file", b"no key", "--private-key-file"),
        ("--private-key-file", pem(1024), "2048"),
        ("--bot-token-file", None, "No such file"),
        ("--bot-token-file", b"nonsense\n", "a token is"),
    ],
    ids=["key missing", "no key", "key too short", "token missing", "no token"],
)
def test_a_file_that_is_wrong_is_named(
    flag: str, content: bytes | None, named: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    path = tmp_path / "given"
    if content is not None:
        path.write_bytes(content)
    assert main([f"{flag}={path}"]) == 2
    assert named in capsys.readouterr().err


async def start(*flags: str) -> tuple[asyncio.subprocess.Process, dict[str, object]]:
    process = await asyncio.create_subprocess_exec(
        *("python", "-m", "teltubby_simulator", "--no-mtproto", *flags), stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    return process, json.loads(await asyncio.wait_for(process.stdout.readline(), 30))


async def end(process: asyncio.subprocess.Process) -> None:
    process.terminate()
    assert await asyncio.wait_for(process.wait(), 10) == 0


async def test_a_token_from_a_file_is_used_and_not_printed(http, tmp_path: Path):
    token = f"4242:{'t' * 35}"
    path = tmp_path / "token"
    path.write_text(f"{token}\n")
    process, told = await start(f"--bot-token-file={path}")
    try:
        me = await http.get(f"{told['bot_api_url']}/bot{token}/getMe")
        assert me.json()["result"]["id"] == told["bot_id"] == 4242
        assert token not in json.dumps(told)
    finally:
        await end(process)


@pytest.mark.parametrize("fresh", [True, False])
async def test_ids_are_fresh_after_a_restart_when_they_are_to_be(http, fresh: bool):
    given = []
    for _ in range(2):
        process, told = await start("--bot-token", f"4242:{'t' * 35}", *(["--fresh-ids"] if fresh else []))
        try:
            user = (await http.post(f"{told['control_url']}/users", json={"first_name": "Ada", "id": 7})).json()["id"]
            media = {"kind": "document", "content": {"seed": "x", "size": 10}}
            body = {"bot": told["bot_id"], "chat": user, "media": media}
            sent = (await http.post(f"{told['control_url']}/messages", json=body)).json()
            given.append((sent["message_id"], sent["media"]["unique_id"]))
        finally:
            await end(process)
    (first_message, first_file), (message, file) = given
    if fresh:
        assert message > 10_000
        assert file != first_file
    else:
        assert (message, file) == (first_message, first_file)
