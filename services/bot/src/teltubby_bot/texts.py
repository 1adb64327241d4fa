"""The words of replies and of the plain commands; those about jobs are in ``job_texts``.

Plain text without markup: nothing a user sent can be taken for formatting.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from teltubby_bot.catalogue import Text, say
from teltubby_bot.catalogue.recorded import reason
from teltubby_bot.transfers import Transfer
from teltubby_core.domain.jobs import JobState
from teltubby_core.domain.media import MediaKind
from teltubby_core.domain.quota import Quota, Usage
from teltubby_core.domain.records import ArchiveStats, ItemRecord, ItemState, MessageRecord

_LEFT_OUT = {ItemState.SKIPPED: "skipped", ItemState.FAILED: "failed", ItemState.CANCELLED: "cancelled"}

TOO_NEW = "something too new for me"
"""What a message is called whose kind nobody knew when this was written."""

_MAX_TEXT = 4096  # UTF-16 units; core.telegram.org/bots/api#sendmessage
LISTED = 10
"""Items told one by one in a reply."""
_SHORT_ID = 6  # of 36 characters; where they fit several of a user's jobs, the commands say so


def hint(unsupported: str | None) -> str:
    """Answer what has no file in it; ``unsupported`` is what came instead, as the Bot API's reader calls it."""
    if unsupported == TOO_NEW:
        return say("hint-too-new")
    return say("hint", what=say(f"no-file-{(unsupported or 'text').rpartition(' ')[2]}"))


def unknown_command(name: str, known: list[str]) -> str:
    """Answer a command that does not exist."""
    return say("unknown-command", name=name, known=", ".join("/" + command for command in known))


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
    return say(f"kind-{media.value}")


def kinds(items: tuple[ItemRecord, ...]) -> str:
    """Return ``2 photos, 1 video`` in the order they came."""
    counts = Counter(item.media.kind for item in items)
    return ", ".join(say(f"count-{kind.value}", count=count) for kind, count in counts.items())


@dataclass(frozen=True)
class Live:
    """What a reply shows beside the index.

    Attributes:
        progress: how far each job is, by job_id.
        ahead: how many jobs come before each that waits, by job_id.
        jobs_wait_for: why no worker can take jobs, None when one can.
        problem: why message.json could not be written, if so.
    """

    progress: Mapping[str, Transfer] = field(default_factory=dict)
    ahead: Mapping[str, int] = field(default_factory=dict)
    jobs_wait_for: str | None = None
    problem: str | None = None


def living_reply(record: MessageRecord, live: Live) -> str:
    """Show a message's whole state."""
    if record.base_path is None:
        return say("album-coming", what=kinds(record.items))
    lines = [_headline(record)]
    lines += _stored_lines(record) + _duplicate_lines(record) + left_out_lines(record)
    lines += waiting_lines(record, live)
    if live.problem and not record.complete:
        lines.append(f"⏸ {reason(live.problem)}")
    return fitting("\n".join(lines))


def _headline(record: MessageRecord) -> str:
    items, what = record.items, kinds(record.items)
    if not record.complete:
        queued = any(item.state is ItemState.QUEUED for item in items)
        return say("job-queued" if queued else "archiving", what=what)
    states = {item.state for item in items}
    if states <= {ItemState.DUPLICATE}:
        return say("all-duplicates", what=what)
    if states & {ItemState.STORED, ItemState.DUPLICATE}:
        return say("archived", what=what)
    return say("all-cancelled" if states == {ItemState.CANCELLED} else "not-archived", what=what)


def _stored_lines(record: MessageRecord) -> list[str]:
    stored = [item for item in record.items if item.state is ItemState.STORED]
    if not stored:
        return []
    total = size(sum(item.size_bytes or 0 for item in stored))
    folders = sorted({(item.key or "").rpartition("/")[0] for item in stored})
    some = say("stored-of", count=str(len(stored)), all=str(len(record.items)), size=total)
    return [some if len(record.items) > 1 else total, *(f"{folder}/" for folder in folders)]


def _duplicate_lines(record: MessageRecord) -> list[str]:
    duplicates = [item for item in record.items if item.state is ItemState.DUPLICATE]
    if len(record.items) == 1:  # the headline says that it is one
        return [item.duplicate_of for item in duplicates if item.duplicate_of and _own(record, item)]
    return [_duplicate_line(record, item) for item in duplicates][:LISTED]


def _duplicate_line(record: MessageRecord, item: ItemRecord) -> str:
    if _own(record, item):
        return say("duplicate-of", name=_name(record, item), key=item.duplicate_of or "")
    return say("duplicate", name=_name(record, item))


def _own(record: MessageRecord, item: ItemRecord) -> bool:
    """Whether the first copy is this curator's: of other users' neither key nor name is shown."""
    return item.duplicate_owner == record.chat_id


def left_out_lines(record: MessageRecord) -> list[str]:
    """Tell what is not archived, why, and what to do."""
    return [_left_out_line(record, item) for item in record.items if item.state in _LEFT_OUT][:LISTED]


def _left_out_line(record: MessageRecord, item: ItemRecord) -> str:
    alone = len(record.items) == 1  # then the headline says that it is cancelled
    said = "" if alone and item.state is ItemState.CANCELLED else reason(f"{item.skipped_reason}")
    line = say(f"item-{_LEFT_OUT[item.state]}", name=_name(record, item), reason=said)
    if item.job_id and item.state is not ItemState.SKIPPED:
        job = short_id(item.job_id)
        return say("comes-back", job=job) if not said else f"{line} · /retry {job}"
    return line


