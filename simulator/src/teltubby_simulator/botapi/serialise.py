"""Values of the model as Bot API JSON (core.telegram.org/bots/api#available-types)."""

from collections.abc import Callable
from dataclasses import dataclass

from teltubby_simulator.botapi.file_ids import FileIds
from teltubby_simulator.model import (
    AdminRight,
    CallbackQuery,
    Chat,
    ForwardOrigin,
    Media,
    Message,
    OriginChannel,
    OriginChat,
    OriginHiddenUser,
    OriginUser,
    StoredFile,
    User,
)
from teltubby_simulator.updates import MembershipChange, Update

Json = dict[str, object]

_MIME_TYPED = frozenset({"video", "document", "audio", "voice", "animation"})
_NAMED = frozenset({"video", "document", "audio", "animation"})
_TIMED = frozenset({"video", "audio", "voice", "video_note", "animation"})
_SIZED = frozenset({"video", "animation", "sticker"})
_OTHER_RIGHTS = (
    "can_manage_video_chats",
    "can_restrict_members",
    "can_promote_members",
    "can_change_info",
    "can_invite_users",
    "can_post_stories",
    "can_edit_stories",
    "can_delete_stories",
)


def user_json(user: User) -> Json:
    """Return a User."""
    return _present(
        id=user.id,
        is_bot=user.is_bot,
        first_name=user.first_name,
        last_name=user.last_name,
        username=user.username,
        language_code=user.language_code,
        is_premium=user.is_premium or None,
    )


def chat_json(chat: User | Chat) -> Json:
    """Return a Chat; a user stands for the private chat with them."""
    if isinstance(chat, User):
        return _present(
            id=chat.id,
            first_name=chat.first_name,
            last_name=chat.last_name,
            username=chat.username,
            type="private",
        )
    return _present(id=chat.id, title=chat.title, username=chat.username, type=chat.kind)


def administrator_json(user: User, chat: Chat, rights: frozenset[AdminRight]) -> Json:
    """Return a ChatMemberAdministrator; posting and editing are told for channels alone."""
    told = dict.fromkeys(_OTHER_RIGHTS, False)
    told |= {"can_manage_chat": True, "can_delete_messages": "can_delete_messages" in rights}
    if chat.kind == "channel":
        told |= {name: name in rights for name in ("can_post_messages", "can_edit_messages")}
    return {"user": user_json(user), "status": "administrator", "can_be_edited": False, "is_anonymous": False} | told


