"""What messages carry, as TL objects: photos, documents of all kinds, and things such as contacts or polls."""

from collections.abc import Callable, Mapping
from typing import Any

from telethon.tl import types

from teltubby_simulator import model
from teltubby_simulator.access_hashes import access_hash
from teltubby_simulator.world import World

_DEFAULT_MIME = "application/octet-stream"


def media_object(message: model.Message, viewer: model.User, world: World) -> Any:
    """Return a message's media with ``viewer``'s hashes and fresh references, or None if it has none."""
    if message.special is not None:
        return _special(message.special)
    media = message.media
    if media is None:
        return None
    if media.kind == "photo":
        return types.MessageMediaPhoto(photo=_photo(media, viewer, world, message.date))
    return types.MessageMediaDocument(
        document=_document(media, viewer, world, message.date),
        video=media.kind in ("video", "video_note", "animation"),
        round=media.kind == "video_note",
        voice=media.kind == "voice",
    )


def _photo(media: model.Media, viewer: model.User, world: World, date: int) -> types.Photo:
    sizes = (world.photo_by_id(media.file.id) or media).files  # the store knows where it lives now
    largest = sizes[-1]
    return types.Photo(
        id=largest.id,
        access_hash=access_hash(viewer, largest),
        file_reference=world.issue_file_reference(largest, viewer),
        date=date,
        sizes=_sizes(sizes),
        dc_id=largest.dc_id,
    )


def _document(media: model.Media, viewer: model.User, world: World, date: int) -> types.Document:
    file = world.file_by_document_id(media.file.id) or media.file
    return types.Document(
        id=file.id,
        access_hash=access_hash(viewer, file),
        file_reference=world.issue_file_reference(file, viewer),
        date=date,
        mime_type=file.mime_type or _DEFAULT_MIME,
        size=_size(media.file),
        dc_id=file.dc_id,
        attributes=_attributes(media.kind, media.file),
        thumbs=_sizes(world.files.thumbs(file.id)) or None,
    )


def _size(file: model.StoredFile) -> int:
    """Return the size that is told; here something has to be."""
    return file.content.size if file.shown_size is None else file.shown_size


def _sizes(files: tuple[model.StoredFile, ...]) -> list[types.PhotoSize]:
    return [types.PhotoSize(each.size_type or "x", each.width or 0, each.height or 0, _size(each)) for each in files]


def _attributes(kind: model.MediaKind, file: model.StoredFile) -> list[Any]:
    found = [make(file) for make in _BY_KIND.get(kind, ())]
    if file.file_name is not None:
        found.append(types.DocumentAttributeFilename(file.file_name))
    return found


def _video(file: model.StoredFile, *, round_message: bool = False) -> types.DocumentAttributeVideo:
    return types.DocumentAttributeVideo(
        duration=float(file.duration or 0),
        w=file.width or 0,
        h=file.height or 0,
        round_message=round_message,
        supports_streaming=not round_message,
    )


def _round_video(file: model.StoredFile) -> types.DocumentAttributeVideo:
    return _video(file, round_message=True)


def _audio(file: model.StoredFile) -> types.DocumentAttributeAudio:
    return types.DocumentAttributeAudio(duration=file.duration or 0, title=file.title, performer=file.performer)


def _voice(file: model.StoredFile) -> types.DocumentAttributeAudio:
    return types.DocumentAttributeAudio(duration=file.duration or 0, voice=True)


def _animated(_: model.StoredFile) -> types.DocumentAttributeAnimated:
    return types.DocumentAttributeAnimated()


def _sticker(file: model.StoredFile) -> types.DocumentAttributeSticker:
    return types.DocumentAttributeSticker(file.emoji or "", types.InputStickerSetEmpty())


def _image_size(file: model.StoredFile) -> types.DocumentAttributeImageSize:
    return types.DocumentAttributeImageSize(file.width or 512, file.height or 512)


_BY_KIND: Mapping[model.MediaKind, tuple[Callable[[model.StoredFile], Any], ...]] = {
    "video": (_video,),
    "video_note": (_round_video,),
    "animation": (_video, _animated),
    "audio": (_audio,),
    "voice": (_voice,),
    "sticker": (_image_size, _sticker),
}


# What is no file


def _special(special: Mapping[str, Any]) -> Any:
    """Return a contact, dice, poll …, given as {name: Bot API form}; what has no form here is "unsupported"."""
    # A venue's message carries its location beside it, as in the Bot API.
    for name, make in _SPECIAL.items():
        if name in special:
            return make(special[name])
    return types.MessageMediaUnsupported()


def _point(location: Mapping[str, Any]) -> types.GeoPoint:
    return types.GeoPoint(long=float(location["longitude"]), lat=float(location["latitude"]), access_hash=0)


def _venue(venue: Mapping[str, Any]) -> types.MessageMediaVenue:
    return types.MessageMediaVenue(
        geo=_point(venue["location"]),
        title=venue["title"],
        address=venue["address"],
        provider="foursquare" if "foursquare_id" in venue else "",
        venue_id=venue.get("foursquare_id", ""),
        venue_type=venue.get("foursquare_type", ""),
    )


def _location(location: Mapping[str, Any]) -> Any:
    if "live_period" in location:
        return types.MessageMediaGeoLive(_point(location), period=location["live_period"])
    return types.MessageMediaGeo(_point(location))


def _contact(contact: Mapping[str, Any]) -> types.MessageMediaContact:
    return types.MessageMediaContact(
        phone_number=contact["phone_number"],
        first_name=contact["first_name"],
        last_name=contact.get("last_name", ""),
        vcard=contact.get("vcard", ""),
        user_id=contact.get("user_id", 0),
    )


def _dice(dice: Mapping[str, Any]) -> types.MessageMediaDice:
    return types.MessageMediaDice(value=dice["value"], emoticon=dice["emoji"])


def _poll(poll: Mapping[str, Any]) -> types.MessageMediaPoll:
    answers = [
        types.PollAnswer(types.TextWithEntities(option["text"], []), bytes([number]))
        for number, option in enumerate(poll["options"])
    ]
    return types.MessageMediaPoll(
        types.Poll(
            id=int(poll["id"]),
            question=types.TextWithEntities(poll["question"], []),
            answers=answers,
            hash=0,
            closed=poll.get("is_closed", False),
            public_voters=not poll.get("is_anonymous", True),
            multiple_choice=poll.get("allows_multiple_answers", False),
            quiz=poll.get("type") == "quiz",
        ),
        types.PollResults(total_voters=poll.get("total_voter_count", 0)),
    )


_SPECIAL: Mapping[str, Callable[[Mapping[str, Any]], Any]] = {
    "venue": _venue,
    "location": _location,
    "contact": _contact,
    "dice": _dice,
    "poll": _poll,
}
