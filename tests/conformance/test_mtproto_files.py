"""Downloading: what may be asked for, where, with which reference, and how one is made to wait."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from typing import Any

import pytest
from pyrogram.file_id import FileId
from telethon import errors
from telethon.tl import functions, types
from telethon.tl.functions.upload import GetFileRequest

from conformance.mtproto_stage import AWAY, HOME, KIB, MIB, Stage, document_at, kurigram_errors, raw, running
from conformance.rules import accepted, refused
from teltubby_simulator.content import BytesContent, SeededContent
from teltubby_simulator.model import Message


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    async with running() as found:
        yield found


async def location_of(client: Any, message: Message, **changes: Any) -> Any:
    return document_at(await client.get_messages(None, ids=message.id), **changes)


def bytes_of(message: Message, offset: int, limit: int) -> bytes:
    assert message.media
    return message.media.file.content.read(offset, limit)


# Ranges


@accepted("file.offset", "file.limit", "file.block")
@pytest.mark.parametrize(
    ("offset", "limit"),
    [(0, MIB), (MIB, MIB), (4 * KIB, 4 * KIB), (MIB - 4 * KIB, 4 * KIB), (MIB // 2, MIB // 2), (4 * MIB, 64 * KIB)],
)
async def test_parts_within_the_rules_are_given(stage: Stage, offset: int, limit: int) -> None:
    message = stage.send_document(2 * MIB + 5000)
    async with stage.telethon() as client:
        part = await client(GetFileRequest(await location_of(client, message), offset, limit))
    assert part.bytes == bytes_of(message, offset, limit)


@accepted("file.precise")
@pytest.mark.parametrize(("offset", "limit"), [(KIB, 3 * KIB), (5 * KIB, MIB - 5 * KIB), (MIB - KIB, KIB), (0, MIB)])
async def test_precise_parts_are_given_to_the_kibibyte(stage: Stage, offset: int, limit: int) -> None:
    message = stage.send_document(MIB + 5000)
    async with stage.telethon() as client:
        part = await client(GetFileRequest(await location_of(client, message), offset, limit, precise=True))
    assert part.bytes == bytes_of(message, offset, limit)


async def assert_refused(stage: Stage, error: type[Exception], offset: int, limit: int, **flags: bool) -> None:
    message = stage.send_document(2 * MIB)
    async with stage.telethon() as client:
        location = await location_of(client, message)
        with pytest.raises(error):
            await client(GetFileRequest(location, offset, limit, **flags))


@refused("file.offset")
@pytest.mark.parametrize("offset", [1, KIB, -4 * KIB])
async def test_offsets_outside_the_rules_are_refused(stage: Stage, offset: int) -> None:
    await assert_refused(stage, errors.OffsetInvalidError, offset, 4 * KIB)


@refused("file.limit")
@pytest.mark.parametrize("limit", [0, 1000, 12 * KIB, 2 * MIB, -4 * KIB])
async def test_limits_outside_the_rules_are_refused(stage: Stage, limit: int) -> None:
    await assert_refused(stage, errors.LimitInvalidError, 0, limit)


@refused("file.block")
@pytest.mark.parametrize(("offset", "limit"), [(MIB // 2, MIB), (MIB - 4 * KIB, 8 * KIB)])
async def test_parts_across_blocks_are_refused(stage: Stage, offset: int, limit: int) -> None:
    await assert_refused(stage, errors.LimitInvalidError, offset, limit)


@refused("file.precise")
@pytest.mark.parametrize(
    ("offset", "limit", "error"),
    [
        (512, KIB, errors.OffsetInvalidError),
        (0, 1000, errors.LimitInvalidError),
        (0, MIB + KIB, errors.LimitInvalidError),
        (MIB - KIB, 2 * KIB, errors.LimitInvalidError),
    ],
)
async def test_precise_has_rules_too(stage: Stage, offset: int, limit: int, error: type[Exception]) -> None:
    await assert_refused(stage, error, offset, limit, precise=True)


# Whole files


@accepted("file.id", "file.access-hash", "file.reference", "file.migrate")
async def test_telethon_downloads_a_document(stage: Stage) -> None:
    message = stage.send_document(3 * MIB + 777)
    async with stage.telethon() as client:
        found = await client.get_messages(None, ids=message.id)
        assert await client.download_media(found, bytes) == bytes_of(message, 0, 4 * MIB)
        chunks = [chunk async for chunk in client.iter_download(found.media, request_size=512 * KIB)]
    assert b"".join(chunks) == bytes_of(message, 0, 4 * MIB)


@accepted("file.id", "file.access-hash", "file.reference", "file.migrate")
async def test_kurigram_downloads_a_document(stage: Stage) -> None:
    message = stage.send_document(100_000)
    async with stage.kurigram() as client:
        found = await client.get_messages(stage.person.id, message.id)
        downloaded = await client.download_media(found, in_memory=True)
    assert downloaded.getvalue() == bytes_of(message, 0, MIB)
    assert stage.places("upload.getFile") == [(HOME, True)]


@refused("file.id")
async def test_a_file_that_does_not_exist_is_refused(stage: Stage) -> None:
    message = stage.send_document(5000)
    async with stage.telethon() as client:
        with pytest.raises(errors.FileIdInvalidError):
            await client(GetFileRequest(await location_of(client, message, id=1), 0, 4096))
        with pytest.raises(errors.FileIdInvalidError):
            await client(GetFileRequest(types.InputPhotoFileLocation(1, 1, b"x", "y"), 0, 4096))


@refused("file.access-hash")
async def test_a_wrong_access_hash_is_refused(stage: Stage) -> None:
    message = stage.send_document(5000)
    async with stage.telethon() as client:
        with pytest.raises(errors.LocationInvalidError):
            await client(GetFileRequest(await location_of(client, message, access_hash=1), 0, 4096))


@accepted("file.sizes")
async def test_sizes_of_a_photo_and_thumbnails_are_given(stage: Stage) -> None:
    small, large, thumb = BytesContent(b"s" * 900), BytesContent(b"l" * 9000), BytesContent(b"t" * 500)
    photo = stage.send(stage.world.make_photo([("m", 320, 200, small), ("y", 1280, 800, large)]))
    document = stage.send_document(5000, mime_type="video/mp4")
    assert document.media
    stage.world.files.add_thumb(document.media.file, "m", 320, 200, thumb)
    async with stage.telethon() as client:
        found = await client.get_messages(None, ids=[photo.id, document.id])
        assert await client.download_media(found[0], bytes) == large.payload
        assert await client.download_media(found[0], bytes, thumb=0) == small.payload
        assert await client.download_media(found[1], bytes, thumb=0) == thumb.payload
    async with stage.kurigram() as client:
        picture = (await client.get_messages(stage.person.id, photo.id)).photo
        for file_id, content in ((picture.file_id, large), (picture.thumbs[0].file_id, small)):
            assert (await client.download_media(file_id, in_memory=True)).getvalue() == content.payload


@refused("file.sizes")
async def test_sizes_that_do_not_exist_are_refused(stage: Stage) -> None:
    photo = stage.send(stage.world.make_photo([("m", 320, 200, BytesContent(b"s"))]))
    document = stage.send_document(5000)
    async with stage.telethon() as client:
        found = (await client.get_messages(None, ids=photo.id)).photo
        location = types.InputPhotoFileLocation(found.id, found.access_hash, found.file_reference, "w")
        with pytest.raises(errors.LocationInvalidError):
            await client(GetFileRequest(location, 0, 4096))
        with pytest.raises(errors.LocationInvalidError):
            await client(GetFileRequest(await location_of(client, document, thumb_size="m"), 0, 4096))


# References


@refused("file.reference")
async def test_references_of_documents_expire_and_are_checked(stage: Stage) -> None:
    message, other = stage.send_document(5000), stage.send_document(6000)
    async with stage.telethon() as client:
        location = await location_of(client, message)
        foreign = (await location_of(client, other)).file_reference
        with pytest.raises(errors.FileReferenceEmptyError):
            await client(GetFileRequest(await location_of(client, message, file_reference=b""), 0, 4096))
        with pytest.raises(errors.FileReferenceInvalidError):
            await client(GetFileRequest(await location_of(client, message, file_reference=foreign), 0, 4096))
        stage.clock.ahead += stage.world.files.reference_lifetime + 1
        with pytest.raises(errors.FileReferenceExpiredError):
            await client(GetFileRequest(location, 0, 4096))
        assert (await client(GetFileRequest(await location_of(client, message), 0, 8192))).bytes


@refused("file.reference")
async def test_references_of_photos_expire_too(stage: Stage) -> None:
    message = stage.send(stage.world.make_photo([("y", 1280, 800, BytesContent(b"l" * 9000))]))
    async with stage.kurigram() as client:
        photo = (await client.get_messages(stage.person.id, message.id)).photo
        stage.world.expire_file_references()
        with pytest.raises(kurigram_errors.FileReferenceExpired):
            await client.download_media(photo, in_memory=True)
        photo = (await client.get_messages(stage.person.id, message.id)).photo
        assert (await client.download_media(photo, in_memory=True)).getvalue() == b"l" * 9000


# Data centres


@refused("file.migrate")
@accepted("file.migrate")
async def test_telethon_goes_to_where_a_file_is(stage: Stage) -> None:
    message = stage.send_document(MIB + 5000, dc_id=AWAY)
    async with stage.telethon() as client:
        with pytest.raises(errors.FileMigrateError) as caught:
            await client(GetFileRequest(await location_of(client, message), 0, 4096))
        assert (caught.value.code, caught.value.new_dc) == (303, AWAY)
        found = await client.get_messages(None, ids=message.id)
        assert await client.download_media(found, bytes) == bytes_of(message, 0, 2 * MIB)
    assert set(stage.places("auth.importAuthorization")) == {(AWAY, False)}
    assert set(stage.outcomes("upload.getFile")[2:]) == {"ok"}


@refused("file.migrate")
@accepted("file.migrate")
async def test_kurigram_goes_to_where_a_file_is(stage: Stage) -> None:
    message = stage.send_document(60_000, dc_id=AWAY)
    async with stage.kurigram() as client:
        found = await client.get_messages(stage.person.id, message.id)
        file_id = FileId.decode(found.document.file_id)
        location = raw.types.InputDocumentFileLocation(
            id=file_id.media_id,
            access_hash=file_id.access_hash,
            file_reference=file_id.file_reference,
            thumb_size="",
        )
        with pytest.raises(kurigram_errors.FileMigrate):
            await client.invoke(raw.functions.upload.GetFile(location=location, offset=0, limit=4096))
        assert (await client.download_media(found, in_memory=True)).getvalue() == bytes_of(message, 0, MIB)
    assert stage.places("upload.getFile") == [(HOME, False), (AWAY, True)]
    assert stage.outcomes("auth.exportAuthorization") == ["ok", "ok"]


@refused("file.migrate")
async def test_a_file_may_move_while_it_is_fetched(stage: Stage) -> None:
    message = stage.send_document(2 * MIB)
    assert message.media
    async with stage.telethon() as client:
        location = await location_of(client, message)
        first = await client(GetFileRequest(location, 0, MIB))
        stage.world.files.move(message.media.file.id, AWAY)
        with pytest.raises(errors.FileMigrateError) as caught:
            await client(GetFileRequest(location, MIB, MIB))
        assert caught.value.new_dc == AWAY
        found = await client.get_messages(None, ids=message.id)
        assert found.document.dc_id == AWAY
        assert (await client.download_media(found, bytes)).startswith(first.bytes)


# Floods


@refused("file.flood")
@pytest.mark.parametrize("premium", [False, True])
async def test_who_fetches_too_fast_is_told_to_wait(stage: Stage, premium: bool) -> None:
    message = stage.send_document(5000)
    stage.world.faults.flood(60, calls=2, premium=premium)
    async with stage.telethon() as client:
        location = await location_of(client, message)
        with pytest.raises(errors.FloodPremiumWaitError if premium else errors.FloodWaitError) as caught:
            await client(GetFileRequest(location, 0, 4096))
        assert (caught.value.code, caught.value.seconds) == (420, 60)
    async with stage.kurigram() as client:
        document = (await client.get_messages(stage.person.id, message.id)).document
        file_id = FileId.decode(document.file_id)
        request = raw.functions.upload.GetFile(
            location=raw.types.InputDocumentFileLocation(
                id=file_id.media_id,
                access_hash=file_id.access_hash,
                file_reference=file_id.file_reference,
                thumb_size="",
            ),
            offset=0,
            limit=4096,
        )
        with pytest.raises(kurigram_errors.FloodPremiumWait if premium else kurigram_errors.FloodWait) as waiting:
            await client.invoke(request)
        assert waiting.value.seconds == 60


@accepted("file.flood")
async def test_after_the_wait_the_same_part_is_given(stage: Stage) -> None:
    message = stage.send_document(50_000)
    stage.world.faults.flood(1)
    async with stage.telethon(flood_sleep_threshold=5) as client:
        found = await client.get_messages(None, ids=message.id)
        assert await client.download_media(found, bytes) == bytes_of(message, 0, MIB)
    stage.world.faults.flood(1)
    async with stage.kurigram() as client:  # which bears waits of up to 30 s when it fetches files
        found = await client.get_messages(stage.person.id, message.id)
        assert (await client.download_media(found, in_memory=True)).getvalue() == bytes_of(message, 0, MIB)
    asked = [entry.via["first_byte"] for entry in stage.world.journal.entries("upload.getFile")]
    assert asked == [0, 0, 0, 0]


# Hashes and CDNs


@accepted("file.hashes")
async def test_parts_can_be_checked_against_their_hashes(stage: Stage) -> None:
    message = stage.send_document(300_000)
    async with stage.telethon() as client:
        location = await location_of(client, message)
        hashes = await client(functions.upload.GetFileHashesRequest(location, offset=0))
    assert [(each.offset, each.limit) for each in hashes] == [(0, 131072), (131072, 131072), (262144, 37856)]
    for each in hashes:
        assert each.hash == hashlib.sha256(bytes_of(message, each.offset, each.limit)).digest()


@refused("file.hashes")
async def test_hashes_of_others_files_are_not_told(stage: Stage) -> None:
    message = stage.send_document(5000)
    async with stage.telethon() as client:
        location = await location_of(client, message, access_hash=1)
        with pytest.raises(errors.LocationInvalidError):
            await client(functions.upload.GetFileHashesRequest(location, offset=0))


@accepted("file.cdn")
async def test_who_supports_cdns_gets_the_file_all_the_same(stage: Stage) -> None:
    message = stage.send_document(5000)
    async with stage.telethon() as client:
        location = await location_of(client, message)
        part = await client(GetFileRequest(location, 0, 8192, cdn_supported=True))
    assert part.bytes == bytes_of(message, 0, 5000)


@refused("file.cdn")
async def test_methods_of_cdns_are_not_for_bots(stage: Stage) -> None:
    async with stage.telethon() as client:
        with pytest.raises(errors.BotMethodInvalidError):
            await client(functions.upload.GetCdnFileRequest(b"token", 0, 4096))


# Troubles that clients live through


async def test_a_download_survives_a_connection_that_breaks_in_its_middle(stage: Stage) -> None:
    message = stage.send_document(2 * MIB)
    stage.world.faults.cut(MIB + 5000)
    async with stage.telethon() as client:
        found = await client.get_messages(None, ids=message.id)
        assert await client.download_media(found, bytes) == bytes_of(message, 0, 2 * MIB)
    assert stage.outcomes("upload.getFile").count("cut") == 1


async def test_a_download_survives_media_connections_that_close_all_the_time(stage: Stage) -> None:
    message = stage.send_document(300_000)
    stage.world.faults.mtproto.media_connection_bytes = 100_000
    async with stage.telethon() as client:
        session = client.session
        session.set_dc(HOME, "127.0.0.1", stage.server.media_port)
        await client.disconnect()
        await client.connect()
        location = await location_of(client, message)
        parts = [(await client(GetFileRequest(location, n * 64 * KIB, 64 * KIB))).bytes for n in range(5)]
    assert b"".join(parts) == bytes_of(message, 0, MIB)
    ends = [entry for entry in stage.world.journal.entries("disconnect") if entry.via["media"]]
    assert [entry.params["file_bytes"] for entry in ends] == [2 * 65536, 2 * 65536, 300_000 - 4 * 65536]


async def test_parallel_requests_are_answered_each_with_its_own_part(stage: Stage) -> None:
    content = SeededContent("parallel", 8 * MIB)
    message = stage.send(stage.world.make_media("document", content))
    async with stage.telethon() as client:
        location = await location_of(client, message)
        parts = await asyncio.gather(*(client(GetFileRequest(location, n * MIB, MIB)) for n in range(8)))
    assert [each.bytes for each in parts] == [content.read(n * MIB, MIB) for n in range(8)]
