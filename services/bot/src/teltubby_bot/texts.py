"""The words of replies and of the plain commands; those about jobs are in ``job_texts``.

Plain text without markup: nothing a user sent can be taken for formatting.
"""

from collections import Counter
from collections.abc import Mapping

from teltubby_core.domain.jobs import JobState
from teltubby_core.domain.media import MediaKind
from teltubby_core.domain.quota import Quota, Usage
from teltubby_core.domain.records import ArchiveStats, ItemRecord, ItemState, MessageRecord

_LEFT_OUT = {
    ItemState.SKIPPED: "⏭ {name}skipped: {reason}",
    ItemState.FAILED: "❌ {name}failed: {reason}",
    ItemState.CANCELLED: "🛑 {name}{reason}",
}

TOO_NEW = "something too new for me"
"""What a message is called whose kind nobody knew when this was written."""

_MAX_TEXT = 4096  # UTF-16 units; core.telegram.org/bots/api#sendmessage
_LISTED = 10  # items told one by one in a reply
_SHORT_ID = 6  # of 36 characters; where they fit several of a user's jobs, the commands say so

_KIND_NAMES = {
    MediaKind.PHOTO: ("photo", "photos"),
    MediaKind.VIDEO: ("video", "videos"),
    MediaKind.DOCUMENT: ("document", "documents"),
    MediaKind.AUDIO: ("audio file", "audio files"),
    MediaKind.VOICE: ("voice message", "voice messages"),
    MediaKind.VIDEO_NOTE: ("video note", "video notes"),
    MediaKind.ANIMATION: ("animation", "animations"),
    MediaKind.STICKER: ("sticker", "stickers"),
    MediaKind.OTHER: ("file", "files"),
}

START = (
    "Send or forward me photos, videos, documents, audio or voice messages, alone or as an album:"
    " I archive every byte, each file once, with a JSON record beside it.\n\n"
    "My answer to each message tells how far it is. /help lists the commands."
)
HELP = (
    "Send or forward me any file. My one answer to each message is kept up to date until the file is archived.\n\n"
    "/start – what I do\n"
    "/help – this list\n"
    "/status – what is archived, what waits and why\n"
    "/quota – how full the archive is\n"
    "/queue – your large files on their way\n"
    "/jobs – your latest large files; /jobs ID – all about one of them\n"
    "/cancel ID – stop one\n"
    "/retry ID – try one again that failed or was cancelled\n"
    "/queue all, /purge – for admins: everybody's queue; the dead letters\n"
    "/mtstatus, /mtcode, /mtpass – for admins: the logins for large files\n\n"
    "ID is the short one that my answers show; its first four characters will do."
)
NOT_READ = (
    "⚠️ I could not read this message, so its file is not archived yet. The message itself is kept and the log says why:"
    " please tell whoever runs this archive."
)


def hint(unsupported: str | None) -> str:
    """Answer what has no file in it."""
    if unsupported == TOO_NEW:
        return (
            "This kind of message is too new for me, so nothing of it is archived. If there is a file in it, save it"
            " and send it as a document. /help"
        )
    return f"I can't archive {unsupported or 'text'}, only files: photos, videos, documents, audio and voice. /help"


def unknown_command(name: str, known: list[str]) -> str:
    """Answer a command that does not exist."""
    return f"I don't know /{name}. I know {', '.join('/' + command for command in known)}."


def size(size_bytes: int) -> str:
    """Return a size for people: 512 B, 1.5 KB, 20.0 MB (1 KB = 1024 B)."""
    value = float(size_bytes)
    for unit in ("B", "KB", "MB"):
        if value < 1024:
            return f"{value:.0f} B" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1024
    return f"{value:.2f} GB"


def fitting(text: str) -> str:
    """Cut a text to what Telegram takes. Characters count twice: that is what the widest of them need."""
    return text if len(text) <= _MAX_TEXT // 2 else text[: _MAX_TEXT // 2 - 1] + "…"


def short_id(job_id: str) -> str:
    """Return as much of a job's id as people need to type."""
    return job_id[:_SHORT_ID]


def kind(media: MediaKind) -> str:
    """Return a kind in a word or two."""
    return _KIND_NAMES[media][0]


