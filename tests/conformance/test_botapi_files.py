"""Files that a bot sends and fetches, as python-telegram-bot sees it."""

import asyncio
from pathlib import Path

import pytest
from telegram import InputMediaAnimation, InputMediaAudio, InputMediaDocument, InputMediaPhoto, InputMediaVideo
from telegram.error import InvalidToken, NetworkError

from conformance.botapi_stage import MIB, Stage, picture, refusal
from conformance.rules import accepted, refused
from teltubby_simulator.content import BytesContent, SeededContent

# Sending


@accepted("botapi.photo")
async def test_a_picture_of_ten_megabytes_is_a_photo(botapi: Stage):
    sent = await botapi.bot.send_photo(botapi.person.id, picture(9500, 500, 10 * MIB))
    assert (sent.photo[-1].width, sent.photo[-1].file_size) == (9500, 10 * MIB)


@refused("botapi.photo")
@pytest.mark.parametrize(
    ("payload", "sentence"),
    [
        (b"no picture at all", "IMAGE_PROCESS_FAILED"),
        (picture(9501, 500), "PHOTO_INVALID_DIMENSIONS"),
        (picture(2100, 100), "PHOTO_INVALID_DIMENSIONS"),
        (
            picture(10, 10, 10 * MIB + 1),
            "file of size 10485761 bytes is too big for a photo; the maximum size is 10485760 bytes",
        ),
    ],
)
async def test_anything_else_is_no_photo(botapi: Stage, payload, sentence):
    with refusal(sentence):
        await botapi.bot.send_photo(botapi.person.id, payload)


@accepted("botapi.upload-size", "botapi.thumbnail-size")
async def test_files_of_every_kind_are_sent(botapi: Stage):
    chat, bot = botapi.person.id, botapi.bot
    document = await bot.send_document(chat, b"content", filename="a.pdf", thumbnail=picture(90, 60, 200 * 1024))
    assert (document.document.file_name, document.document.thumbnail.width) == ("a.pdf", 90)
    assert (await bot.send_video(chat, b"content", width=64, height=48, duration=9)).video.width == 64
    assert (await bot.send_audio(chat, b"content", performer="Nina")).audio.performer == "Nina"
    assert (await bot.send_voice(chat, b"content", duration=3)).voice
    assert (await bot.send_video_note(chat, b"content", length=240)).video_note.length == 240
    animation = await bot.send_animation(chat, b"content", filename="a.mp4")
    assert animation.animation.file_id == animation.document.file_id
    assert (await bot.send_sticker(chat, b"content")).sticker.type == "regular"


@refused("botapi.upload-size")
async def test_empty_files_and_those_above_fifty_megabytes_are_refused(botapi: Stage):
    with refusal("file must be non-empty"):
        await botapi.bot.send_document(botapi.person.id, b"")
    with refusal("Request Entity Too Large", NetworkError):
        await botapi.bot.send_document(botapi.person.id, bytes(50 * MIB + 1))


@refused("botapi.thumbnail-size")
async def test_a_larger_thumbnail_is_refused(botapi: Stage):
    sentence = "file of size 204801 bytes is too big for a thumbnail; the maximum size is 204800 bytes"
    with refusal(sentence):
        await botapi.bot.send_document(botapi.person.id, b"content", thumbnail=picture(90, 60, 200 * 1024 + 1))


@accepted("botapi.file-id-kind", "botapi.file-id-owner")
async def test_a_file_is_sent_again_by_its_id_and_keeps_its_kind(botapi: Stage):
    film = botapi.world.make_media("video", SeededContent("film", 1 << 30), width=64, height=48)
    sent = await botapi.bot.send_document(botapi.person.id, await botapi.file_id(film))
    assert (sent.document, sent.video.file_size) == (None, 1 << 30)


@refused("botapi.file-id-kind")
async def test_a_photo_is_no_document_and_a_document_no_photo(botapi: Stage):
    photo = botapi.world.make_photo([("x", 80, 60, BytesContent(b"p"))])
    photo_id, document_id = await botapi.file_id(photo), await botapi.file_id(botapi.document())
    with refusal("can't use file of type Photo as Document"):
        await botapi.bot.send_document(botapi.person.id, photo_id)
    with refusal("can't use file of type Document as Photo"):
        await botapi.bot.send_photo(botapi.person.id, document_id)


@refused("botapi.file-id-owner")
async def test_a_file_id_is_of_no_use_to_another_bot(botapi: Stage):
    other = botapi.world.add_bot("Other", "other_bot")
    botapi.world.send(botapi.person, other, text="hello")
    file_id = await botapi.file_id(botapi.document())
    async with botapi.client(other) as bot:
        with refusal("wrong file_id or the file is temporarily unavailable"):
            await bot.get_file(file_id)
        with refusal("wrong file identifier/HTTP URL specified"):
            await bot.send_document(botapi.person.id, file_id)
    with refusal("invalid file_id"):
        await botapi.bot.get_file("nonsense")


