"""An in-memory fake of each port, held to the same contract tests as the real adapters."""

from teltubby_core.testing.clock import SteppedClock
from teltubby_core.testing.dead_letters import MemoryDeadLetters
from teltubby_core.testing.events import MemoryEvents
from teltubby_core.testing.job_queue import MemoryJobQueue
from teltubby_core.testing.media_source import MemorySource
from teltubby_core.testing.object_store import MemoryObjectStore, StoredObject
from teltubby_core.testing.samples import sample_job
from teltubby_core.testing.session_store import MemorySessionLease, MemorySessionStore

__all__ = [
    "MemoryDeadLetters",
    "MemoryEvents",
    "MemoryJobQueue",
    "MemoryObjectStore",
    "MemorySessionLease",
    "MemorySessionStore",
    "MemorySource",
    "SteppedClock",
    "StoredObject",
    "sample_job",
]
