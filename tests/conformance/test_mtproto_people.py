"""What people have who are logged in: their chats, their own hashes and references; and how their logins end."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import pytest
from telethon import errors
from telethon.sessions import StringSession
from telethon.tl import functions, types

from conformance.mtproto_stage import API_HASH, API_ID, AWAY, Stage, document_at, running
from conformance.rules import accepted, refused
from teltubby_simulator.content import SeededContent
from teltubby_simulator.model import Chat, Message, User

CONTENT = SeededContent("relayed", 700_000)


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    async with running() as found:
        yield found


@pytest.fixture
def grace(stage: Stage) -> User:
    return stage.world.add_user("Grace", phone="491705550101")


@pytest.fixture
def relay(stage: Stage, grace: User) -> Chat:
    return stage.world.add_chat("channel", "Relay", members=[grace, stage.bot])


def relayed(stage: Stage, relay: Chat, dc_id: int = 2) -> Message:
    """Let the bot put a document into the channel."""
    media = stage.world.make_media("document", CONTENT, dc_id=dc_id, file_name="film.bin")
    return stage.world.bot_send(stage.bot, relay, media=media)


async def state(client: Any) -> Any:
    return await client(functions.updates.GetStateRequest())


# Chats and files


@accepted("messages.dialogs")
async def test_a_person_lists_the_channels_the_latest_first(stage: Stage, grace: User, relay: Chat) -> None:
    chats = [stage.world.add_chat("channel", f"News {n}", members=[grace, stage.bot]) for n in range(130)]
    for number, chat in enumerate(chats):
        stage.send(chat=chat, text="news", date=1_700_000_000 + number)
    async with stage.logged_in(grace) as client:
        found = await client.get_dialogs()
        first = await client.get_dialogs(limit=3)
    assert [each.title for each in found] == [f"News {n}" for n in reversed(range(130))] + ["Relay"]
    assert [each.id for each in found[:3]] == [each.id for each in first] == [chat.id for chat in chats[:-4:-1]]
    assert found[0].message.message == "news"
    assert found.total == 131


@accepted("messages.dialogs")
async def test_a_page_begins_behind_the_last_dialog_of_the_one_before(stage: Stage, grace: User, relay: Chat) -> None:
    others = [stage.world.add_chat("channel", f"News {n}", members=[grace, stage.bot]) for n in range(2)]
    for number, chat in enumerate([relay, *others]):
        stage.send(chat=chat, text="news", date=1_700_000_000 + number)
    async with stage.logged_in(grace) as client:
        page = functions.messages.GetDialogsRequest(None, 0, types.InputPeerEmpty(), limit=2, hash=0)
        first = await client(page)
        last = first.chats[-1]
        page.offset_peer = types.InputPeerChannel(last.id, last.access_hash)
        second = await client(page)
        page.offset_peer, page.offset_date = types.InputPeerEmpty(), first.messages[-1].date
        same = await client(page)
        page.limit, page.offset_date = 3, None
        everything = await client(page)
    assert [chat.title for chat in first.chats] == ["News 1", "News 0"]
    assert [chat.title for chat in second.chats] == [chat.title for chat in same.chats] == ["Relay"]
    assert (type(first), first.count, second.count) == (types.messages.DialogsSlice, 3, 3)
    assert (type(everything), len(everything.dialogs)) == (types.messages.Dialogs, 3)


@refused("messages.dialogs")
async def test_channels_of_others_are_not_listed(stage: Stage, grace: User) -> None:
    stage.world.add_chat("channel", "Others", members=[stage.person, stage.bot])
    left = stage.world.add_chat("channel", "Left", members=[grace, stage.bot])
    stage.world.leave(left, grace)
    async with stage.logged_in(grace) as client:
        assert await client.get_dialogs() == []


@accepted("messages.shared-ids", "messages.channels", "channels.access-hash")
@pytest.mark.parametrize("dc_id", [2, AWAY])
async def test_a_member_reads_and_downloads_what_the_bot_put_into_a_channel(
    stage: Stage, grace: User, relay: Chat, dc_id: int
) -> None:
    post = relayed(stage, relay, dc_id)
    async with stage.logged_in(grace) as client, stage.telethon() as bot:
        await client.get_dialogs()
        found = await client.get_messages(relay.id, ids=post.id)
        assert await client.download_media(found, bytes) == CONTENT.read(0, CONTENT.size)
        channel = types.InputChannel(-relay.id - 10**12, 0)
        answer = await bot(functions.channels.GetMessagesRequest(channel, [types.InputMessageID(post.id)]))
    theirs, own = answer.messages[0].document, found.document
    assert (found.id, own.id) == (post.id, theirs.id)
    assert own.access_hash != theirs.access_hash
    assert own.file_reference != theirs.file_reference


@refused("messages.shared-ids")
async def test_hashes_and_references_of_another_account_are_of_no_use(stage: Stage, grace: User, relay: Chat) -> None:
    post, member = relayed(stage, relay), stage.world.add_user("Ida", phone="491705550105")
    stage.world.join(relay, member)
    async with AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(stage.logged_in(user)) for user in (grace, member)]
        for client in clients:
            await client.get_dialogs()
        (mine, theirs) = [await client.get_messages(relay.id, ids=post.id) for client in clients]
        client, foreign = clients[0], await clients[1].get_input_entity(relay.id)
        with pytest.raises(errors.ChannelInvalidError):
            await client(
                functions.channels.GetMessagesRequest(
                    types.InputChannel(foreign.channel_id, foreign.access_hash), [types.InputMessageID(post.id)]
                )
            )
        reference = document_at(mine, file_reference=theirs.document.file_reference)
        with pytest.raises(errors.FileReferenceInvalidError):
            await client(functions.upload.GetFileRequest(reference, 0, 4096))
        with pytest.raises(errors.LocationInvalidError):
            await client(functions.upload.GetFileRequest(document_at(theirs), 0, 4096))


@refused("messages.channels", "channels.access-hash")
async def test_who_is_no_member_any_more_and_who_shows_no_hash_reads_nothing(
    stage: Stage, grace: User, relay: Chat
) -> None:
    post = relayed(stage, relay)
    async with stage.logged_in(grace) as client:
        await client.get_dialogs()
        for access_hash in (0, 1):
            channel = types.InputChannel(-relay.id - 10**12, access_hash)
            with pytest.raises(errors.ChannelInvalidError):
                await client(functions.channels.GetChannelsRequest([channel]))
        stage.world.leave(relay, grace)
        with pytest.raises(errors.ChannelPrivateError):
            await client.get_messages(relay.id, ids=post.id)


@accepted("messages.private-ids")
async def test_each_side_of_a_private_chat_counts_for_itself(stage: Stage, grace: User) -> None:
    asked = stage.world.send(grace, stage.bot, text="hello")
    answered = stage.world.bot_send(stage.bot, grace, text="welcome", reply_to=asked)
    async with stage.logged_in(grace) as client:
        first, second, code = await client.get_messages(None, ids=[1, 2, 3])
    assert [(each.message, each.out, each.peer_id.user_id) for each in (first, second)] == [
        ("hello", True, stage.bot.id),
        ("welcome", False, stage.bot.id),
    ]
    assert (first.id, second.id, second.reply_to.reply_to_msg_id) == (1, 2, 1)
    assert answered.id == 3  # the bot had a message of somebody else before
    assert code.peer_id.user_id == 777000
    assert stage.world.codes_sent_to(grace)[0] in code.message


@refused("messages.private-ids")
async def test_nobody_reads_what_others_write_to_the_bot(stage: Stage, grace: User) -> None:
    secret = stage.send(text="not for Grace")
    async with stage.logged_in(grace) as client:
        await client.get_dialogs()
        found = await client.get_messages(None, ids=[secret.id, secret.id + 1])
    assert [each and each.message for each in found if each and "Grace" in each.message] == []
    assert found[1] is None


# How logins end


@accepted("auth.logout")
async def test_a_person_logs_out(stage: Stage, grace: User) -> None:
    async with stage.logged_in(grace) as client:
        assert await client.log_out()
    assert stage.world.logins.of(grace) == []


@refused("auth.logout")
async def test_a_login_that_was_ended_is_not_taken_up_again(stage: Stage, grace: User) -> None:
    session = StringSession()
    async with stage.logged_in(grace, session=session) as client:
        saved = session.save()
        await client.log_out()
    async with stage.telethon(session=StringSession(saved), login=False) as client:
        assert not await client.is_user_authorized()
        with pytest.raises(errors.AuthKeyUnregisteredError):
            await state(client)


@accepted("login.ended", "login.deactivated")
async def test_a_login_goes_on_with_its_saved_session(stage: Stage, grace: User) -> None:
    session = StringSession()
    async with stage.logged_in(grace, session=session):
        saved = session.save()
    async with stage.telethon(session=StringSession(saved), login=False) as client:
        assert (await client.get_me()).id == grace.id


@refused("login.ended")
async def test_the_owner_ends_all_logins_also_where_they_were_carried_to(stage: Stage, grace: User) -> None:
    async with (
        stage.logged_in(grace) as client,
        stage.telethon(login=False, dc_id=AWAY) as away,
        stage.telethon() as bot,
    ):
        exported = await client(functions.auth.ExportAuthorizationRequest(AWAY))
        await away(functions.auth.ImportAuthorizationRequest(exported.id, exported.bytes))
        assert stage.world.end_logins(grace) == stage.world.end_logins(stage.bot) == 1
        with pytest.raises(errors.SessionRevokedError):
            await state(client)
        with pytest.raises(errors.SessionRevokedError):
            await away(functions.auth.ExportAuthorizationRequest(2))
        with pytest.raises(errors.AuthKeyUnregisteredError):
            await state(bot)


@refused("login.deactivated")
async def test_banned_and_deleted_accounts_are_told_so(stage: Stage, grace: User) -> None:
    other = stage.world.add_user("Ida", phone="491705550105")
    async with stage.logged_in(grace) as banned, stage.logged_in(other) as deleted:
        stage.world.deactivate(grace)
        stage.world.deactivate(other, deleted=True)
        with pytest.raises(errors.UserDeactivatedBanError):
            await state(banned)
        with pytest.raises(errors.UserDeactivatedError):
            await state(deleted)
    with pytest.raises(errors.PhoneNumberBannedError):
        async with stage.logged_in(grace):
            pytest.fail("logged in")


# What bots cannot do

FOR_PEOPLE = [
    functions.auth.SendCodeRequest("491705550101", API_ID, API_HASH, types.CodeSettings()),
    functions.auth.ExportLoginTokenRequest(API_ID, API_HASH, []),
    functions.auth.AcceptLoginTokenRequest(b"token"),
    functions.account.GetPasswordRequest(),
    functions.messages.GetDialogsRequest(None, 0, types.InputPeerEmpty(), 10, 0),
]


@accepted("methods.people")
async def test_a_person_calls_what_is_for_people(stage: Stage, grace: User) -> None:
    async with stage.logged_in(grace) as client:
        assert (await client(functions.account.GetPasswordRequest())).has_password is False
        assert await client.get_dialogs() == []


@refused("methods.people")
@pytest.mark.parametrize("request_", FOR_PEOPLE, ids=lambda each: type(each).__name__)
async def test_a_bot_is_refused_what_is_for_people(stage: Stage, grace: User, request_: Any) -> None:
    async with stage.telethon() as client:
        with pytest.raises(errors.BotMethodInvalidError):
            await client(request_)
    assert stage.world.codes_sent_to(grace) == []
