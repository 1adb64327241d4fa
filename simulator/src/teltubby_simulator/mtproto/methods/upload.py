"""Downloading files, by all rules of core.telegram.org/api/files#downloading-files."""

import hashlib
from collections.abc import Iterable
from typing import Any

from telethon.tl import functions, types

from teltubby_simulator.access_hashes import access_hash
from teltubby_simulator.model import StoredFile
from teltubby_simulator.mtproto.rpc import Call, FilePart, RpcError, method

_BLOCK = 1 << 20  # bytes; a request stays within one such block of the file
_STEP = 4096
_PRECISE_STEP = 1024
_HASHED_PART = 128 << 10  # bytes; core.telegram.org/cdn
_FILE_TYPES: dict[str | None, type[Any]] = {
    "image/jpeg": types.storage.FileJpeg,
    "image/png": types.storage.FilePng,
    "image/gif": types.storage.FileGif,
    "image/webp": types.storage.FileWebp,
    "audio/mpeg": types.storage.FileMp3,
    "video/mp4": types.storage.FileMp4,
    "video/quicktime": types.storage.FileMov,
    "application/pdf": types.storage.FilePdf,
}


def check_range(offset: int, limit: int, *, precise: bool) -> None:
    """Judge the range of a request.

    Raises:
        RpcError: OFFSET_INVALID or LIMIT_INVALID.
    """
    step = _PRECISE_STEP if precise else _STEP
    if offset < 0 or offset % step:
        raise RpcError(400, "OFFSET_INVALID")
    if not 0 < limit <= _BLOCK or limit % step:
        raise RpcError(400, "LIMIT_INVALID")
    if not precise and _BLOCK % limit:
        raise RpcError(400, "LIMIT_INVALID")
    if offset // _BLOCK != (offset + limit - 1) // _BLOCK:
        raise RpcError(400, "LIMIT_INVALID")


def _locate(call: Call, location: Any) -> StoredFile:
    """Return the file of a location.

    Raises:
        RpcError: there is none, or its access_hash or reference does not fit.
    """
    match location:
        case types.InputDocumentFileLocation():
            file = _document(call, location)
        case types.InputPhotoFileLocation():
            file = _photo_size(call, location)
        case _:
            raise RpcError(400, "LOCATION_INVALID")
    if file is None:
        raise RpcError(400, "FILE_ID_INVALID")
    if access_hash(call.user, file) != location.access_hash:
        raise RpcError(400, "LOCATION_INVALID")
    if not location.file_reference:
        raise RpcError(400, "FILE_REFERENCE_EMPTY")
    state = call.world.check_file_reference(file, call.user, location.file_reference)
    if state != "ok":
        raise RpcError(400, f"FILE_REFERENCE_{state.upper()}")
    return file


def _document(call: Call, location: Any) -> StoredFile | None:
    """Return a document, or its thumbnail when the location names one."""
    document = call.world.file_by_document_id(location.id)
    if document is None or not location.thumb_size:
        return document
    return _of_size(call.world.files.thumbs(document.id), location.thumb_size)


def _photo_size(call: Call, location: Any) -> StoredFile | None:
    photo = call.world.photo_by_id(location.id)
    return None if photo is None else _of_size(photo.files, location.thumb_size)


def _of_size(sizes: Iterable[StoredFile], letter: str) -> StoredFile:
    for each in sizes:
        if each.size_type == letter:
            return each
    raise RpcError(400, "LOCATION_INVALID")


def _here(call: Call, file: StoredFile) -> StoredFile:
    """Return a file that lives at this data centre. Raises RpcError if it lives elsewhere."""
    if file.dc_id != call.site.dc_id:
        raise RpcError(303, f"FILE_MIGRATE_{file.dc_id}")
    return file


@method(functions.upload.GetFileRequest, anywhere=True)
def get_file(call: Call, request: Any) -> FilePart:
    """One part of a file; behind its end there are no bytes. It never comes from a CDN."""
    check_range(request.offset, request.limit, precise=bool(request.precise))
    file = _here(call, _locate(call, request.location))
    content, offset, limit = file.content, request.offset, request.limit
    return FilePart(
        kind=_FILE_TYPES.get(file.mime_type, types.storage.FileUnknown),
        mtime=int(call.site.now),
        offset=offset,
        size=max(0, min(limit, content.size - offset)),
        read=lambda: content.read(offset, limit),
    )


@method(functions.upload.GetFileHashesRequest, anywhere=True)
def get_file_hashes(call: Call, request: Any) -> list[types.FileHash]:
    """SHA-256 of the next parts of a file, from the one that ``offset`` is in."""
    content = _here(call, _locate(call, request.location)).content
    if request.offset < 0:
        raise RpcError(400, "OFFSET_INVALID")
    first = request.offset // _HASHED_PART * _HASHED_PART
    parts = (content.read(offset, _HASHED_PART) for offset in range(first, first + _BLOCK, _HASHED_PART))
    return [
        types.FileHash(first + n * _HASHED_PART, len(part), hashlib.sha256(part).digest())
        for n, part in enumerate(parts)
        if part
    ]


@method(functions.upload.GetCdnFileRequest, anywhere=True)
def get_cdn_file(call: Call, _request: Any) -> None:
    """No data centre here is a CDN, and bots would not be let in there."""
    raise RpcError(400, "BOT_METHOD_INVALID" if call.user.is_bot else "METHOD_INVALID")
