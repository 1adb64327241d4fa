"""The keys of a login as text."""

import json

import pytest

from teltubby_core.domain import keyring
from teltubby_core.domain.keyring import DataCentre, Keyring

KEY, OTHER = bytes(range(256)), bytes(reversed(range(256)))
RING = Keyring(DataCentre(2, "dc.example.org", 443), KEY, {4: OTHER}, 777)


def changed(**fields: object) -> str:
    return json.dumps(json.loads(RING.text()) | fields)


def test_it_is_read_as_it_was_written() -> None:
    assert keyring.read(RING.text()) == RING


@pytest.mark.parametrize("text", [None, ""])
def test_nothing_kept_is_nothing_to_warn_of(text: str | None, caplog: pytest.LogCaptureFixture) -> None:
    assert keyring.read(text) is None
    assert caplog.text == ""


@pytest.mark.parametrize(
    "text",
    [
        "nonsense",
        "{",
        "{}",
        "[]",
        '{"dc": 2}',
        changed(key="abc"),
        changed(key="AAAA"),
        changed(key="!" * 344),
        changed(key=None),
        changed(dc="two"),
        changed(others=[]),
        changed(others={"4": "AAAA"}),
        changed(others={"x": "abc"}),
    ],
)
def test_what_can_not_be_read_is_no_login_and_is_not_shown(text: str, caplog: pytest.LogCaptureFixture) -> None:
    assert keyring.read(text) is None
    assert "can't be read" in caplog.text
    assert text not in caplog.text


def test_one_kept_before_accounts_were_is_read() -> None:
    older = json.loads(RING.text())
    del older["account"]

    read = keyring.read(json.dumps(older))

    assert read is not None
    assert (read.key, read.account) == (KEY, None)


def test_keys_are_not_shown() -> None:
    assert "\\x01\\x02" not in repr(RING)