# Albums


@accepted("botapi.album")
async def test_ten_photos_and_videos_are_an_album(botapi: Stage):
    items = [InputMediaPhoto(picture(10, 10), caption=f"no. {n}") for n in range(9)]
    album = await botapi.bot.send_media_group(botapi.person.id, [*items, InputMediaVideo(b"content")])
    assert len({each.media_group_id for each in album}) == 1
    assert [each.caption for each in album] == [f"no. {n}" for n in range(9)] + [None]
    assert album[-1].video


@refused("botapi.album")
@pytest.mark.parametrize(
    ("items", "sentence"),
    [
        ([InputMediaDocument(b"x")] * 11, "too many messages to send as an album"),
        ([InputMediaDocument(b"x"), InputMediaPhoto(picture(9, 9))], "Document can't be mixed with other media types"),
        ([InputMediaAudio(b"x"), InputMediaVideo(b"x")], "Audio can't be mixed with other media types"),
        (
            [InputMediaAnimation(b"x"), InputMediaAnimation(b"x")],
            "can't parse InputMedia: type \"animation\" can't be used in sendMediaGroup",
        ),
    ],
)
async def test_other_albums_are_refused(botapi: Stage, items, sentence):
    with refusal(sentence):
        await botapi.bot.send_media_group(botapi.person.id, items)


@refused("botapi.album")
async def test_one_wrong_item_keeps_the_whole_album_back(botapi: Stage):
    before = len(botapi.world.chat_with(botapi.person.id, botapi.user.id))
    with refusal("message caption is too long"):
        await botapi.bot.send_media_group(
            botapi.person.id, [InputMediaPhoto(picture(9, 9)), InputMediaPhoto(picture(9, 9), caption="c" * 1025)]
        )
    assert len(botapi.world.chat_with(botapi.person.id, botapi.user.id)) == before


# Fetching


@accepted("botapi.download-size", "botapi.file-path")
async def test_twenty_megabytes_are_downloaded_byte_for_byte(botapi: Stage):
    content = SeededContent("film", 20 * MIB)
    file = await botapi.bot.get_file(await botapi.file_id(botapi.world.make_media("video", content)))
    botapi.clock.advance(3599)
    assert bytes(await file.download_as_bytearray()) == content.read(0, content.size)


@refused("botapi.download-size")
async def test_a_byte_more_is_too_big(botapi: Stage):
    for media in (
        botapi.document(20 * MIB + 1),
        botapi.document(20 * MIB + 1, told_size=1),
        botapi.document(1, told_size=21 * MIB),
    ):
        file_id = await botapi.file_id(media)
        with refusal("file is too big"):
            await botapi.bot.get_file(file_id)


@refused("botapi.file-path")
async def test_a_path_is_closed_after_an_hour_and_to_other_bots(botapi: Stage):
    file = await botapi.bot.get_file(await botapi.file_id(botapi.document()))
    other = botapi.world.add_bot("Other", "other_bot")
    assert botapi.user.token
    assert other.token
    foreign = file.file_path.replace(botapi.user.token, other.token)
    with pytest.raises(InvalidToken):  # what the library makes of a 404
        await botapi.bot.request.retrieve(foreign)
    botapi.clock.advance(3600)
    with pytest.raises(InvalidToken):
        await file.download_as_bytearray()


@accepted("botapi.local-server")
async def test_a_local_server_stores_files_of_any_size(botapi: Stage, tmp_path: Path):
    botapi.world.local_files = tmp_path
    content = SeededContent("film", 21 * MIB)
    file = await botapi.bot.get_file(await botapi.file_id(botapi.world.make_media("video", content)))
    assert botapi.user.token
    assert Path(file.file_path).is_relative_to(tmp_path / botapi.user.token / "videos")
    stored = await asyncio.to_thread(Path(file.file_path).read_bytes)
    assert stored == content.read(0, content.size)


@refused("botapi.local-server")
async def test_a_local_server_serves_no_files(botapi: Stage, tmp_path: Path):
    botapi.world.local_files = tmp_path
    file = await botapi.bot.get_file(await botapi.file_id(botapi.document()))
    assert botapi.user.token
    beneath = Path(file.file_path).relative_to(tmp_path / botapi.user.token)
    for path in (file.file_path, beneath):
        with pytest.raises(InvalidToken):
            await botapi.bot.request.retrieve(f"{botapi.bot.base_file_url}/{path}")
