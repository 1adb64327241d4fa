"""Jobs: files that a worker fetches over MTProto. The message on the queue, its states, and what workers report."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from teltubby_core.domain.media import ForwardOrigin, MediaKind
from teltubby_core.domain.sessions import SessionNotes
from teltubby_core.errors import ErrorCategory

MAX_REDELIVERIES = 10
"""How often a job may come back because its worker died, before it counts as the cause."""

HEARTBEAT_SECONDS = 15.0
"""Longest silence of a worker about a job that it holds: it reports its progress this often even when there is none."""


class JobState(StrEnum):
    """Where a job stands, as kept in job_history."""

    PENDING = "PENDING"
    PROCESSING = "PROCESSING"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"
    RETRYING = "RETRYING"

    @property
    def final(self) -> bool:
        """Whether nothing more happens by itself."""
        return self in {JobState.COMPLETED, JobState.FAILED, JobState.CANCELLED}


class Priority(StrEnum):
    """How urgent a job is; ``level`` is its number on the queue."""

    NORMAL = "normal"
    HIGH = "high"
    URGENT = "urgent"

    @property
    def level(self) -> int:
        """Return the number: 4, 7 or 9 of 10."""
        return {"normal": 4, "high": 7, "urgent": 9}[self.value]


class _Wire(BaseModel):
    # errors without input: it holds captions
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class FileInfo(_Wire):
    """The file to fetch. ``file_size`` in bytes, None when Telegram did not tell."""

    file_id: str
    file_unique_id: str
    file_size: int | None = Field(default=None, ge=0)
    file_type: MediaKind
    file_name: str | None = None
    mime_type: str | None = None


class TelegramContext(_Wire):
    """What the message said about the file."""

    forward_origin: ForwardOrigin | None = None
    caption: str | None = None
    entities: tuple[dict[str, Any], ...] = ()
    media_group_id: str | None = None


class JobMetadata(_Wire):
    """How the job is to be treated."""

    created_at: datetime
    priority: Priority = Priority.NORMAL
    retry_count: int = Field(default=0, ge=0)
    max_retries: int = Field(default=8, ge=0)


class RelayCopy(_Wire):
    """The message's copy in the channel that user accounts read from: bot and accounts know it by one id there."""

    chat_id: int
    message_id: int = Field(gt=0)


class JobMessage(_Wire):
    """One job on the queue. ``generation`` grows with each retry by hand; reports of an older one are dropped.

    ``relay`` is where a user account finds the file; the bot's own session finds it in the chat itself.
    """

    version: Literal[1] = 1
    job_id: str = Field(min_length=1)
    user_id: int
    chat_id: int
    message_id: int = Field(gt=0)
    file_info: FileInfo
    telegram_context: TelegramContext
    job_metadata: JobMetadata
    correlation_id: str
    generation: int = Field(default=0, ge=0)
    ordinal: int = Field(ge=1)
    date: datetime
    base_path: str
    key: str
    message_json_key: str
    relay: RelayCopy | None = None

    def retried(self) -> "JobMessage":
        """Return the message for the next attempt after a transient error."""
        meta = self.job_metadata.model_copy(update={"retry_count": self.job_metadata.retry_count + 1})
        return self.model_copy(update={"job_metadata": meta})


class _JobEvent(_Wire):
    job_id: str
    generation: int = 0
    at: datetime


class JobStarted(_JobEvent):
    """A worker took the job up."""

    kind: Literal["job.started"] = "job.started"
    worker: str
    attempt: int


class JobProgress(_JobEvent):
    """Bytes so far; may be lost, means nothing after an outcome."""

    kind: Literal["job.progress"] = "job.progress"
    done_bytes: int
    total_bytes: int | None


class JobRetrying(_JobEvent):
    """An attempt failed and another will follow in ``delay_seconds``."""

    kind: Literal["job.retrying"] = "job.retrying"
    error: str
    category: ErrorCategory
    retry_count: int
    delay_seconds: float


class JobCompleted(_JobEvent):
    """The object lies at ``key``, complete."""

    kind: Literal["job.completed"] = "job.completed"
    key: str
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    size_bytes: int = Field(ge=0)


class JobFailed(_JobEvent):
    """The job ended without an object."""

    kind: Literal["job.failed"] = "job.failed"
    error: str
    category: ErrorCategory


class JobCancelled(_JobEvent):
    """A worker stopped the job as it was ordered to; nothing of it is left in the bucket."""

    kind: Literal["job.cancelled"] = "job.cancelled"
    worker: str


class JobReplayed(_JobEvent):
    """An operator took the job out of the dead letters and wants it tried again."""

    kind: Literal["job.replayed"] = "job.replayed"


JobEvent = Annotated[
    JobStarted | JobProgress | JobRetrying | JobCompleted | JobFailed | JobCancelled | JobReplayed,
    Field(discriminator="kind"),
]
"""What the bot is told about its jobs, by workers and operators."""


class CancelOrder(_Wire):
    """Stop this job, if you have it, unless it is of a later generation."""

    job_id: str
    generation: int = 0


class JobQueued(_JobEvent):
    """A job waits for a worker."""

    kind: Literal["job.queued"] = "job.queued"
    priority: Priority


class ArchiveStored(_Wire):
    """A file is in the archive."""

    kind: Literal["archive.stored"] = "archive.stored"
    at: datetime
    bucket: str
    key: str
    sha256: str
    size_bytes: int


class SessionReport(_Wire):
    """How a worker's login at Telegram is: told at each change, and now and then while it stays as it is."""

    kind: Literal["session.empty", "session.ready", "session.flooded", "session.lost"]
    at: datetime
    session: str
    worker: str
    notes: SessionNotes
    held: bool = True
    """Whether the worker still has it."""


News = Annotated[JobQueued | ArchiveStored, Field(discriminator="kind")]
"""What is announced beside the reports, for whoever wants to know."""

news: TypeAdapter[News] = TypeAdapter(News)
"""Reads and writes News as JSON."""

Report = Annotated[JobEvent | SessionReport, Field(discriminator="kind")]
"""What workers tell the bot."""

report: TypeAdapter[Report] = TypeAdapter(Report)
"""Reads and writes a Report as JSON."""


def retry_delay(retry_count: int, jitter: float, base: float = 15.0, ceiling: float = 600.0) -> float:
    """Seconds to wait after attempt ``retry_count``: exponential from ``base``; ``jitter`` (0–1) adds up to half.

    A worker has borne an outage for minutes before an attempt ends, so the next one comes minutes later: eight
    retries last most of an hour.
    """
    delay = min(base * 2**retry_count, ceiling)
    return float(delay * (1 + jitter / 2))
