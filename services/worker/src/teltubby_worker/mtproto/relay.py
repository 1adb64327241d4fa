"""The channel in which user accounts find copies of messages: how an account gets to it, and what stands there."""

from typing import Any, Protocol

from telethon import utils
from telethon.tl.functions.channels import GetMessagesRequest
from telethon.tl.functions.messages import GetDialogsRequest
from telethon.tl.types import Channel, InputChannel, InputMessageID, InputPeerEmpty
from telethon.tl.types.messages import DialogsSlice

from teltubby_core.domain.jobs import RelayCopy
from teltubby_core.errors import InfrastructureError, PermanentError

_MARK = -1_000_000_000_000  # core.telegram.org/api/bots/ids: what the Bot API puts before a channel's own id
_PAGE = 100  # dialogs; the most that Telegram gives at once
_PAGES = 20


class Caller(Protocol):
    """A login at Telegram, as far as this needs it."""

    @property
    def account(self) -> int | None: ...

    async def call(self, request: Any) -> Any: ...


class RelayChannels:
    """Reads messages of channels. How an account gets to one is kept: each has an access hash of its own."""

    def __init__(self, telegram: Caller) -> None:
        self._telegram = telegram
        self._known: dict[tuple[int | None, int], InputChannel] = {}

    async def message(self, copy: RelayCopy) -> Any:
        """Return the message, None when it is gone.

        Raises:
            InfrastructureError: the account does not see the channel.
            TransientError: try again.
        """
        channel = await self._channel(copy.chat_id)
        try:
            found = await self._telegram.call(GetMessagesRequest(channel, [InputMessageID(copy.message_id)]))
        except PermanentError as error:  # CHANNEL_INVALID, CHANNEL_PRIVATE: it is a member no longer
            self._known.pop((self._telegram.account, copy.chat_id), None)
            raise _not_seen(copy.chat_id) from error
        return found.messages[0] if found.messages else None

    async def _channel(self, chat_id: int) -> InputChannel:
        place = self._telegram.account, chat_id
        if place not in self._known:
            self._known[place] = await self._find(_MARK - chat_id, chat_id)
        return self._known[place]

    async def _find(self, channel_id: int, chat_id: int) -> InputChannel:
        after: dict[str, Any] = {"offset_date": None, "offset_id": 0, "offset_peer": InputPeerEmpty()}
        for _ in range(_PAGES):
            page = await self._telegram.call(GetDialogsRequest(**after, limit=_PAGE, hash=0))
            for chat in page.chats:
                if isinstance(chat, Channel) and chat.id == channel_id:
                    return InputChannel(chat.id, chat.access_hash or 0)
            if not isinstance(page, DialogsSlice) or not page.dialogs or not (after := _after(page)):
                break
        raise _not_seen(chat_id)


def _after(page: Any) -> dict[str, Any]:
    """Return where the next page begins; nothing when the last dialog of this one can't be named."""
    last = page.dialogs[-1]
    dates = {(utils.get_peer_id(each.peer_id), each.id): each.date for each in page.messages if hasattr(each, "date")}
    entities = {utils.get_peer_id(each): each for each in (*page.users, *page.chats)}
    peer = utils.get_peer_id(last.peer)
    if peer not in entities:
        return {}
    return {
        "offset_date": dates.get((peer, last.top_message)),
        "offset_id": last.top_message,
        "offset_peer": utils.get_input_peer(entities[peer]),
    }


def _not_seen(chat_id: int) -> InfrastructureError:
    return InfrastructureError(
        f"RELAY_CHANNEL_ID: the user account does not see the channel {chat_id}; make it a member there"
    )