def kinds(items: tuple[ItemRecord, ...]) -> str:
    """Return ``2 photos, 1 video`` in the order they came."""
    counts = Counter(item.media.kind for item in items)
    return ", ".join(f"{count} {_KIND_NAMES[kind][count > 1]}" for kind, count in counts.items())


def living_reply(
    record: MessageRecord,
    *,
    progress: Mapping[str, tuple[int, int | None]],
    jobs_wait_for: str | None,
    problem: str | None = None,
) -> str:
    """Show a message's whole state.

    Args:
        record: the message with its items.
        progress: bytes done and bytes in all, by job_id.
        jobs_wait_for: why no worker can take jobs, None when one can.
        problem: why message.json could not be written, if so.
    """
    if record.base_path is None:
        return f"📥 Receiving an album: {kinds(record.items)} so far …"
    lines = [_headline(record)]
    lines += _stored_lines(record) + _duplicate_lines(record) + _left_out_lines(record)
    lines += _waiting_lines(record, progress, jobs_wait_for)
    if problem and not record.complete:
        lines.append(f"⏸ {problem}")
    return fitting("\n".join(lines))


def _headline(record: MessageRecord) -> str:
    items, what = record.items, kinds(record.items)
    if not record.complete:
        queued = any(item.state is ItemState.QUEUED for item in items)
        return f"✅ Job Queued 📥 {what}" if queued else f"⏳ Archiving {what} …"
    states = {item.state for item in items}
    if states <= {ItemState.DUPLICATE}:
        return f"♻️ Already archived: {what}"
    if states & {ItemState.STORED, ItemState.DUPLICATE}:
        return f"✅ Archived: {what}"
    return f"🛑 Cancelled: {what}" if states == {ItemState.CANCELLED} else f"⚠️ Not archived: {what}"


def _stored_lines(record: MessageRecord) -> list[str]:
    stored = [item for item in record.items if item.state is ItemState.STORED]
    if not stored:
        return []
    total = size(sum(item.size_bytes or 0 for item in stored))
    folders = sorted({(item.key or "").rpartition("/")[0] for item in stored})
    count = f"{len(stored)} of {len(record.items)} files, " if len(record.items) > 1 else ""
    return [f"{count}{total}", *(f"{folder}/" for folder in folders)]


def _duplicate_lines(record: MessageRecord) -> list[str]:
    duplicates = [item for item in record.items if item.state is ItemState.DUPLICATE]
    if len(record.items) == 1:  # the headline says that it is one
        return [item.duplicate_of for item in duplicates if item.duplicate_of and _own(record, item)]
    return [_duplicate_line(record, item) for item in duplicates][:_LISTED]


def _duplicate_line(record: MessageRecord, item: ItemRecord) -> str:
    where = f": {item.duplicate_of}" if _own(record, item) else ""
    return f"♻️ {_name(record, item)}already archived{where}"


def _own(record: MessageRecord, item: ItemRecord) -> bool:
    """Whether the first copy is this curator's: of other users' neither key nor name is shown."""
    return item.duplicate_owner == record.chat_id


def _left_out_lines(record: MessageRecord) -> list[str]:
    return [_left_out_line(record, item) for item in record.items if item.state in _LEFT_OUT][:_LISTED]


def _left_out_line(record: MessageRecord, item: ItemRecord) -> str:
    alone = len(record.items) == 1  # then the headline says that it is cancelled
    said = "" if alone and item.state is ItemState.CANCELLED else f"{item.skipped_reason}"
    line = _LEFT_OUT[item.state].format(name=_name(record, item), reason=said)
    if item.job_id and item.state is not ItemState.SKIPPED:
        retry = f"/retry {short_id(item.job_id)}"
        return f"🔁 {retry} brings it back" if not said else f"{line} · {retry}"
    return line


def _name(record: MessageRecord, item: ItemRecord) -> str:
    return f"#{item.ordinal} " if len(record.items) > 1 else ""


def _waiting_lines(
    record: MessageRecord, progress: Mapping[str, tuple[int, int | None]], jobs_wait_for: str | None
) -> list[str]:
    lines = []
    for item in record.items:
        if item.state is ItemState.QUEUED:
            cancel = f" · /cancel {short_id(item.job_id)}" if item.job_id else ""
            lines.append(f"📥 {_name(record, item)}{_job_line(item, progress, jobs_wait_for)}{cancel}")
        if not item.state.final and item.last_error:
            waits = "" if item.held else "waits: "
            lines.append(f"⏸ {_name(record, item)}{waits}{item.last_error}")
    return lines[:_LISTED]


