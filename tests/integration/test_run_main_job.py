"""The main job, by the real process: what a user sends is in the archive, and the user is told."""

import json
import time
from typing import Any

from integration.harness import MIB, Stage
from teltubby_simulator.content import BytesContent
from teltubby_simulator.model import ForwardOrigin, OriginChannel, OriginHiddenUser, OriginUser


def documents(stage: Stage) -> list[dict[str, Any]]:
    return [json.loads(path.read_text()) for path in sorted(stage.archive.rglob("message.json"))]


async def test_every_kind_arrives_with_its_document(stage: Stage):
    await stage.start()
    world, cast = stage.world, stage.cast
    sent = [
        cast.sends(stage.photo(b"p"), "Слава – the 1st photo of six words and more"),
        cast.sends(world.make_media("video", BytesContent(b"v" * 5000), mime_type="video/mp4", width=4, height=2)),
        cast.sends(stage.document("d", 3 * MIB, "Отчёт.tar.gz")),
        cast.sends(world.make_media("audio", BytesContent(b"a" * 500), mime_type="audio/mpeg", duration=3)),
        cast.sends(world.make_media("voice", BytesContent(b"o" * 500), mime_type="audio/ogg", duration=3)),
    ]
    await stage.until_ended(*sent)
    stage.assert_archived_once(sent)
    items = [document["telegram"]["items"][0] for document in documents(stage)]
    assert {item["type"] for item in items} == {"photo", "video", "document", "audio", "voice"}
    photo = next(item for item in items if item["type"] == "photo")
    assert (photo["width"], photo["height"]) == (1280, 853), "the largest size only"
    assert "_001_slava-the-1st-photo-of.jpg" in photo["s3_key"] or "slava" in photo["s3_key"]
    assert await stage.stop() == 0


async def test_forward_origins_reach_the_metadata_and_name_the_folder(stage: Stage):
    await stage.start()
    world, cast = stage.world, stage.cast
    channel = world.add_chat("channel", "Nature Daily", "naturedaily")
    author = world.add_user("Grace", username="grace")
    then = int(time.time()) - 1000
    origins: list[ForwardOrigin] = [
        OriginChannel(channel, 42, then),
        OriginUser(author, then),
        OriginHiddenUser("Somebody Ünknown", then),
    ]
    sent = [cast.sends(stage.photo(bytes([n])), origin=origin) for n, origin in enumerate(origins, 1)]
    await stage.until_ended(*sent)
    stage.assert_archived_once(sent)
    by_type = {d["telegram"]["forward_origin"]["type"]: d for d in documents(stage)}
    assert by_type["channel"]["telegram"]["forward_origin"]["message_id"] == 42
    assert "/naturedaily/" in by_type["channel"]["base_path"]
    assert "/grace/" in by_type["user"]["base_path"]
    assert by_type["hidden_user"]["telegram"]["forward_origin"]["name"] == "Somebody Ünknown"
    assert "/somebody-unknown/" in by_type["hidden_user"]["base_path"]


async def test_an_album_of_mixed_kinds_and_routes_is_one_message(stage: Stage):
    await stage.start()
    files = [(stage.photo(b"x"), "Our summer"), (stage.document("big", 21 * MIB, "film.mkv"), None)]
    files.append((stage.document("small", MIB, "notes.txt"), None))
    sent = stage.cast.sends_album(files)
    await stage.until_ended(sent[0])
    stage.assert_archived_once(sent)
    (document,) = documents(stage)
    assert document["telegram"]["message_id"] == min(message.id for message in sent)
    assert document["files_count"] == 3
    assert document["telegram"]["caption_plain"] == "Our summer"
    assert [item["ordinal"] for item in document["telegram"]["items"]] == [1, 2, 3]
    assert [item["route"] for item in document["telegram"]["items"]] == ["bot_api", "mtproto", "bot_api"]
    assert len(stage.answers()) == 1


async def test_a_late_item_joins_its_album(stage: Stage):
    await stage.start()
    world, cast = stage.world, stage.cast
    sent = cast.sends_album([(stage.photo(b"1"), None), (stage.photo(b"2"), None)])
    await stage.until_ended(sent[0])
    group = sent[0].media_group_id
    late = world.send(cast.curator, cast.bot, media=stage.photo(b"3"), media_group_id=group)
    cast.sent.append(late)
    await stage.until(lambda: "3 photos" in stage.said_to(sent[0]), what="the late item's outcome")
    await stage.until(lambda: documents(stage)[0]["files_count"] == 3)
    await stage.until_ended(sent[0])
    stage.assert_archived_once(cast.sent)


async def test_equal_bytes_are_stored_once_however_they_come(stage: Stage):
    other = stage.add_curator("Babbage")
    await stage.start()
    world, cast = stage.world, stage.cast
    file = stage.document("same", MIB)
    first = cast.sends(file)
    await stage.until_ended(first)
    again = cast.sends(file)
    twin = cast.sends(stage.document("same", MIB, "renamed.bin"))  # another file to Telegram, the same bytes
    theirs = world.send(other, cast.bot, media=file)
    await stage.until_ended(again, twin, theirs)
    stage.assert_archived_once([first, again, twin, theirs])
    reasons = [d["dedup_reason"] for d in documents(stage)]
    assert sorted(filter(None, reasons)) == ["file_unique_id", "file_unique_id", "sha256"]
    assert "teltubby/" in stage.said_to(again)
    assert stage.said_to(theirs) == "♻️ Already archived: 1 document"


