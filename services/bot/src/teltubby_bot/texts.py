"""Every word the bot says. Plain text without markup: nothing a user sent can be taken for formatting."""

from collections import Counter
from collections.abc import Mapping

from teltubby_core.domain.jobs import JobState
from teltubby_core.domain.media import MediaKind
from teltubby_core.domain.records import ArchiveStats, ItemRecord, ItemState, MessageRecord

TOO_NEW = "something too new for me"
"""What a message is called whose kind nobody knew when this was written."""

_MAX_TEXT = 4096  # UTF-16 units; core.telegram.org/bots/api#sendmessage
_LISTED = 10  # items told one by one in a reply

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
    "/status – what is archived, what waits and why"
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
    text = "\n".join(lines)
    return text if len(text) <= _MAX_TEXT // 2 else text[: _MAX_TEXT // 2 - 1] + "…"


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
    return f"⚠️ Not archived: {what}"


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
    words = {ItemState.SKIPPED: "⏭ {}skipped: {}", ItemState.FAILED: "❌ {}failed: {}"}
    return [
        words[item.state].format(_name(record, item), item.skipped_reason)
        for item in record.items
        if item.state in words
    ][:_LISTED]


def _name(record: MessageRecord, item: ItemRecord) -> str:
    return f"#{item.ordinal} " if len(record.items) > 1 else ""


def _waiting_lines(
    record: MessageRecord, progress: Mapping[str, tuple[int, int | None]], jobs_wait_for: str | None
) -> list[str]:
    lines = []
    for item in record.items:
        if item.state is ItemState.QUEUED:
            lines.append(f"📥 {_name(record, item)}{_job_line(item, progress, jobs_wait_for)}")
        if not item.state.final and item.last_error:
            lines.append(f"⏸ {_name(record, item)}waits: {item.last_error}")
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
) -> str:
    """Answer /status."""
    minutes = int(uptime_seconds // 60)
    jobs = ", ".join(f"{count} {state.value.lower()}" for state, count in sorted(stats.jobs.items())) or "none yet"
    lines = [
        f"Up for {minutes // 60} h {minutes % 60} min, taking messages in by long polling.",
        f"Archive “{bucket}”: {stats.stored} files, {size(stats.stored_bytes)}, from {stats.messages} messages.",
        f"Duplicates spared: {stats.duplicates} · skipped: {stats.skipped} · failed: {stats.failed}",
        f"Waiting: {stats.waiting} · jobs: {jobs}",
        f"Storage: {store}",
    ]
    if jobs_wait_for:
        lines.append(f"Large files wait: {jobs_wait_for}")
    if ignored:
        reasons = ", ".join(f"{count} {reason}" for reason, count in sorted(ignored.items()))
        lines.append(f"Left alone since the start: {reasons}")
    if stats.parked_updates:
        lines.append(f"Parked updates that need a look at the log: {stats.parked_updates}")
    return "\n".join(lines)