def _job_line(item: ItemRecord, progress: Mapping[str, tuple[int, int | None]], jobs_wait_for: str | None) -> str:
    total = size(item.media.size_bytes) if item.media.size_bytes else "large file"
    if item.follows:
        return f"{total}: the same file is on its way already; this message gets its share of it"
    if jobs_wait_for:
        return f"{total}: safe as a job, but it can't be fetched yet: {jobs_wait_for}"
    done, of = progress.get(item.job_id or "", (0, None))
    if item.job_state is JobState.PROCESSING and of:
        return f"{total}: {bar(done / of)} {min(100 * done // of, 100)} %"
    return f"{total}: {'being fetched' if item.job_state is JobState.PROCESSING else 'a worker fetches it'}"


def bar(fraction: float, width: int = 10) -> str:
    """Draw a progress bar of ``width`` blocks."""
    filled = min(int(fraction * width), width)
    return "▰" * filled + "▱" * (width - filled)


def status(
    stats: ArchiveStats,
    *,
    uptime_seconds: float,
    bucket: str,
    store: str,
    jobs_wait_for: str | None,
    ignored: Mapping[str, int],
    reception: tuple[str, str | None],
) -> str:
    """Answer /status. ``reception``: how messages come in, and what keeps them from it."""
    minutes = int(uptime_seconds // 60)
    jobs = ", ".join(f"{count} {state.value.lower()}" for state, count in sorted(stats.jobs.items())) or "none yet"
    left_out = f"skipped: {stats.skipped} · failed: {stats.failed} · cancelled: {stats.cancelled}"
    lines = [
        f"Up for {minutes // 60} h {minutes % 60} min, taking messages in by {reception[0]}.",
        f"Archive “{bucket}”: {stats.stored} files, {size(stats.stored_bytes)}, from {stats.messages} messages.",
        f"Duplicates spared: {stats.duplicates} · {left_out}",
        f"Waiting: {stats.waiting} · jobs: {jobs}",
        f"Storage: {store}",
    ]
    if reception[1]:
        lines.append(f"Messages don't come in: {reception[1]}")
    if jobs_wait_for:
        lines.append(f"Large files wait: {jobs_wait_for}")
    if ignored:
        reasons = ", ".join(f"{count} {reason}" for reason, count in sorted(ignored.items()))
        lines.append(f"Left alone since the start: {reasons}")
    if stats.parked_updates:
        lines.append(f"Parked updates that need a look at the log: {stats.parked_updates}")
    return "\n".join(lines)


def archive_full(quota: Quota, usage: Usage, size_bytes: int | None) -> str:
    """Say that there is no room for a file."""
    how_full = _of_limit(quota, usage)
    if quota.fits(usage, 0):  # there is some, for smaller ones
        how_full = f"{how_full}, this file needs {size(size_bytes or 0)}"
    return f"The archive is full ({how_full})"


def held(full: str) -> str:
    """Say what becomes of a file for which the archive is ``full``."""
    return f"{full}: this file waits, and it is archived by itself once there is space"


def nearly_full(quota: Quota, usage: Usage) -> str:
    """Tell admins that space runs out."""
    percent = 100 * (quota.ratio(usage) or 0.0)
    return (
        f"🗄 The archive is {percent:.0f} % full: {_of_limit(quota, usage)}. At 100 % new files wait. Raise"
        " S3_BUCKET_QUOTA_BYTES or the bucket's own quota, or make space."
    )


def quota(limit: Quota, usage: Usage) -> str:
    """Answer /quota."""
    ratio = limit.ratio(usage)
    if ratio is None:
        lines = [f"The archive holds {size(usage.stored_bytes)}; no limit is set or known."]
    else:
        lines = [f"{bar(ratio)} {100 * ratio:.0f} %", f"The archive holds {_of_limit(limit, usage)}."]
    if usage.open_bytes:
        lines.append(f"Of that, {size(usage.open_bytes)} are files on their way.")
    if not limit.fits(usage, 0):
        lines.append("It is full: new files wait, and are archived by themselves once there is space.")
    return "\n".join(lines)


def _of_limit(quota: Quota, usage: Usage) -> str:
    return f"{size(usage.total)} of {size(quota.limit_bytes or 0)}"
