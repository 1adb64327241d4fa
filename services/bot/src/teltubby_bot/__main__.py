"""``python -m teltubby_bot``: takes messages in and answers them, with workers elsewhere, until SIGTERM."""

import asyncio
import sys
from contextlib import AsyncExitStack

from teltubby_bot.bootstrap import BotPorts, bot_pages, build_bot, build_ownership, build_telegram, open_ports
from teltubby_bot.guarded import GuardedTelegram, telegram_circuit
from teltubby_bot.settings import BotServiceSettings
from teltubby_core.observability import Check, Metrics
from teltubby_core.observability.service import Observed
from teltubby_core.running import entered, exit_status, run_service


def main() -> int:
    """Serve; return the exit status: 0 stopped, 1 failed, 2 a setting is wrong."""
    return exit_status("teltubby-bot", lambda: run_service("bot", BotServiceSettings, _serve))


async def _serve(settings: BotServiceSettings, stop: asyncio.Event) -> None:
    async with AsyncExitStack() as stack:
        ports = await entered(stack, lambda: open_ports(settings), stop, settings.sqlite_wait_seconds)
        if ports is not None:
            await _take_messages(settings, ports, stop)


async def _take_messages(settings: BotServiceSettings, ports: BotPorts, stop: asyncio.Event) -> None:
    network, circuit = ports.network, telegram_circuit()
    observed = Observed("bot", Metrics("bot"))
    async with build_telegram(settings) as telegram:
        bot = build_bot(
            settings,
            GuardedTelegram(telegram, circuit),
            inbox=ports.inbox,
            index=ports.index,
            queue=network.queue,
            events=network.events(),
            control=network.control(),
            dead_letters=network.dead_letters(),
            store=network.store,
            ownership=build_ownership(settings, network.store, ports.index, "S3_BUCKET"),
            clock=ports.clock,
            jobs_wait_for=None,
            store_quota=network.s3.quota_bytes,
            sessions=ports.sessions,
            observed=observed,
        )
        checks = [Check("database", ports.index.backlog), *network.checks()]
        async with bot_pages(settings, bot, observed, ports.clock, checks, [circuit, *network.circuits]):
            await bot.run(stop)


if __name__ == "__main__":
    sys.exit(main())
