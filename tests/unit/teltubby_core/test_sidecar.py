"""message.json and metadata.json say what became of each item."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from support import CURATOR, a_file
from teltubby_core.domain.media import MediaKind
from teltubby_core.domain.records import DedupReason, ItemState
from teltubby_core.domain.routing import Route
from teltubby_core.domain.sidecar import MessageDocument, message_document, message_json_key, metadata_document
from teltubby_core.testing import sample_job
from unit.teltubby_core.records import FOLDER, SHA, a_record, an_item, an_origin

NOW = 1_740_000_000.0


def _document(*items: object, album: str | None = None) -> MessageDocument:
    return message_document(a_record(*items, album=album), "archive", NOW)  # type: ignore[arg-type]


def test_a_single_stored_file() -> None:
    document = _document(an_item(caption="at the sea"))
    assert document.keys == (f"{FOLDER}/1.jpg",)
    assert (document.files_count, document.total_bytes_uploaded) == (1, 1000)
    assert (document.duplicate_of, document.dedup_reason, document.notes) == (None, None, ())
    assert document.telegram.caption_plain == "at the sea"
    assert document.telegram.chat_id == CURATOR
    assert document.telegram.items[0].route is Route.BOT_API


def test_times_are_utc_to_the_second() -> None:
    written = _document().model_dump(mode="json")
    assert written["message_timestamp_utc"] == "2025-03-01T12:30:00Z"
    assert written["archive_timestamp_utc"] == datetime.fromtimestamp(NOW, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def test_the_same_record_gives_the_same_document() -> None:
    assert _document(an_item(1), an_item(2)) == _document(an_item(1), an_item(2))


def test_an_albums_caption_is_that_of_the_first_item_with_one() -> None:
    document = _document(an_item(1), an_item(2, caption="second"), an_item(3, caption="third"), album="9")
    assert document.telegram.caption_plain == "second"
    assert document.telegram.media_group_id == "9"
    assert [item.ordinal for item in document.telegram.items] == [1, 2, 3]


def test_a_message_of_duplicates_only_is_a_duplicate_itself() -> None:
    document = _document(an_item(1, state=ItemState.DUPLICATE), an_item(2, state=ItemState.DUPLICATE))
    assert document.duplicate_of == "teltubby/2025/02/ada/3/first.jpg"
    assert document.dedup_reason is DedupReason.SHA256
    assert document.keys == ()
    assert document.total_bytes_uploaded == 0


def test_a_message_that_is_partly_a_duplicate_is_none() -> None:
    document = _document(an_item(1), an_item(2, state=ItemState.DUPLICATE))
    assert document.duplicate_of is None
    assert document.telegram.items[1].duplicate_of == "teltubby/2025/02/ada/3/first.jpg"
    assert (document.files_count, document.total_bytes_uploaded, len(document.keys)) == (2, 1000, 1)


def test_notes_list_what_failed_and_what_was_skipped() -> None:
    document = _document(
        an_item(1),
        an_item(2, state=ItemState.SKIPPED, reason="too large"),
        an_item(3, state=ItemState.FAILED, reason="gone"),
    )
    assert document.notes == ("item 2 skipped: too large", "item 3 failed: gone")
    assert [item.skipped_reason for item in document.telegram.items] == [None, "too large", "gone"]


def test_an_item_without_an_object_keeps_the_size_that_telegram_announced() -> None:
    assert _document(an_item(state=ItemState.SKIPPED, reason="no")).telegram.items[0].size_bytes == 1000


def test_the_forward_origin_is_kept_whole() -> None:
    origin = _document(an_item(origin=an_origin())).telegram.forward_origin
    assert origin is not None
    assert (origin["type"], origin["id"], origin["title"], origin["message_id"]) == ("channel", -100, "The News", 5)


@pytest.mark.parametrize("state", [ItemState.PENDING, ItemState.QUEUED])
def test_a_message_that_still_waits_has_no_document(state: ItemState) -> None:
    with pytest.raises(ValueError, match="not settled"):
        _document(an_item(1), an_item(2, state=state))


def test_a_collecting_album_has_no_document() -> None:
    with pytest.raises(ValueError, match="not settled"):
        message_document(replace(a_record(), base_path=None), "archive", NOW)


def test_metadata_points_to_the_message_and_tells_the_attempt() -> None:
    job = sample_job().retried().retried()
    document = metadata_document(
        job, bucket="archive", sha256=SHA, size_bytes=5, archived_at=NOW, worker="worker-0", redeliveries=1
    )
    assert document.s3_key == job.key
    assert document.message_json_key == message_json_key(job.base_path)
    assert (document.attempt, document.redeliveries, document.worker) == (3, 1, "worker-0")
    assert (document.file.size_bytes, document.file.sha256) == (5, SHA)
    assert document.telegram.caption_plain == "holiday"


@pytest.mark.parametrize(
    ("announced", "notes"), [(1000, ()), (None, ()), (5, ("item 1: Telegram announced 5 bytes, sent 1000",))]
)
def test_a_size_that_telegram_announced_wrongly_is_noted(announced: int | None, notes: tuple[str, ...]) -> None:
    document = _document(an_item(media=a_file(size=announced)))
    assert document.notes == notes
    assert document.telegram.items[0].size_bytes == 1000


def test_of_what_is_not_stored_no_size_is_noted() -> None:
    assert _document(an_item(state=ItemState.DUPLICATE, media=a_file(size=5))).notes == ()


def test_a_kind_that_is_not_known_is_named() -> None:
    media = a_file().model_copy(update={"kind": MediaKind.OTHER, "field": "hologram"})
    document = _document(an_item(media=media))
    assert document.notes == ("item 1: Telegram calls this kind “hologram”",)
    assert document.telegram.items[0].type is MediaKind.OTHER
