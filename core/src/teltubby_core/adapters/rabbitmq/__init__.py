"""Jobs, events, orders and dead letters on RabbitMQ. Everything here shares one ``Broker``, which is one connection."""

from teltubby_core.adapters.rabbitmq.broker import Broker
from teltubby_core.adapters.rabbitmq.control import RabbitControl
from teltubby_core.adapters.rabbitmq.dead_letters import RabbitDeadLetters
from teltubby_core.adapters.rabbitmq.events import RabbitEvents
from teltubby_core.adapters.rabbitmq.queue import RabbitJobQueue

__all__ = ["Broker", "RabbitControl", "RabbitDeadLetters", "RabbitEvents", "RabbitJobQueue"]