@dataclass(frozen=True)
class MessageView:
    """Messages as one bot sees them: file ids are its own, replies are looked up among what it holds."""

    bot: User
    file_ids: FileIds
    find: Callable[[int, int], Message | None]  # (chat id, message id)
    thumbs: Callable[[int], tuple[StoredFile, ...]]  # by document id

    def update(self, update: Update) -> Json:
        """Return an Update."""
        return {"update_id": update.update_id, update.kind: self._subject(update)}

    def _subject(self, update: Update) -> Json:
        match update.subject:
            case Message() as message:
                return self.message(message)
            case CallbackQuery() as query:
                return self._callback_query(query)
            case MembershipChange() as change:
                return self._membership(change)

    def message(self, message: Message, *, with_reply: bool = True) -> Json:
        """Return a Message. A reply holds the message it answers, which shows no further reply."""
        answer = _present(
            message_id=message.id,
            sender_chat=chat_json(message.chat) if message.sender is None else None,
            chat=chat_json(message.chat),
            date=message.date,
            edit_date=message.edit_date,
            forward_origin=origin_json(message.forward_origin) if message.forward_origin else None,
            media_group_id=message.media_group_id,
            reply_markup={"inline_keyboard": message.inline_keyboard} if message.inline_keyboard else None,
        )
        if message.sender is not None:
            answer["from"] = user_json(message.sender)
        if with_reply and message.reply_to_message_id is not None:
            replied = self.find(message.chat.id, message.reply_to_message_id)
            if replied is not None:
                answer["reply_to_message"] = self.message(replied, with_reply=False)
        return answer | self._content(message)

    def _content(self, message: Message) -> Json:
        if message.special is not None:
            return message.special
        if message.media is None:
            return _present(text=message.text, entities=message.entities or None)
        content: Json = {message.media.kind: self._media(message.media)}
        if message.media.kind == "animation":  # told twice, for bots that are older than the field
            content["document"] = self._document(message.media, "document")
        return content | _present(
            caption=message.caption, caption_entities=(message.entities or None) if message.caption else None
        )

    def _media(self, media: Media) -> object:
        if media.kind == "photo":
            return [self._photo_size(media, size) for size in media.files]
        file = media.file
        answer = self._document(media, media.kind)
        if media.kind in _TIMED:
            answer["duration"] = file.duration or 0
        if media.kind in _SIZED:
            answer |= {"width": file.width or 0, "height": file.height or 0}
        match media.kind:
            case "video_note":
                answer["length"] = file.width or 0
            case "audio":
                answer |= _present(performer=file.performer, title=file.title)
            case "sticker":
                kinds = {"is_animated": file.sticker_format == "animated", "is_video": file.sticker_format == "video"}
                answer |= _present(emoji=file.emoji, type="regular") | kinds
        return answer

    def _document(self, media: Media, kind: str) -> Json:
        """Return what all kinds but photos have: the file, its name and type as far as the kind tells them."""
        file = media.file
        answer = self._file(self.file_ids.file_id(self.bot.id, media, file), file)
        if kind in _MIME_TYPED:
            answer |= _present(mime_type=file.mime_type)
        if kind in _NAMED:
            answer |= _present(file_name=file.file_name)
        thumbs = self.thumbs(file.id)
        if thumbs and kind != "voice":
            thumb = thumbs[-1]
            size = {"width": thumb.width or 0, "height": thumb.height or 0}
            answer["thumbnail"] = self._file(self.file_ids.thumbnail_id(self.bot.id, thumb), thumb) | size
        return answer

    def _photo_size(self, media: Media, size: StoredFile) -> Json:
        file_id = self.file_ids.file_id(self.bot.id, media, size)
        return self._file(file_id, size) | {"width": size.width or 0, "height": size.height or 0}

    def _file(self, file_id: str, file: StoredFile) -> Json:
        """Return what every file has. A size of 0 is not told, as Telegram does not tell it."""
        return {"file_id": file_id, "file_unique_id": file.unique_id} | _present(file_size=file.shown_size or None)

    def _callback_query(self, query: CallbackQuery) -> Json:
        message = query.message
        gone = {"message_id": message.id, "chat": chat_json(message.chat), "date": 0}
        return {
            "id": str(query.id),
            "from": user_json(query.sender),
            "message": gone if query.gone else self.message(message),
            "chat_instance": str(query.chat_instance),
            "data": query.data,
        }

    def _membership(self, change: MembershipChange) -> Json:
        bot = user_json(self.bot)
        return {
            "chat": chat_json(change.user),
            "from": user_json(change.user),
            "date": change.date,
            "old_chat_member": _member_json(bot, change.old),
            "new_chat_member": _member_json(bot, change.new),
        }


def origin_json(origin: ForwardOrigin) -> Json:
    """Return a MessageOrigin of one of its four kinds."""
    match origin:
        case OriginUser():
            return {"type": "user", "sender_user": user_json(origin.user), "date": origin.date}
        case OriginHiddenUser():
            return {"type": "hidden_user", "sender_user_name": origin.name, "date": origin.date}
        case OriginChat():
            return _present(
                type="chat",
                sender_chat=chat_json(origin.chat),
                author_signature=origin.author_signature,
                date=origin.date,
            )
        case OriginChannel():
            return _present(
                type="channel",
                chat=chat_json(origin.chat),
                message_id=origin.message_id,
                author_signature=origin.author_signature,
                date=origin.date,
            )


def _member_json(bot: Json, status: str) -> Json:
    return {"user": bot, "status": status} | ({"until_date": 0} if status == "kicked" else {})


def _present(**fields: object) -> Json:
    return {name: value for name, value in fields.items() if value is not None}
