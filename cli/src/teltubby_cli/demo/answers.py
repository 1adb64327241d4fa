"""Which of the bot's messages answers which of a curator's: a reply to it, or one that many messages share."""

import re
from collections.abc import Iterable

from teltubby_simulator.model import Message

_SHARED = re.compile(r"(?:⏳ \d+ of |✅ Archived: |⚠️ Not archived: )(\d+) messages?\b")


class Answers:
    """One chat between a curator and the bot."""

    def __init__(self, chat: Iterable[Message]) -> None:
        """Take all its messages, in the order in which they were sent."""
        messages = list(chat)
        self._own: dict[int, Message] = {}
        self._shared: list[Message] = []
        for answer in messages:
            if answer.reply_to_message_id is not None:
                if is_shared(answer):
                    self._shared.append(answer)
                else:
                    self._own[answer.reply_to_message_id] = answer
        # What has no text is a file; of one that another program sent nothing more is known here.
        files = [each for each in messages if each.text is None and each.reply_to_message_id is None]
        albums = {each.media_group_id: each.id for each in reversed(files) if each.media_group_id}
        first_of_album = [each.id for each in files if albums.get(each.media_group_id or "", each.id) == each.id]
        self._sharing = [message_id for message_id in first_of_album if message_id not in self._own]

    def to(self, message_id: int) -> Message | None:
        """Return the latest answer to a message, None when there is none.

        A shared one is one only once it counts so many messages that this one is among them.
        """
        if own := self._own.get(message_id):
            return own
        shared = self._shared_by(message_id) if message_id in self._sharing else None
        return shared if shared and count_in(shared.text) >= self._number(shared, message_id) else None

    def first_told(self, message_id: int) -> float | None:
        """Return when an answer first spoke of a message, None when none did yet."""
        if own := self._own.get(message_id):
            return own.edits[0][0]
        shared = self._shared_by(message_id)
        if shared is None:
            return None
        number = self._number(shared, message_id)
        return next((at for at, text in shared.edits if count_in(text) >= number), None)

    def all_begin(self, message_ids: Iterable[int], beginnings: tuple[str, ...]) -> bool:
        """Whether the answer to each of these messages is there, and begins so."""
        found = [self.to(message_id) for message_id in message_ids]
        return all(answer is not None and (answer.text or "").startswith(beginnings) for answer in found)

    def _shared_by(self, message_id: int) -> Message | None:
        found = [each for each in self._shared if (each.reply_to_message_id or 0) <= message_id]
        return found[-1] if found else None

    def _number(self, shared: Message, message_id: int) -> int:
        """Return how many messages share this answer up to this one."""
        first = shared.reply_to_message_id or 0
        return sum(first <= each <= message_id for each in self._sharing)


def is_shared(answer: Message) -> bool:
    """Whether an answer is about many messages."""
    return _SHARED.match(answer.text or "") is not None


def count_in(text: str | None) -> int:
    """Return how many messages a shared answer is about, as its text tells; 0 of another."""
    match = _SHARED.match(text or "")
    return int(match[1]) if match else 0
