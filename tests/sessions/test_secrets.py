"""The search for secrets finds them wherever they lie: else it would prove nothing after the other tests."""

import base64
import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest

from integration.harness import MIB
from sessions.search import findings
from sessions.stage import SessionStage
from teltubby_core.adapters.session_cipher import SessionCipher
from teltubby_core.domain import keyring

CODE, PASSWORD = "4-8-2-1-3", "correct horse battery"


@pytest.fixture
async def used(stage: SessionStage) -> SessionStage:
    """One login, one large file archived with it."""
    stage.worker_count = 1
    await stage.start()
    sent = stage.cast.sends(stage.document("large", 21 * MIB))
    await stage.until_ended(sent)
    return stage


def session_key(stage: SessionStage) -> bytes:
    ((name, content),) = stage.slots.contents().items()
    opened = SessionCipher([stage.settings["SESSION_ENCRYPTION_KEYS"]]).open(base64.b64decode(content), name)
    kept = keyring.read(opened.content if opened else None)
    assert kept is not None
    return kept.key


@pytest.mark.timeout(180)
async def test_it_finds_what_is_planted_and_nothing_else(used: SessionStage) -> None:
    stage, key = used, session_key(used)
    assert findings(stage) == []
    planted = stage.folder / "planted.log"
    for text in (
        stage.settings["TELEGRAM_BOT_TOKEN"],
        stage.settings["MTPROTO_API_HASH"],
        stage.settings["SESSION_ENCRYPTION_KEYS"],
        base64.b64encode(key).decode(),
        key.hex(),
    ):
        planted.write_text(f"2026-01-01 INFO x: {text}\n")
        (found,) = findings(stage)
        assert found.endswith("in planted.log")
    planted.unlink()

    with closing(sqlite3.connect(stage.folder / "planted.db")) as database:
        database.execute("CREATE TABLE secrets (value BLOB)")
        database.execute("INSERT INTO secrets VALUES (?)", (key,))
        database.commit()
    (found,) = findings(stage)
    assert found.endswith("in planted.db")
    (stage.folder / "planted.db").unlink()


@pytest.mark.timeout(180)
async def test_it_finds_what_is_planted_in_the_cluster_and_in_the_process_list(used: SessionStage) -> None:
    stage, key = used, session_key(used)
    lease = stage.slots.names[0]
    change = ("--namespace", stage.slots.namespace, "annotate", "lease", lease)
    stage.slots.plane.kubectl(*change, f"note={base64.b64encode(key).decode()}")
    assert any("Kubernetes" in found for found in findings(stage))
    stage.slots.plane.kubectl(*change, "note-")

    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "plain", "namespace": stage.slots.namespace}}
    stage.slots.plane.apply(secret | {"data": {"session": base64.b64encode(key).decode()}})
    assert any("a value of Kubernetes" in found for found in findings(stage))
    stage.slots.plane.kubectl("--namespace", stage.slots.namespace, "delete", "secret", "plain")

    token = stage.settings["TELEGRAM_BOT_TOKEN"]
    idle = subprocess.Popen(  # noqa: ASYNC220  # ends with the test
        [sys.executable, "-c", "import sys; sys.stdin.read()", token], stdin=subprocess.PIPE
    )
    try:
        assert any("cmdline" in found for found in findings(stage))
    finally:
        idle.communicate(timeout=10)


@pytest.mark.timeout(180)
async def test_it_finds_codes_and_passwords_that_were_typed(used: SessionStage) -> None:
    used.typed += [CODE, PASSWORD]
    planted = used.folder / "planted.log"
    for text in (CODE, "the code is 48213", PASSWORD):
        planted.write_text(f"2026-01-01 INFO x: {text}\n")
        (found,) = findings(used)
        assert found.endswith("in planted.log")
    planted.write_text("listens at 127.0.0.1:48213, u148213: 482137 bytes\n")
    assert findings(used) == []
