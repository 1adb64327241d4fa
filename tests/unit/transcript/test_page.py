"""The transcript's page: what people wrote is escaped, what was edited is shown in few steps."""

from teltubby_simulator.model import Message, User
from transcript.page import Chapter, page

BOT = User(5, "Teltubby", is_bot=True)
ADA = User(42, "Ada")


def _shown(*messages: Message) -> str:
    chat = list(messages)
    return page([Chapter.of("A title & more", "what", chat, chat, BOT)])


def test_what_people_wrote_is_no_markup() -> None:
    html = _shown(Message(1, ADA, ADA, 0, text="<script>alert(1)</script> & 'quotes'"))
    assert "<script>" not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp;" in html
    assert "A title &amp; more" in html


def test_a_reply_quotes_and_shows_buttons_and_reactions() -> None:
    question = Message(1, ADA, ADA, 0, text="/queue", reactions=["👌"])
    keys: dict[str, object] = {"inline_keyboard": [[{"text": "🔎 <x>", "callback_data": "d"}]]}
    answer = Message(2, ADA, BOT, 0, text="none", reply_to_message_id=1, reply_markup=keys)
    html = _shown(question, answer)
    assert '<div class="quote">/queue</div>' in html
    assert "<span>🔎 &lt;x&gt;</span>" in html
    assert '<span class="reaction">👌</span>' in html
    assert html.count('<div class="row bot">') == 1


def test_of_many_edits_a_few_are_shown_and_the_last_stands_below() -> None:
    states = [(float(number), f"state {number}") for number in range(20)]
    html = _shown(Message(2, ADA, BOT, 0, text="state 19", edits=states))
    shown = [f"state {number}" for number in range(20) if f">state {number}<" in html]
    assert shown == ["state 0", "state 9", "state 18", "state 19"]
