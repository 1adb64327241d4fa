"""Downloading files, by all rules of core.telegram.org/api/files#downloading-files."""

from typing import Any

from telethon.tl import functions, types

from teltubby_simulator.model import StoredFile
from teltubby_simulator.mtproto.rpc import Call, FilePart, RpcError, method

_BLOCK = 1 << 20  # bytes; a request stays within one such block of the file
_STEP = 4096
_PRECISE_STEP = 1024
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
        case types.InputDocumentFileLocation(thumb_size=""):
            file = call.world.file_by_document_id(location.id)
        case types.InputPhotoFileLocation():
            file = _photo_size(call, location)
        case _:
            raise RpcError(400, "LOCATION_INVALID")
    if file is None:
        raise RpcError(400, "FILE_ID_INVALID")
    if file.access_hash != location.access_hash:
        raise RpcError(400, "LOCATION_INVALID")
    if not location.file_reference:
        raise RpcError(400, "FILE_REFERENCE_EMPTY")
    state = call.world.check_file_reference(file, location.file_reference)
    if state != "ok":
        raise RpcError(400, f"FILE_REFERENCE_{state.upper()}")
    return file


def _photo_size(call: Call, location: Any) -> StoredFile | None:
    photo = call.world.photo_by_id(location.id)
    if photo is None:
        return None
    size = next((each for each in photo.files if each.size_type == location.thumb_size), None)
    if size is None:
        raise RpcError(400, "LOCATION_INVALID")
    return size


@method(functions.upload.GetFileRequest)
def get_file(call: Call, request: Any) -> FilePart:
    """One part of a file; behind its end there are no bytes."""
    flood = call.site.faults.take_flood()
    if flood is not None:
        raise RpcError(420, flood)
    check_range(request.offset, request.limit, precise=bool(request.precise))
    file = _locate(call, request.location)
    if file.dc_id != call.site.dc_id:
        raise RpcError(303, f"FILE_MIGRATE_{file.dc_id}")
    content, offset, limit = file.content, request.offset, request.limit
    return FilePart(
        kind=_FILE_TYPES.get(file.mime_type, types.storage.FileUnknown),
        mtime=int(call.world.clock()),
        size=max(0, min(limit, content.size - offset)),
        read=lambda: content.read(offset, limit),
    )
