"""Which of the bot's messages answers which of a curator's, also where many share one."""

from teltubby_cli.demo.answers import Answers
from teltubby_simulator.model import Message, User

ADA, BOT = User(42, "Ada"), User(5, "Bot", is_bot=True)
ENDS = ("✅ Archived",)


def _file(number: int, album: str | None = None) -> Message:
    return Message(number, ADA, ADA, 0, media_group_id=album)


def _answer(number: int, to: int, *texts: str) -> Message:
    edits = [(float(at), text) for at, text in enumerate(texts, 1)]
    return Message(number, ADA, BOT, 0, text=texts[-1], reply_to_message_id=to, edits=edits)


def test_a_message_has_its_own_answer() -> None:
    answers = Answers([_file(1), _answer(2, 1, "⏳", "✅ Archived: 1 photo")])
    assert answers.all_begin([1], ENDS)
    assert answers.first_told(1) == 1.0
    assert answers.to(3) is None


def test_a_shared_one_answers_those_that_it_counts_and_no_others() -> None:
    shared = _answer(5, 1, "⏳ 0 of 1 message is through …", "✅ Archived: 2 messages")
    answers = Answers([_file(1), _file(2), _file(3), _file(4), _answer(6, 2, "✅ Archived: 1 photo"), shared])
    assert [answers.to(number) is shared for number in (1, 2, 3, 4)] == [True, False, True, False]
    assert (answers.first_told(1), answers.first_told(3), answers.first_told(4)) == (1.0, 2.0, None)
    assert answers.all_begin([1, 2, 3], ENDS)
    assert not answers.all_begin([1, 2, 3, 4], ENDS)


def test_an_album_counts_as_one_and_a_command_shares_nothing() -> None:
    command = Message(4, ADA, ADA, 0, text="/queue")
    shared = _answer(6, 1, "✅ Archived: 2 messages")
    answers = Answers([_file(1, "g"), _file(2, "g"), _file(3, "g"), command, _file(5), shared])
    assert answers.to(1) is shared
    assert answers.to(5) is shared
    assert answers.to(4) is None
