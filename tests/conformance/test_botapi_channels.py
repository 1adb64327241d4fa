"""What a bot does in a channel whose administrator it is, as python-telegram-bot sees it."""

import pytest
from telegram.constants import ChatMemberStatus
from telegram.error import Forbidden

from conformance.botapi_stage import MIB, Stage, refusal
from conformance.rules import accepted, refused
from teltubby_simulator.model import AdminRight, Chat, Media, Message

NO_RIGHTS = "need administrator rights in the channel chat"


@pytest.fixture
def relay(botapi: Stage) -> Chat:
    return botapi.world.add_chat("channel", "Relay", members=[botapi.user, botapi.person])


@pytest.fixture
def document(botapi: Stage) -> Media:
    """One that is too large for a bot to download."""
    return botapi.document(30 * MIB)


@pytest.fixture
def sent(botapi: Stage, document: Media) -> Message:
    """The document, which the person has sent in private."""
    return botapi.world.send(botapi.person, botapi.user, media=document)


@accepted("botapi.channel-rights", "botapi.copy", "botapi.membership")
async def test_a_bot_copies_from_a_private_chat_into_its_channel(
    botapi: Stage, relay: Chat, sent: Message, document: Media
):
    received = (await botapi.seen())[-1].message
    copied = await botapi.bot.copy_message(relay.id, botapi.person.id, sent.id)
    (post,) = botapi.world.messages_in_channel(relay.id, [copied.message_id])
    assert post is not None
    assert post.media is not None
    forwarded = await botapi.bot.forward_message(botapi.person.id, relay.id, copied.message_id)
    assert post.media.file.id == document.file.id
    assert (post.sender, post.forward_origin) == (None, None)
    assert forwarded.document.file_unique_id == received.document.file_unique_id


@refused("botapi.channel-rights")
@pytest.mark.parametrize("rights", [set(), {"can_delete_messages"}, {"can_edit_messages"}])
async def test_without_the_right_to_post_nothing_is_copied_or_sent(
    botapi: Stage, relay: Chat, sent: Message, rights: set[AdminRight]
):
    botapi.world.promote(relay, botapi.user, rights)
    with refusal(NO_RIGHTS):
        await botapi.bot.copy_message(relay.id, botapi.person.id, sent.id)
    with refusal(NO_RIGHTS):
        await botapi.bot.send_message(relay.id, "hello")
    assert botapi.world.messages_in(relay.id, botapi.user.id) == []


@refused("botapi.membership", "botapi.channel-rights")
async def test_into_a_channel_without_the_bot_nothing_is_copied(botapi: Stage, relay: Chat, sent: Message):
    botapi.world.leave(relay, botapi.user)
    with refusal("forbidden: bot is not a member of the channel chat", Forbidden):
        await botapi.bot.copy_message(relay.id, botapi.person.id, sent.id)


@accepted("botapi.delete")
async def test_a_bot_deletes_posts_of_its_own_and_with_that_right_those_of_others(
    botapi: Stage, relay: Chat, sent: Message
):
    copied = await botapi.bot.copy_message(relay.id, botapi.person.id, sent.id)
    other = botapi.world.send(relay, botapi.user, text="by the owner")
    assert await botapi.bot.delete_message(relay.id, other.id)
    botapi.world.promote(relay, botapi.user, {"can_post_messages"})
    assert await botapi.bot.delete_message(relay.id, copied.message_id)
    assert botapi.world.messages_in(relay.id, botapi.user.id) == []


@refused("botapi.delete")
async def test_a_bot_deletes_nothing_without_the_right_to(botapi: Stage, relay: Chat, sent: Message):
    copied = await botapi.bot.copy_message(relay.id, botapi.person.id, sent.id)
    other = botapi.world.send(relay, botapi.user, text="by the owner")
    botapi.world.promote(relay, botapi.user, {"can_post_messages"})
    with refusal("message can't be deleted"):
        await botapi.bot.delete_message(relay.id, other.id)
    botapi.world.promote(relay, botapi.user, {"can_edit_messages"})
    with refusal("message can't be deleted"):
        await botapi.bot.delete_message(relay.id, copied.message_id)


@accepted("botapi.chat-member")
async def test_a_bot_learns_what_it_may_do_and_who_is_a_member(botapi: Stage, relay: Chat):
    botapi.world.promote(relay, botapi.user, {"can_post_messages"})
    stranger = botapi.world.add_user("Eve")
    own = await botapi.bot.get_chat_member(relay.id, botapi.user.id)
    assert (own.status, own.can_post_messages, own.can_delete_messages) == (ChatMemberStatus.ADMINISTRATOR, True, False)
    others = [await botapi.bot.get_chat_member(relay.id, each.id) for each in (botapi.person, stranger)]
    assert [each.status for each in others] == [ChatMemberStatus.MEMBER, ChatMemberStatus.LEFT]
    assert (await botapi.bot.get_chat_member(botapi.person.id, botapi.user.id)).status == ChatMemberStatus.MEMBER
    assert (await botapi.bot.get_chat(relay.id)).title == "Relay"


@refused("botapi.chat-member")
async def test_a_bot_learns_nothing_of_nobody_and_of_other_chats(botapi: Stage, relay: Chat):
    with refusal("PARTICIPANT_ID_INVALID"):
        await botapi.bot.get_chat_member(relay.id, 5)
    with refusal("invalid user_id specified"):
        await botapi.bot.get_chat_member(relay.id, 0)
    with refusal("member not found"):
        await botapi.bot.get_chat_member(botapi.person.id, botapi.world.add_user("Eve").id)
    botapi.world.leave(relay, botapi.user)
    with refusal("forbidden: bot is not a member of the channel chat", Forbidden):
        await botapi.bot.get_chat_member(relay.id, botapi.person.id)
