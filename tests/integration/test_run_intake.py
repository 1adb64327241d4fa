"""All that people can send, and how odd it can be, by the real process beside the simulated Telegram."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from integration.harness import MIB, Stage
from teltubby_simulator.content import BytesContent
from teltubby_simulator.model import Media, Message, OriginChat

EMPTY = hashlib.sha256(b"").hexdigest()


def documents(stage: Stage) -> list[dict[str, Any]]:
    return [json.loads(path.read_text("utf-8")) for path in sorted(stage.archive.rglob("message.json"))]


def document_of(stage: Stage, message: Message) -> dict[str, Any]:
    return next(each for each in documents(stage) if each["telegram"]["message_id"] == message.id)


def bytes_of(stage: Stage, document: dict[str, Any]) -> list[bytes]:
    return [(stage.archive / key).read_bytes() for key in document["keys"]]


def file(stage: Stage, kind: Any, content: bytes, **fields: Any) -> Media:
    return stage.world.files.make_media(kind, BytesContent(content), **fields)


async def test_round_videos_animations_and_each_format_of_stickers_keep_their_kind(stage: Stage):
    await stage.start()
    sent = {
        "mp4": stage.cast.sends(file(stage, "video_note", b"round" * 99, width=240, height=240, duration=2)),
        "gif.mp4": stage.cast.sends(
            file(stage, "animation", b"gif" * 99, mime_type="video/mp4", file_name="a.gif.mp4")
        ),
        "webp": stage.cast.sends(file(stage, "sticker", b"still" * 99, width=512, height=512)),
        "tgs": stage.cast.sends(file(stage, "sticker", b"moves" * 99, sticker_format="animated")),
        "webm": stage.cast.sends(file(stage, "sticker", b"film" * 99, sticker_format="video")),
    }
    await stage.until_ended(*sent.values())
    stage.assert_archived_once(stage.cast.sent)
    kinds = {}
    for ending, message in sent.items():
        (item,) = document_of(stage, message)["telegram"]["items"]
        assert item["s3_key"].endswith("." + ending.rpartition(".")[2]), item["s3_key"]
        kinds[ending] = item["type"]
    assert list(kinds.values()) == ["video_note", "animation", "sticker", "sticker", "sticker"]


SPECIAL: dict[str, dict[str, object]] = {
    "location": {"latitude": 1.0, "longitude": 2.0},
    "contact": {"phone_number": "+1", "first_name": "X"},
    "dice": {"emoji": "🎲", "value": 3},
    "venue": {"location": {"latitude": 1.0, "longitude": 2.0}, "title": "T", "address": "A"},
}


async def test_what_is_no_file_is_answered_with_what_it_is(stage: Stage):
    await stage.start()
    world, cast = stage.world, stage.cast
    asked = {name: world.send(cast.curator, cast.bot, special={name: form}) for name, form in SPECIAL.items()}
    await stage.until(lambda: all(map(stage.said_to, asked.values())), what="the answers")
    for name, message in asked.items():
        assert stage.said_to(message).startswith(f"I can't archive a {name}, only files")
    assert documents(stage) == []


async def test_a_forward_from_an_anonymous_group_administrator_names_the_group(stage: Stage):
    await stage.start()
    group = stage.world.add_chat("supergroup", "Freunde schöner Bücher")
    sent = stage.cast.sends(stage.photo(b"p"), origin=OriginChat(group, 1_700_000_000, "die Leitung"))
    await stage.until_ended(sent)
    document = document_of(stage, sent)
    origin = document["telegram"]["forward_origin"]
    assert (origin["type"], origin["title"], origin["author_signature"]) == ("chat", group.title, "die Leitung")
    assert "/freunde-schoner-bucher/" in document["base_path"]


async def test_edited_captions_are_kept_one_and_all(stage: Stage):
    await stage.start()
    world, cast = stage.world, stage.cast
    small = cast.sends(stage.photo(b"small"), "first")
    large = cast.sends(stage.document("large", 21 * MIB), "under way")
    world.edit(large, caption="edited under way")
    await stage.until_ended(small, large)
    world.edit(small, caption="second")
    world.edit(small, caption="third")
    await stage.until(lambda: document_of(stage, small)["telegram"]["caption_plain"] == "third", what="the edits")
    edits = document_of(stage, small)["edits"]
    assert [edit["caption_plain"] for edit in edits] == ["first", "second"]
    assert document_of(stage, large)["telegram"]["caption_plain"] == "edited under way"
    assert [edit["caption_plain"] for edit in document_of(stage, large)["edits"]] == ["under way"]
    stage.assert_archived_once(cast.sent)
    assert len(stage.answers()) == 2


async def test_edits_of_strangers_and_of_what_is_not_ours_are_counted_only(stage: Stage):
    world, cast = stage.world, stage.cast
    await stage.start()
    text = world.send(cast.curator, cast.bot, text="a note")
    theirs = world.send(cast.stranger, cast.bot, media=stage.photo(b"theirs"), caption="x")
    world.edit(text, text="another note")
    world.edit(theirs, caption="y")
    status = world.send(cast.curator, cast.bot, text="/status")
    await stage.until(lambda: "2 stranger" in stage.said_to(status), what="the counts")
    assert "1 edit of an unknown message" in stage.said_to(status)
    assert documents(stage) == []


@pytest.mark.parametrize("size", [MIB, 21 * MIB], ids=["small", "large"])
async def test_a_file_that_an_edit_puts_in_place_of_another_joins_it(stage: Stage, size: int):
    await stage.start()
    world, cast = stage.world, stage.cast
    first, second = stage.document("before", size), stage.document("after", size)
    message = cast.sends(first, "before")
    await stage.until_ended(message)
    world.edit(message, media=second, caption="after")
    await stage.until(lambda: document_of(stage, message)["files_count"] == 2, what="the second file")
    await stage.until_ended(message)
    document = document_of(stage, message)
    contents = [each.file.content.read(0, size) for each in (first, second)]
    assert bytes_of(stage, document) == contents
    assert document["telegram"]["caption_plain"] == "after"
    assert "took the place of item 1" in document["notes"][0]
    stage.assert_nothing_left()


async def test_the_same_large_file_is_fetched_once_for_all_who_sent_it(stage: Stage):
    other = stage.add_curator("Babbage")
    await stage.start()
    stage.world.faults.mtproto.latency = 0.1
    large = stage.document("popular", 30 * MIB)
    messages = [stage.cast.sends(large), stage.cast.sends(large), stage.world.send(other, stage.cast.bot, media=large)]
    await stage.until(lambda: "on its way already" in stage.said_to(messages[1]), what="the follower's answer")
    await stage.until_ended(*messages)
    stage.assert_archived_once(messages)
    assert sorted(d["dedup_reason"] or "" for d in documents(stage)) == ["", "file_unique_id", "file_unique_id"]
    calls = stage.world.journal.entries("upload.getFile")
    assert len([entry for entry in calls if entry.outcome == "ok"]) <= 30 + 2, "each part once"
    assert stage.said_to(messages[2]) == "♻️ Already archived: 1 document"


async def test_when_the_first_senders_message_is_gone_the_next_ones_is_fetched(stage: Stage):
    await stage.start()
    stage.world.faults.mtproto.latency = 0.1
    large = stage.document("popular", 30 * MIB)
    first, second, third = (stage.cast.sends(large) for _ in range(3))
    stage.world.delete(first)
    await stage.until_ended(second, third)
    # An answer to a message that is gone stands alone.
    await stage.until(
        lambda: any((a.text or "").startswith("⚠️ Not archived") for a in stage.answers()), what="the first one's end"
    )
    assert document_of(stage, second)["keys"] != []
    assert document_of(stage, third)["duplicate_of"] == document_of(stage, second)["keys"][0]
    assert len(list(stage.archive.rglob("*.bin"))) == 1


async def test_a_follower_is_served_after_a_kill_too(stage: Stage):
    await stage.start()
    stage.world.faults.mtproto.latency = 0.5
    large = stage.document("popular", 30 * MIB)
    messages = [stage.cast.sends(large) for _ in range(3)]
    await stage.until(lambda: stage.log().count("which follows") == 2, what="the followers")
    await stage.kill()
    await stage.start()
    await stage.until_ended(*messages)
    stage.assert_archived_once(messages)


async def test_one_large_file_twice_in_an_album_is_fetched_once(stage: Stage):
    await stage.start()
    large = stage.document("twice", 21 * MIB)
    album = stage.cast.sends_album([(large, None), (large, None), (stage.photo(b"x"), None), (stage.photo(b"x"), None)])
    await stage.until_ended(album[0])
    (document,) = documents(stage)
    assert len(document["keys"]) == 2
    assert [item["duplicate_of"] for item in document["telegram"]["items"]][1] == document["keys"][0]
    assert document["duplicate_of"] is None
    stage.assert_nothing_left()


async def test_items_of_an_album_that_come_apart_and_out_of_order_are_in_telegrams_order(stage: Stage):
    stage.settings["ALBUM_AGGREGATION_WINDOW_SECONDS"] = "3"
    await stage.start()
    world, cast = stage.world, stage.cast
    world.hold_updates(cast.bot)
    album = cast.sends_album([(stage.photo(bytes([n])), f"c{n}") for n in range(4)])
    world.release_updates(cast.bot, [2, 0])
    await stage.until(lambda: "2 photos so far" in stage.said_to(album[2]), what="the first two")
    world.release_updates(cast.bot)
    await stage.until(lambda: documents(stage), what="the document")
    (document,) = documents(stage)
    assert document["telegram"]["message_id"] == album[0].id
    assert [item["message_id"] for item in document["telegram"]["items"]] == [each.id for each in album]
    assert [item["caption_plain"] for item in document["telegram"]["items"]] == ["c0", "c1", "c2", "c3"]


async def test_an_item_that_comes_after_a_restart_joins_its_album(stage: Stage):
    await stage.start()
    world, cast = stage.world, stage.cast
    world.hold_updates(cast.bot)
    album = cast.sends_album([(stage.photo(b"1"), None), (stage.document("late", 21 * MIB), None)])
    world.release_updates(cast.bot, [0])
    await stage.until_ended(album[0])
    assert await stage.stop() == 0
    world.release_updates(cast.bot)
    await stage.start()
    await stage.until(lambda: documents(stage)[0]["files_count"] == 2, what="the late item")
    await stage.until_ended(album[0])
    stage.assert_archived_once(cast.sent)


async def test_without_dedup_the_same_file_is_two_objects_on_both_routes(stage: Stage):
    stage.settings["DEDUP_ENABLE"] = "false"
    await stage.start()
    for seed, size in (("small", MIB), ("large", 21 * MIB)):
        same = stage.document(seed, size)
        sent = [stage.cast.sends(same), stage.cast.sends(same)]
        await stage.until_ended(*sent)
        for message in sent:
            document = document_of(stage, message)
            assert (document["duplicate_of"], len(document["keys"])) == (None, 1)
            assert bytes_of(stage, document) == [same.file.content.read(0, size)]
    stage.assert_nothing_left()


@pytest.mark.parametrize("told", ["absent", 5])
async def test_a_small_file_of_another_size_than_announced_is_stored_with_a_note(stage: Stage, told: Any):
    await stage.start()
    message = stage.cast.sends(file(stage, "document", b"the truth", file_name="a.txt", told_size=told))
    await stage.until_ended(message)
    document = document_of(stage, message)
    assert bytes_of(stage, document) == [b"the truth"]
    assert document["telegram"]["items"][0]["size_bytes"] == 9
    assert document["notes"] == ([] if told == "absent" else ["item 1: Telegram announced 5 bytes, sent 9"])
    assert "⏸" not in stage.log()


async def test_an_empty_file_is_archived_empty(stage: Stage):
    await stage.start()
    first = stage.cast.sends(file(stage, "document", b"", file_name="empty.txt"))
    await stage.until_ended(first)
    second = stage.cast.sends(file(stage, "document", b"", file_name="empty too.txt"))
    await stage.until_ended(second)
    (item,) = document_of(stage, first)["telegram"]["items"]
    assert (item["size_bytes"], item["sha256"]) == (0, EMPTY)
    assert bytes_of(stage, document_of(stage, first)) == [b""]
    assert document_of(stage, second)["dedup_reason"] == "sha256"


async def test_a_file_over_the_limit_is_skipped_though_its_size_was_not_told(stage: Stage):
    stage.settings["MAX_FILE_GB"] = str(21 * MIB / 1024**3)
    await stage.start()
    content = stage.document("over", 22 * MIB).file.content
    huge = stage.world.files.make_media("document", content, file_name="huge.bin", told_size="absent")
    message = stage.cast.sends(huge)
    await stage.until(lambda: "⏭ skipped: larger than the limit" in stage.said_to(message), what="the answer")
    await stage.until(lambda: documents(stage), what="the document")
    (document,) = documents(stage)
    assert "MAX_FILE_GB" in document["telegram"]["items"][0]["skipped_reason"]
    assert document["keys"] == []
    stage.assert_nothing_left()


async def test_a_local_bot_api_servers_files_are_read_from_its_folder(stage: Stage, tmp_path: Path):
    folder = tmp_path / "bot-api"
    folder.mkdir()
    stage.world.local_files = folder
    stage.settings["TELEGRAM_LOCAL_FILES_DIR"] = str(folder)
    await stage.start()
    sent = [stage.cast.sends(stage.document("small", MIB)), stage.cast.sends(stage.document("large", 30 * MIB))]
    await stage.until_ended(*sent)
    stage.assert_archived_once(sent)
    routes = [document["telegram"]["items"][0]["route"] for document in documents(stage)]
    assert routes == ["bot_api", "bot_api"], "no limit of 20 MB there"
    assert len([path for path in folder.rglob("*") if path.is_file()]) == 2, "left for the server to clean up"
    assert await stage.stop() == 0


async def test_a_local_server_without_its_folder_is_said_plainly_and_goes_on_once_it_is_set(
    stage: Stage, tmp_path: Path
):
    stage.world.local_files = tmp_path / "bot-api"
    await stage.start()
    message = stage.cast.sends(stage.document("small", MIB))
    await stage.until(lambda: "TELEGRAM_LOCAL_FILES_DIR: not set" in stage.said_to(message), what="the answer")
    assert await stage.stop() == 0
    stage.settings["TELEGRAM_LOCAL_FILES_DIR"] = str(tmp_path / "bot-api")
    await stage.start()
    await stage.until_ended(message)
    stage.assert_archived_once([message])
