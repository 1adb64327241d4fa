"""A job to test with."""

from datetime import UTC, datetime

from teltubby_core.domain.jobs import FileInfo, JobMessage, JobMetadata, Priority, TelegramContext
from teltubby_core.domain.media import MediaKind

_DATE = datetime(2025, 3, 1, 12, 30, tzinfo=UTC)
_FOLDER = "teltubby/2025/03"


def sample_job(job_id: str = "job-1", *, priority: Priority = Priority.NORMAL, message_id: int = 7) -> JobMessage:
    """Return a job for a video of 64 MiB that user 42 sent."""
    return JobMessage(
        job_id=job_id,
        user_id=42,
        chat_id=42,
        message_id=message_id,
        file_info=FileInfo(
            file_id=f"file-{message_id}",
            file_unique_id=f"unique-{message_id}",
            file_size=64 * 1024 * 1024,
            file_type=MediaKind.VIDEO,
            file_name="holiday.mp4",
            mime_type="video/mp4",
        ),
        telegram_context=TelegramContext(caption="holiday"),
        job_metadata=JobMetadata(created_at=_DATE, priority=priority),
        correlation_id=f"correlation-{job_id}",
        ordinal=1,
        date=_DATE,
        base_path=f"{_FOLDER}/ada/{message_id}",
        key=f"{_FOLDER}/mtproto/{message_id}/20250301-123000_ada_ada_m{message_id}_001_holiday.mp4",
        message_json_key=f"{_FOLDER}/ada/{message_id}/message.json",
    )
