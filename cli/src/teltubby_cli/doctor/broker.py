"""The message broker: can we log in there, is everything declared as we need it, what waits?"""

from teltubby_cli.doctor.check import Said
from teltubby_cli.doctor.finding import Verdict
from teltubby_core.ports import JobQueue

_CONSUMER_TIMEOUT = (
    "consumer_timeout is not told over AMQP: it must be above the time of the longest transfer (deploy/rabbitmq.conf"
    " sets 24 h; RabbitMQ's own default, 30 minutes, may be too short for 4 GB)"
)


async def look_at_broker(queue: JobQueue, place: str) -> Said:
    """Declare what bot and workers declare, and count. The queue's errors name what is wrong and the setting."""
    depth = await queue.depth()
    yield Verdict.FINE, f"{place} takes us, and queues and exchanges are as teltubby needs them"
    dead = f"; {depth.dead} dead letters: see `teltubby queue dead`" if depth.dead else ""
    yield Verdict.FINE, f"{depth.ready} jobs wait{dead}"
    yield Verdict.NOT_CHECKED, _CONSUMER_TIMEOUT
