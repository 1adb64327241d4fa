"""The world's users, chats and messages as TL objects, seen by one account. Peer ids here are positive."""

from collections.abc import Iterable
from typing import Any

from telethon.tl import types

from teltubby_simulator import model
from teltubby_simulator.access_hashes import access_hash
from teltubby_simulator.mtproto.media_objects import media_object
from teltubby_simulator.world import World

Found = Iterable[tuple[int, model.Message | None]]
"""Message ids, each with what was found under it."""

_CHANNEL_BASE = 10**12  # the Bot API's -100… ids are minus this minus the channel's id
_ENTITIES: dict[str, type[Any]] = {
    "mention": types.MessageEntityMention,
    "hashtag": types.MessageEntityHashtag,
    "cashtag": types.MessageEntityCashtag,
    "bot_command": types.MessageEntityBotCommand,
    "url": types.MessageEntityUrl,
    "email": types.MessageEntityEmail,
    "phone_number": types.MessageEntityPhone,
    "bold": types.MessageEntityBold,
    "italic": types.MessageEntityItalic,
    "underline": types.MessageEntityUnderline,
    "strikethrough": types.MessageEntityStrike,
    "spoiler": types.MessageEntitySpoiler,
    "code": types.MessageEntityCode,
    "blockquote": types.MessageEntityBlockquote,
}


def channel_id(chat: model.Chat) -> int:
    """Return MTProto's id of a supergroup or channel."""
    return -chat.id - _CHANNEL_BASE


def chat_id_of(peer: Any) -> int | None:
    """Return the id of the supergroup or channel that a TL peer names, None for any other peer."""
    found = getattr(peer, "channel_id", None)
    return None if found is None else -_CHANNEL_BASE - found


def peer_of(chat: model.User | model.Chat) -> types.PeerUser | types.PeerChat | types.PeerChannel:
    """Return the peer that stands for a private chat, group, supergroup or channel."""
    if isinstance(chat, model.User):
        return types.PeerUser(chat.id)
    if chat.kind == "group":
        return types.PeerChat(-chat.id)
    return types.PeerChannel(channel_id(chat))


def user_object(user: model.User, viewer: model.User) -> types.User:
    """Return a user as ``viewer`` sees it."""
    return types.User(
        id=user.id,
        is_self=user.id == viewer.id,
        bot=user.is_bot,
        bot_info_version=1 if user.is_bot else None,
        premium=user.is_premium,
        deleted=user.status == "deleted",
        access_hash=access_hash(viewer, user),
        first_name=user.first_name,
        last_name=user.last_name,
        username=user.username,
        phone=user.phone if user.id == viewer.id else None,
        lang_code=None if user.is_bot else user.language_code,
    )


def chat_object(chat: model.Chat, viewer: model.User, world: World) -> types.Chat | types.Channel:
    """Return a group, supergroup or channel as ``viewer`` sees it."""
    members = len(world.members.get(chat.id, ()))
    if chat.kind == "group":
        return types.Chat(-chat.id, chat.title, types.ChatPhotoEmpty(), members, date=0, version=1)
    return types.Channel(
        channel_id(chat),
        chat.title,
        types.ChatPhotoEmpty(),
        date=0,
        broadcast=chat.kind == "channel",
        megagroup=chat.kind == "supergroup",
        access_hash=access_hash(viewer, chat),
        username=chat.username,
        left=viewer.id not in world.members[chat.id],
        admin_rights=_admin_rights(world.rights(chat, viewer)),
        participants_count=members,
    )


def _admin_rights(rights: frozenset[model.AdminRight]) -> types.ChatAdminRights | None:
    return types.ChatAdminRights(**{each.removeprefix("can_"): True for each in rights}) if rights else None


def message_object(message: model.Message, viewer: model.User, world: World) -> types.Message:
    """Return a message with its media and fresh file references."""
    out = message.sender is not None and message.sender.id == viewer.id
    private = isinstance(message.chat, model.User)
    text = message.text or message.caption or ""
    return types.Message(
        id=message.id,
        peer_id=peer_of(message.chat),
        date=message.date,
        message=text,
        out=out,
        post=isinstance(message.chat, model.Chat) and message.chat.kind == "channel",
        from_id=None if private or message.sender is None else types.PeerUser(message.sender.id),
        fwd_from=_forward(message.forward_origin),
        reply_to=_reply(message.reply_to_message_id),
        media=media_object(message, viewer, world),
        entities=_entities(message.entities, world) or None,
        edit_date=message.edit_date,
        grouped_id=None if message.media_group_id is None else int(message.media_group_id),
    )


