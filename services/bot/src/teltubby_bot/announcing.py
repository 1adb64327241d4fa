"""News for whoever listens, beside the work: nothing waits for them, and nothing fails with them."""

import asyncio
import logging
from datetime import UTC, datetime

from teltubby_bot.background import Background
from teltubby_core.domain.jobs import ArchiveStored, JobMessage, JobQueued, News
from teltubby_core.domain.records import Stored
from teltubby_core.errors import TeltubbyError
from teltubby_core.ports import Clock, Events

log = logging.getLogger(__name__)

_SECONDS = 10.0  # for one of them
_MOST = 100  # under way; while a broker does not answer, more are left out


class Announcer:
    """Announces in tasks of its own."""

    def __init__(self, events: Events, clock: Clock, bucket: str) -> None:
        self._events = events
        self._clock = clock
        self._bucket = bucket
        self._tasks = Background(_MOST)

    def queued(self, job: JobMessage) -> None:
        """A job waits for a worker."""
        self._tell(
            JobQueued(job_id=job.job_id, generation=job.generation, at=self._now(), priority=job.job_metadata.priority)
        )

    def stored(self, stored: Stored) -> None:
        """A file is in the archive."""
        self._tell(
            ArchiveStored(
                at=self._now(),
                bucket=self._bucket,
                key=stored.key,
                sha256=stored.sha256,
                size_bytes=stored.size_bytes,
            )
        )

    async def stop(self) -> None:
        """Leave what is under way."""
        await self._tasks.stop()

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock.now(), UTC)

    def _tell(self, news: News) -> None:
        if not self._tasks.start(lambda: self._announce(news), f"announce {news.kind}"):
            log.debug("%s not announced: %d others are under way", news.kind, _MOST)

    async def _announce(self, news: News) -> None:
        try:
            async with asyncio.timeout(_SECONDS):
                await self._events.announce(news)
        except TimeoutError:
            log.warning("%s not announced: no answer within %g s", news.kind, _SECONDS)
        except TeltubbyError as error:
            log.warning("%s not announced: %s", news.kind, error)
        except Exception:  # the edge of one announcement: logged and left
            log.exception("%s not announced", news.kind)
