"""What is said after /mtcode and /mtpass never gets to the inbox."""

import json
from typing import Any

import pytest

from support import CURATOR
from teltubby_bot.confidential import Confidences, was_cut
from teltubby_core.ports import RawUpdate

SECRET = "correct horse  battery"


class Clock:
    def __init__(self) -> None:
        self.now = 0.0


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def confidences(clock: Clock) -> Confidences:
    return Confidences(lambda sender: sender == CURATOR, lambda: clock.now)


def said(text: str, *, place: str = "message", field: str = "text", chat: int = CURATOR, kind: str = "private") -> Any:
    message = {"message_id": 5, "from": {"id": chat}, "chat": {"id": chat, "type": kind}, field: text}
    return {"update_id": 9, place: message}


def cut(confidences: Confidences, update: dict[str, Any]) -> dict[str, Any]:
    stored = confidences.cut(RawUpdate(9, json.dumps(update)))
    assert stored.update_id == 9
    found: dict[str, Any] = json.loads(stored.raw)
    return found


@pytest.mark.parametrize(
    "command", ["/mtpass", "/mtcode", "/MTPASS", "/mtpass@archive_bot", "/MtCode@Archive_Bot", "  /mtpass"]
)
def test_it_is_cut_out_and_handed_over_once(confidences: Confidences, command: str) -> None:
    stored = cut(confidences, said(f"{command} {SECRET}"))
    bare = command.partition("@")[0]
    start = len(bare) - len(bare.lstrip())
    marks = [{"type": "bot_command", "offset": start, "length": len(bare) - start}]
    expected = said(f"{bare} …")
    expected["message"]["entities"] = marks
    assert stored == expected
    assert was_cut(f"{bare} …")
    assert confidences.take(CURATOR, 5) == SECRET
    assert confidences.take(CURATOR, 5) is None


@pytest.mark.parametrize("separator", ["\n", "\t", "   ", "\u00a0"])
def test_whatever_separates_it(confidences: Confidences, separator: str) -> None:
    assert SECRET not in json.dumps(cut(confidences, said(f"/mtpass{separator}{SECRET}")))
    assert confidences.take(CURATOR, 5) == separator[1:] + SECRET, "one sign parts it from the command"


@pytest.mark.parametrize("glue", ["", "-", ":", "/", ",", "word ", "_", "@"])
@pytest.mark.parametrize("command", ["/mtpass", "/mtcode"])
def test_also_where_nothing_does(confidences: Confidences, command: str, glue: str) -> None:
    marks = [{"type": "bot_command", "offset": 0, "length": 20}]  # Telegram's may reach into the secret
    update = said(f"{command}{glue}{SECRET}")
    update["message"]["entities"] = marks
    stored = cut(confidences, update)
    assert not [word for word in SECRET.split() if word in json.dumps(stored)]
    (mark,) = stored["message"]["entities"]
    assert stored["message"]["text"][: mark["length"]] == command


def test_a_password_that_looks_like_the_bots_name_is_not_stored(confidences: Confidences) -> None:
    assert "hunter2" not in json.dumps(cut(confidences, said("/mtpass@hunter2")))


def test_what_repeats_it_beside_the_text_is_cut_too(confidences: Confidences) -> None:
    update = said("/mtpass hunter2.com")
    update["message"]["link_preview_options"] = {"url": "http://hunter2.com"}
    assert "hunter2" not in json.dumps(cut(confidences, update))
    update = said("what was it?")
    update["message"]["reply_to_message"] = said("/mtpass hunter2")["message"]
    update["message"]["quote"] = {"text": "hunter2", "position": 8}
    assert "hunter2" not in json.dumps(cut(confidences, update))


@pytest.mark.parametrize("broken", [{"id": [42]}, {"id": {}}, {"id": None}, {}, {"id": 42, "type": []}])
def test_a_malformed_chat_holds_nothing_up(broken: dict[str, Any]) -> None:
    confidences = Confidences({CURATOR: True}.__contains__)
    update = said(f"/mtpass {SECRET}")
    update["message"]["chat"] = {"type": "private", **broken}
    assert SECRET not in json.dumps(cut(confidences, update))


@pytest.mark.parametrize(
    "update",
    [
        said(f"/mtpass {SECRET}", place="edited_message"),
        said(f"/mtpass {SECRET}", field="caption"),
        said(f"/mtpass {SECRET}", kind="group"),
        said(f"/mtpass {SECRET}", chat=666),
        said(f"/mtcode {SECRET}", place="channel_post"),
        {"update_id": 9, "message": {"message_id": 6, "reply_to_message": said(f"/mtpass {SECRET}")["message"]}},
        {"update_id": 9, "callback_query": {"message": said(f"/mtpass {SECRET}")["message"]}},
        {"update_id": 9, "message": {"chat": [], "text": f"/mtpass {SECRET}"}},
    ],
)
def test_elsewhere_it_is_cut_out_and_handed_to_nobody(confidences: Confidences, update: dict[str, Any]) -> None:
    assert SECRET not in json.dumps(cut(confidences, update))
    assert confidences.take(CURATOR, 5) is None
    assert confidences.take(666, 5) is None


@pytest.mark.parametrize("text", ["/mtstatus cancel", "/mtpas x", "say /mtpass x", "mtpass x", "/mtpass", "/mtcode "])
def test_anything_else_is_left_as_it_is(confidences: Confidences, text: str) -> None:
    assert cut(confidences, said(text)) == said(text)
    assert not was_cut(text)
    assert confidences.take(CURATOR, 5) is None


@pytest.mark.parametrize("raw", ['{"mtpass": 1}', '["/mtpass x"]', '"/mtpass x"', "{}"])
def test_what_is_no_message_is_left_as_it_is(confidences: Confidences, raw: str) -> None:
    assert confidences.cut(RawUpdate(9, raw)).raw == raw


def test_it_is_forgotten_after_ten_minutes(confidences: Confidences, clock: Clock) -> None:
    cut(confidences, said(f"/mtpass {SECRET}"))
    clock.now = 599
    cut(confidences, said("hello"))
    clock.now = 601
    assert confidences.take(CURATOR, 5) is None


def test_only_so_many_are_kept(confidences: Confidences) -> None:
    for number in range(150):
        update = said(f"/mtpass {number}")
        update["message"]["message_id"] = number
        cut(confidences, update)
    kept = [number for number in range(150) if confidences.take(CURATOR, number) is not None]
    assert kept == list(range(50, 150))
