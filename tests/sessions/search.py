"""Looks for secrets wherever services leave something: files, databases, Kubernetes, the bucket, the process list."""

import base64
import re
from collections.abc import Iterator
from pathlib import Path

from sessions.stage import SessionStage
from teltubby_core.adapters.session_cipher import SessionCipher
from teltubby_core.domain import keyring

_SETTINGS = ("TELEGRAM_BOT_TOKEN", "MTPROTO_API_HASH", "SESSION_ENCRYPTION_KEYS", "S3_SECRET_ACCESS_KEY")
_LEAST = 8  # characters: shorter ones are found by chance


def assert_nothing_shows(stage: SessionStage) -> None:
    """No secret of this stage can be read anywhere."""
    found = findings(stage)
    assert found == [], "\n".join(found)


def findings(stage: SessionStage) -> list[str]:
    """Return where a secret can be read, and which one."""
    wanted = {what: re.compile(b"|".join(forms)) for what, forms in _secrets(stage).items()}
    return [
        f"{what} in {where}" for where, content in _places(stage) for what in wanted if wanted[what].search(content)
    ]


def _secrets(stage: SessionStage) -> dict[str, list[bytes]]:
    """What must not be seen, each in the forms that it could be seen in."""
    found = {name: [re.escape(stage.settings[name].encode())] for name in _SETTINGS}
    cipher = SessionCipher(stage.settings["SESSION_ENCRYPTION_KEYS"].split(","))
    for name, content in stage.slots.contents().items():
        opened = cipher.open(base64.b64decode(content), name)
        kept = keyring.read(opened.content) if opened else None
        assert kept is not None, f"{name} holds no login"
        for number, key in enumerate((kept.key, *kept.others.values())):
            forms = (key, base64.b64encode(key), base64.urlsafe_b64encode(key), key.hex().encode(), str(key).encode())
            found[f"key {number} of {name}"] = [re.escape(form[:64]) for form in forms]
    for number, text in enumerate(stage.typed):
        found[f"what was typed ({number})"] = _typed(text)
    return found


def _typed(text: str) -> list[bytes]:
    """A code, a password or a phone number as it was typed; a code also as plain digits that are no port or number."""
    digits = re.sub(r"\D", "", text)
    forms = [re.escape(text.encode())] if len(text) >= _LEAST else []
    if digits and not re.search(r"[A-Za-z]", text):
        forms.append(rf"(?<![\d:.]){digits}(?![\d.])".encode())
    return forms


def _places(stage: SessionStage) -> Iterator[tuple[str, bytes]]:
    assert stage.archive.is_dir()  # a copy of the bucket, in the folder
    for path in sorted(stage.folder.rglob("*")):
        if path.is_file() and not path.name.startswith("kubeconfig"):
            yield str(path.relative_to(stage.folder)), path.read_bytes()
    objects = stage.slots.everything()
    yield "Kubernetes's objects", objects.encode()
    for number, encoded in enumerate(re.findall(r"^\s+\S+: ([A-Za-z0-9+/]{16,}={0,2})$", objects, re.MULTILINE)):
        yield f"a value of Kubernetes's ({number})", base64.b64decode(encoded + "=" * (-len(encoded) % 4))
    for command in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            yield str(command), command.read_bytes()
        except OSError:  # it has ended
            continue