def _name(record: MessageRecord, item: ItemRecord) -> str:
    return f"#{item.ordinal} " if len(record.items) > 1 else ""


def waiting_lines(record: MessageRecord, live: Live) -> list[str]:
    """Tell what is still on its way, and what it waits for."""
    lines = []
    for item in record.items:
        if item.state is ItemState.QUEUED:
            cancel = f" · /cancel {short_id(item.job_id)}" if item.job_id else ""
            lines.append(f"📥 {_name(record, item)}{_job_line(item, live)}{cancel}")
        if not item.state.final and item.last_error:
            why = reason(item.last_error)
            lines.append(say("item-held" if item.held else "item-waits", name=_name(record, item), reason=why))
    return lines[:LISTED]


def _job_line(item: ItemRecord, live: Live) -> str:
    total = size(item.media.size_bytes) if item.media.size_bytes else say("large-file")
    if item.follows:
        return f"{total}: {say('job-follows')}"
    if live.jobs_wait_for:
        return f"{total}: {say('job-safe', reason=reason(live.jobs_wait_for))}"
    if item.job_state is JobState.PROCESSING:
        return f"{total}: {how_far(live.progress.get(item.job_id or ''))}"
    ahead = live.ahead.get(item.job_id or "")
    if ahead:
        return f"{total}: {say('queue-position', ahead=ahead)}"
    return f"{total}: {say('job-next')}"


def how_far(transfer: Transfer | None) -> str:
    """Tell how far a transfer is: a bar, percent, speed, time left; as much of it as is known."""
    if transfer is None or not transfer.total:
        return say("being-fetched")
    parts = [f"{bar(transfer.done / transfer.total)} {min(100 * transfer.done // transfer.total, 100)} %"]
    if transfer.speed:
        parts.append(say("speed", size=size(round(transfer.speed))))
    if transfer.seconds_left is not None:
        parts.append(_time_left(transfer.seconds_left))
    return " · ".join(parts)


def _time_left(seconds: float) -> str:
    """Return a time that does not change with every look: people want to know minutes, not tenths."""
    if seconds < 60:
        return say("left-seconds", seconds=str(max(5 * round(seconds / 5), 5)))
    if seconds < 3600:
        return say("left-minutes", minutes=str(round(seconds / 60)))
    return say("left-hours", hours=str(int(seconds // 3600)), minutes=str(int(seconds % 3600 // 60)))


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
    jobs = ", ".join(say(f"jobs-{state.value.lower()}", count=count) for state, count in sorted(stats.jobs.items()))
    lines = [
        say("status-up", hours=str(minutes // 60), minutes=str(minutes % 60), how=reason(reception[0])),
        say(
            "status-archive",
            bucket=bucket,
            files=str(stats.stored),
            size=size(stats.stored_bytes),
            messages=str(stats.messages),
        ),
        say(
            "status-left-out",
            duplicates=str(stats.duplicates),
            skipped=str(stats.skipped),
            failed=str(stats.failed),
            cancelled=str(stats.cancelled),
        ),
        say("status-waiting", count=str(stats.waiting), jobs=jobs or say("none-yet")),
        say("status-storage", state=store),
    ]
    if reception[1]:
        lines.append(say("status-no-messages", reason=reason(reception[1])))
    if jobs_wait_for:
        lines.append(say("status-jobs-wait", reason=reason(jobs_wait_for)))
    if ignored:
        reasons = ", ".join(f"{count} {reason(why)}" for why, count in sorted(ignored.items()))
        lines.append(say("status-ignored", reasons=reasons))
    if stats.parked_updates:
        lines.append(say("status-parked", count=str(stats.parked_updates)))
    return "\n".join(lines)


def archive_full(quota: Quota, usage: Usage, size_bytes: int | None) -> str:
    """Say that there is no room for a file: in English, as it is recorded; ``reason`` says it to people."""
    how_full = f"{size(usage.total)} of {size(quota.limit_bytes or 0)}"
    if quota.fits(usage, 0):  # there is some, for smaller ones
        how_full = f"{how_full}, this file needs {size(size_bytes or 0)}"
    return f"The archive is full ({how_full})"


def held(full: str) -> str:
    """Say what becomes of a file for which the archive is ``full``: in English, as it is recorded."""
    return f"{full}: this file waits, and it is archived by itself once there is space"


def nearly_full(quota: Quota, usage: Usage) -> Text:
    """Tell admins that space runs out."""
    percent = f"{100 * (quota.ratio(usage) or 0.0):.0f}"
    how_full = Text("of-limit", size=size(usage.total), limit=size(quota.limit_bytes or 0))
    return Text("nearly-full", percent=percent, how_full=how_full)


def quota(limit: Quota, usage: Usage) -> str:
    """Answer /quota."""
    ratio = limit.ratio(usage)
    if ratio is None:
        lines = [say("quota-none", size=size(usage.stored_bytes))]
    else:
        lines = [f"{bar(ratio)} {100 * ratio:.0f} %", say("quota-holds", how_full=_of_limit(limit, usage))]
    if usage.open_bytes:
        lines.append(say("quota-open", size=size(usage.open_bytes)))
    if not limit.fits(usage, 0):
        lines.append(say("quota-full"))
    return "\n".join(lines)


def _of_limit(quota: Quota, usage: Usage) -> str:
    return say("of-limit", size=size(usage.total), limit=size(quota.limit_bytes or 0))