def messages_object(found: Found, viewer: model.User, world: World) -> types.messages.Messages:
    """Return messages by id with everybody who occurs in them; what does not exist is messageEmpty."""
    return types.messages.Messages(topics=[], **_with_everybody(found, viewer, world))


def channel_messages_object(found: Found, viewer: model.User, world: World) -> types.messages.ChannelMessages:
    """Return the same for a supergroup or channel."""
    parts = _with_everybody(found, viewer, world)
    return types.messages.ChannelMessages(pts=1, count=len(parts["messages"]), topics=[], **parts)


def dialogs_objects(
    dialogs: Iterable[tuple[model.Chat, model.Message | None]], viewer: model.User, world: World
) -> dict[str, list[Any]]:
    """Return supergroups and channels, each with its latest message, as the parts of messages.dialogs."""
    held = list(dialogs)
    parts = _with_everybody([(last.id, last) for _, last in held if last is not None], viewer, world)
    parts["chats"] = _together(parts["chats"], [chat_object(chat, viewer, world) for chat, _ in held])
    return parts | {"dialogs": [_dialog(chat, last) for chat, last in held]}


def _together(*objects: list[Any]) -> list[Any]:
    return list({each.id: each for some in objects for each in some}.values())


def _dialog(chat: model.Chat, last: model.Message | None) -> types.Dialog:
    newest = 0 if last is None else last.id
    return types.Dialog(
        peer=peer_of(chat),
        top_message=newest,
        read_inbox_max_id=newest,
        read_outbox_max_id=newest,
        unread_count=0,
        unread_mentions_count=0,
        unread_reactions_count=0,
        unread_poll_votes_count=0,
        notify_settings=types.PeerNotifySettings(),
        pts=1,
    )


def _with_everybody(found: Found, viewer: model.User, world: World) -> dict[str, list[Any]]:
    messages: list[Any] = []
    users = {viewer.id: viewer}
    chats: dict[int, model.Chat] = {}
    for message_id, message in found:
        if message is None:
            messages.append(types.MessageEmpty(message_id, peer_id=None))
            continue
        messages.append(message_object(message, viewer, world))
        for each in _mentioned(message):
            if isinstance(each, model.User):
                users[each.id] = each
            else:
                chats[each.id] = each
    return {
        "messages": messages,
        "chats": [chat_object(chat, viewer, world) for chat in chats.values()],
        "users": [user_object(user, viewer) for user in users.values()],
    }


def _mentioned(message: model.Message) -> Iterable[model.User | model.Chat]:
    yield message.chat
    if message.sender is not None:
        yield message.sender
    match message.forward_origin:
        case model.OriginUser(user=user):
            yield user
        case model.OriginChat(chat=chat) | model.OriginChannel(chat=chat):
            yield chat


def _forward(origin: model.ForwardOrigin | None) -> types.MessageFwdHeader | None:
    match origin:
        case None:
            return None
        case model.OriginUser():
            return types.MessageFwdHeader(origin.date, from_id=types.PeerUser(origin.user.id))
        case model.OriginHiddenUser():
            return types.MessageFwdHeader(origin.date, from_name=origin.name)
        case model.OriginChat():
            return types.MessageFwdHeader(
                origin.date, from_id=peer_of(origin.chat), post_author=origin.author_signature
            )
        case model.OriginChannel():
            return types.MessageFwdHeader(
                origin.date,
                from_id=peer_of(origin.chat),
                channel_post=origin.message_id,
                post_author=origin.author_signature,
            )


def _reply(message_id: int | None) -> types.MessageReplyHeader | None:
    return None if message_id is None else types.MessageReplyHeader(reply_to_msg_id=message_id)


def _entities(entities: list[dict[str, object]], world: World) -> list[Any]:
    return [converted for entity in entities if (converted := _entity(entity, world)) is not None]


def _entity(entity: dict[str, Any], world: World) -> Any:
    """Return one entity of the Bot API's form in TL's; both count UTF-16 units. None for a kind unknown here."""
    kind, offset, length = entity["type"], entity["offset"], entity["length"]
    match kind:
        case "pre":
            return types.MessageEntityPre(offset, length, entity.get("language") or "")
        case "text_link":
            return types.MessageEntityTextUrl(offset, length, entity["url"])
        case "text_mention":
            user = world.users.get(entity["user"]["id"])
            return user and types.MessageEntityMentionName(offset, length, user.id)
        case "custom_emoji":
            return types.MessageEntityCustomEmoji(offset, length, int(entity["custom_emoji_id"]))
        case "expandable_blockquote":
            return types.MessageEntityBlockquote(offset, length, collapsed=True)
    found = _ENTITIES.get(kind)
    return found and found(offset, length)