async def test_two_large_copies_in_flight_end_as_one_object(stage: Stage):
    other = stage.add_curator("Babbage")
    await stage.start()
    file = stage.document("large twin", 25 * MIB)
    first = stage.cast.sends(file)
    second = stage.world.send(other, stage.cast.bot, media=file)
    await stage.until_ended(first, second)
    await stage.until(lambda: len(list(stage.archive.rglob("*.bin"))) == 1, what="the second object removed")
    stage.assert_archived_once([first, second])


async def test_strangers_and_groups_get_silence(stage: Stage):
    await stage.start()
    world, cast = stage.world, stage.cast
    group = world.add_chat("group", "Curators", members=[cast.bot, cast.curator])
    world.send(cast.stranger, cast.bot, media=stage.photo(b"s"), caption="secret plans")
    world.post_in_group(group, cast.curator, text="/start@" + (cast.bot.username or ""))
    sent = cast.sends(stage.photo(b"ok"))
    await stage.until_ended(sent)
    stage.assert_archived_once([sent])
    assert stage.answers(cast.stranger) == []
    assert len(world.journal.entries("sendMessage")) == 1
    assert "ignored: stranger" in stage.log()
    assert "ignored: not a private chat" in stage.log()
    assert "secret plans" not in stage.log()


async def test_commands_and_hints_are_answered(stage: Stage):
    await stage.start()
    world, cast = stage.world, stage.cast
    asked = [world.send(cast.curator, cast.bot, text=text) for text in ("/start", "/help", "/status", "/nope", "hello")]
    await stage.until(lambda: all(map(stage.said_to, asked)), what="five answers")
    start, help_, status, unknown, hint = map(stage.said_to, asked)
    assert "archive every byte" in start
    assert "/status" in help_
    assert "0 files" in status
    assert "I don't know /nope" in unknown
    assert "can't archive text" in hint


async def test_without_api_credentials_a_large_file_waits_as_a_job_and_is_fetched_once_they_are_there(stage: Stage):
    credentials = {name: stage.settings.pop(name) for name in ("MTPROTO_API_ID", "MTPROTO_API_HASH")}
    await stage.start()
    message = stage.cast.sends(stage.document("patience", 30 * MIB))
    await stage.until(
        lambda: "MTPROTO_API_ID and MTPROTO_API_HASH not set" in stage.said_to(message),
        what="the user is told",
    )
    assert "Job Queued 📥" in stage.said_to(message)
    assert await stage.stop() == 0
    stage.settings |= credentials
    await stage.start()
    await stage.until_ended(message)
    stage.assert_archived_once([message])
    assert len(stage.answers()) == 1, "the same reply, edited"


async def test_the_session_is_kept_encrypted_and_used_again(stage: Stage):
    await stage.start()
    await stage.until_ended(stage.cast.sends(stage.document("one", 21 * MIB)))
    assert await stage.stop() == 0
    await stage.start()
    await stage.until_ended(stage.cast.sends(stage.document("two", 21 * MIB)))
    assert await stage.stop() == 0
    stage.assert_archived_once(stage.cast.sent)
    assert len(stage.world.journal.entries("auth.importBotAuthorization")) == 1
    token = stage.settings["TELEGRAM_BOT_TOKEN"]
    assert token not in stage.log()
    assert not any(token.encode() in path.read_bytes() for path in stage.database.parent.iterdir())


async def test_a_file_over_the_limit_is_skipped_with_the_reason(stage: Stage):
    stage.settings["MAX_FILE_GB"] = "0.01"
    await stage.start()
    album = stage.cast.sends_album([(stage.document("too large", 11 * MIB), None), (stage.document("fits", MIB), None)])
    await stage.until_ended(album[0])
    (document,) = documents(stage)
    skipped, kept = document["telegram"]["items"]
    assert skipped["skipped_reason"] == "larger than the limit of 0.01 GB (MAX_FILE_GB)"
    assert skipped["s3_key"] is None
    assert kept["s3_key"] in document["keys"]
    assert document["notes"] == ["item 1 skipped: larger than the limit of 0.01 GB (MAX_FILE_GB)"]
    assert "⏭ #1 skipped: larger than the limit" in stage.said_to(album[0])


async def test_what_the_bot_api_refuses_as_too_big_becomes_a_job(stage: Stage):
    stage.settings["BOT_API_MAX_FILE_SIZE_BYTES"] = str(50 * MIB)  # more than this Bot API really hands out
    await stage.start()
    message = stage.cast.sends(stage.document("refused", 21 * MIB))
    await stage.until_ended(message)
    stage.assert_archived_once([message])
    assert documents(stage)[0]["telegram"]["items"][0]["route"] == "mtproto"
    assert [entry.outcome for entry in stage.world.journal.entries("getFile")] != ["ok"]


async def test_what_can_not_be_had_any_more_is_told_and_noted(stage: Stage):
    await stage.start()
    stage.simulator.world.faults.mtproto.latency = 0.2
    album = stage.cast.sends_album([(stage.document("kept", MIB), None), (stage.document("gone", 30 * MIB), None)])
    stage.world.delete(album[1])
    await stage.until(lambda: "❌ #2 failed" in stage.said_to(album[0]), what="the user is told")
    await stage.until(lambda: documents(stage), what="the document")
    (document,) = documents(stage)
    assert document["keys"] == [document["telegram"]["items"][0]["s3_key"]]
    (note,) = document["notes"]
    assert note.startswith("item 2 failed: ")
