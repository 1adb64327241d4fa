"""With people's accounts: logged in in the bot's chat, files by the relay channel, and what is lost goes elsewhere."""

import io
import re
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
import zxingcpp
from PIL import Image

from distributed.acts import answer
from distributed.forkserver import Forkserver
from integration.harness import MIB
from sessions.search import assert_nothing_shows
from sessions.stage import SessionStage, new_session_stage
from teltubby_simulator.model import Message, User
from testbed.control_plane import ControlPlane
from testbed.minio import S3Address
from testbed.rabbitmq import AmqpAddress

PASSWORD = "correct horse battery"
ADAS_PHONE, BOBS_PHONE = "+4915735985610", "+4915735985611"
"""Numbers of people with an account; not the one that the bot gives as an example."""


@pytest.fixture
async def relayed(
    tmp_path: Path, forkserver: Forkserver, s3: S3Address, rabbitmq: AmqpAddress, control_plane: ControlPlane
) -> AsyncIterator["RelayedStage"]:
    """Two workers, two sessions for people, Ada with a two-step password and Bob without, and a channel of all."""
    chart = {"telegram": {"relayChannelId": -1001234567890}, "worker": {"sessions": {"kind": "user"}}}
    async with new_session_stage(tmp_path, s3, rabbitmq, control_plane, 2, forkserver, chart) as stage:
        yield RelayedStage(stage)
        assert_nothing_shows(stage)


class RelayedStage:
    """A stage whose workers read as people."""

    def __init__(self, stage: SessionStage) -> None:
        self.stage = stage
        world = stage.world
        self.ada = world.add_user("Ada", phone=ADAS_PHONE, password=PASSWORD)
        self.bob = world.add_user("Bob", phone=BOBS_PHONE, dc_id=4)
        self.channel = world.add_chat("channel", "relay", None, [self.ada, self.bob])
        world.promote(self.channel, stage.cast.bot)
        stage.settings |= {"MTPROTO_SESSION_KIND": "user", "RELAY_CHANNEL_ID": str(self.channel.id)}
        kubeconfig = stage.slots.kubeconfig("bot", stage.folder)
        pod = "teltubby-bot-0"
        uid = stage.slots.add_pod(pod, "bot")
        stage.own["bot"] = {"KUBECONFIG": str(kubeconfig), "POD_NAME": pod, "POD_UID": uid}
        stage.typed += [PASSWORD, ADAS_PHONE, BOBS_PHONE]

    def copies(self) -> list[Message]:
        """Return what stands in the relay channel."""
        return self.stage.world.messages_in(self.channel.id, self.stage.cast.bot.id)

    async def hears(self, text: str) -> Message:
        """Wait until the bot says so."""
        await self.stage.until(lambda: self._said(text), what=text)
        return self._said(text)[-1]

    def _said(self, text: str) -> list[Message]:
        return [message for message in self.stage.answers() if text in (message.text or message.caption or "")]

    def types(self, text: str) -> Message:
        """Send a message with something that nobody else should see."""
        self.stage.typed.append(text)
        return self.stage.world.send(self.stage.cast.curator, self.stage.cast.bot, text=text)

    def is_deleted(self, message: Message) -> bool:
        """Whether it stands in the chat no more."""
        chat = self.stage.cast.curator.id
        return message.id not in {each.id for each in self.stage.world.messages_in(chat, self.stage.cast.bot.id)}

    async def log_in_by_code(self, person: User, phone: str, password: str | None) -> None:
        """Log somebody in as the guide says."""
        world, before = self.stage.world, len(self.stage.world.codes_sent_to(person))
        asked = self.types(f"/mtcode {phone}")
        await self.stage.until(lambda: len(world.codes_sent_to(person)) > before, what="a code")
        await self.hears("Telegram has sent you a code")
        code = "-".join(world.codes_sent_to(person)[-1])
        gave = self.types(f"/mtcode {code}")
        self.stage.typed.append(code)
        typed = [asked, gave]
        if password is not None:
            await self.hears("two-step password")
            typed.append(self.types(f"/mtpass {password}"))
        await self.hears("Logged in")
        assert all(map(self.is_deleted, typed))


@pytest.mark.timeout(400)
async def test_from_the_login_in_the_chat_to_a_file_of_200_mb(relayed: RelayedStage) -> None:
    stage = relayed.stage
    await stage.start()
    assert "/mtcode qr" in await answer(stage, "/mtstatus")
    film = stage.cast.sends(stage.document("film", 200 * MIB))
    await stage.until(relayed.copies, what="a copy in the relay channel")
    assert [copy.caption for copy in relayed.copies()] == [None]

    await relayed.log_in_by_code(relayed.ada, ADAS_PHONE, PASSWORD)
    await stage.until_ended(film, limit=180)
    stage.assert_archived_once([film])
    assert stage.job_states() == ["COMPLETED"]
    await stage.until(lambda: not relayed.copies(), what="the copy removed")

    status = await answer(stage, "/mtstatus")
    assert re.search(r"🟢 \S+: ready · user · DC 2 · used by worker-\d", status), status
    stage.assert_no_session_was_used_twice()
    assert len(stage.slots.contents()) == 1
    logins = {call.bot_id for call in stage.calls() if call.method == "upload.getFile"}
    assert logins == {relayed.ada.id}, "as a person, not as the bot"


@pytest.mark.timeout(400)
async def test_a_login_by_picture_takes_over_when_another_one_is_ended(relayed: RelayedStage) -> None:
    stage, world = relayed.stage, relayed.stage.world
    await stage.start()
    await relayed.log_in_by_code(relayed.ada, ADAS_PHONE, PASSWORD)
    first = stage.cast.sends(stage.document("first", 21 * MIB))
    await stage.until_ended(first)

    stage.world.send(stage.cast.curator, stage.cast.bot, text="/mtcode qr")
    picture = await relayed.hears("Scan this")
    world.scan_login(relayed.bob, token_in(picture))
    await stage.until(lambda: len(stage.slots.contents()) == 2, what="a second login")
    await stage.until(lambda: relayed.is_deleted(picture), what="the picture removed")

    assert world.end_logins(relayed.ada) == 1
    sent = [stage.cast.sends(stage.document(f"later {number}", 21 * MIB)) for number in range(3)]
    await stage.until_ended(*sent)
    stage.assert_archived_once([first, *sent])
    assert stage.job_states() == ["COMPLETED"] * 4
    alert = await relayed.hears("is lost")
    assert "Log in again: /mtstatus" in (alert.text or "")
    status = await answer(stage, "/mtstatus")
    assert "🔴" in status
    assert "🟢" in status
    assert len(stage.slots.contents()) == 1, "the lost one is emptied"
    stage.assert_no_session_was_used_twice()


def token_in(picture: Message) -> str:
    """Read a QR picture as a phone does; return the token of its link."""
    assert picture.media is not None
    content = picture.media.file.content
    png = Image.open(io.BytesIO(content.read(0, content.size))).convert("L")
    (found,) = zxingcpp.read_barcodes(png)
    link = urlsplit(found.text)
    assert (link.scheme, link.netloc) == ("tg", "login")
    (token,) = parse_qs(link.query)["token"]
    return token
