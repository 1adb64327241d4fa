"""The words of a reply that many messages share: what became of all of them, and what still needs a look."""

from collections.abc import Sequence

from teltubby_bot import texts
from teltubby_bot.catalogue import say
from teltubby_bot.catalogue.recorded import reason
from teltubby_core.domain.records import ItemState, MessageRecord

_MOST_LINES = 12  # about single messages


def shared_reply(records: Sequence[MessageRecord], live: texts.Live) -> str:
    """Show the state of all messages of a burst."""
    lines = [_headline(records), *_counts(records)]
    single = [line for record in records for line in _lines_of(record, live)]
    lines += single[:_MOST_LINES]
    if len(single) > _MOST_LINES:
        lines.append(say("burst-more", count=len(single) - _MOST_LINES))
    if live.problem and not all(record.complete for record in records):
        lines.append(f"⏸ {reason(live.problem)}")
    return texts.fitting("\n".join(lines))


def _headline(records: Sequence[MessageRecord]) -> str:
    complete = sum(record.complete for record in records)
    if complete < len(records):
        return say("burst-under-way", done=complete, count=len(records))
    kept = {ItemState.STORED, ItemState.DUPLICATE}
    any_kept = any(item.state in kept for record in records for item in record.items)
    return say("burst-archived" if any_kept else "burst-not-archived", count=len(records))


def _counts(records: Sequence[MessageRecord]) -> list[str]:
    items = tuple(item for record in records for item in record.items)
    stored = [item for item in items if item.state is ItemState.STORED]
    duplicates = sum(item.state is ItemState.DUPLICATE for item in items)
    lines = [texts.kinds(items)]
    if stored:
        total = texts.size(sum(item.size_bytes or 0 for item in stored))
        lines.append(say("burst-stored", count=len(stored), size=total))
        lines += sorted({_place(item.key or "") for item in stored})[:3]
    if duplicates:
        lines.append(say("burst-duplicates", count=duplicates))
    if queued := tuple(item for item in items if item.state is ItemState.QUEUED):
        lines.append(say("job-queued", what=texts.kinds(queued)))
    return lines


def _place(key: str) -> str:
    """Return what the folders of messages have in common."""
    return key.rpartition("/")[0].rpartition("/")[0] + "/"


def _lines_of(record: MessageRecord, live: texts.Live) -> list[str]:
    return [f"m{record.message_id} {line}" for line in texts.left_out_lines(record) + texts.waiting_lines(record, live)]
