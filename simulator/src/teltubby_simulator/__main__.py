"""``teltubby-simulator``: run a Telegram until SIGTERM or SIGINT, for demos and for clients in other processes."""

import argparse
import asyncio
import json
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from teltubby_simulator.directory import DEFAULT_API_HASH, DEFAULT_API_ID
from teltubby_simulator.key_fetching import fetch_key
from teltubby_simulator.model import User
from teltubby_simulator.mtproto.server import Ports
from teltubby_simulator.server import TelegramSimulator
from teltubby_simulator.world import World

_MTPROTO_ADDRESSES = (
    ("--mtproto-port", "data centre 2's main address"),
    ("--mtproto-media-port", "data centre 2's media-only address"),
    ("--mtproto-port-dc4", "data centre 4's main address"),
    ("--mtproto-media-port-dc4", "data centre 4's media-only address"),
)

_FIRST_SECOND = 1_750_000_000
"""Unix seconds at which fresh message ids begin, so that they fit 32 bits for decades."""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="teltubby-simulator",
        description="A Telegram in one process: Bot API, MTProto and a control API on one shared state. "
        "Once ready it prints one line of JSON with the addresses, and ends on SIGTERM or SIGINT.",
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--bot-api-port", type=int, default=0, help="0 takes a free one (default)")
    for flag, address in _MTPROTO_ADDRESSES:
        parser.add_argument(flag, type=int, default=0, help=f"port of {address}; 0 takes a free one (default)")
    parser.add_argument(
        "--mtproto-advertised-host", help="where MTProto clients are told to find it (default: the host)"
    )
    parser.add_argument("--no-mtproto", action="store_true", help="keep the MTProto door closed")
    token = parser.add_mutually_exclusive_group()
    token.add_argument("--bot-token", help="token of the bot, <id>:<35 characters> (default: a random one)")
    token.add_argument("--bot-token-file", type=Path, help="a file with it, so that no list of processes shows it")
    parser.add_argument("--bot-username", default="simulated_bot", help="(default: %(default)s)")
    parser.add_argument("--api-id", type=int, default=DEFAULT_API_ID, help="(default: %(default)s)")
    parser.add_argument("--api-hash", default=DEFAULT_API_HASH, help="(default: %(default)s)")
    parser.add_argument("--public-key-file", type=Path, help="write the MTProto server's public key there (PEM)")
    parser.add_argument(
        "--private-key-file", type=Path, help="its RSA key of 2048 bits (PEM), instead of a new one at each start"
    )
    parser.add_argument(
        "--fetch-key-from",
        metavar="CONTROL_URL",
        help="only write the public key of a simulator that runs elsewhere to --public-key-file, and end",
    )
    parser.add_argument(
        "--wait", type=float, default=120, metavar="SECONDS", help="for that one to answer (default: %(default)g)"
    )
    parser.add_argument("--flood-limits", action="store_true", help="answer 429 to bots that write too fast")
    parser.add_argument(
        "--local-files", type=Path, help="be a local Bot API server that keeps its files in this folder"
    )
    parser.add_argument("--allow-plain-webhooks", action="store_true", help="call webhooks over http, at any address")
    parser.add_argument("--seed", type=int, default=0, help="decides all random ids (default: %(default)s)")
    parser.add_argument(
        "--fresh-ids",
        action="store_true",
        help="ids of files and messages that no simulator before this one gave, for clients that outlive it",
    )
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the simulator; return the exit status."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.fetch_key_from is not None:
        if options.public_key_file is None:
            parser.error("--fetch-key-from needs --public-key-file")
        return fetch_key(options.fetch_key_from, options.public_key_file, options.wait)
    world = World(
        seed=time.time_ns() if options.fresh_ids else options.seed,
        flood_limits=options.flood_limits,
        local_files=options.local_files,
        allow_plain_webhooks=options.allow_plain_webhooks,
    )
    try:
        token, private_key = _identity(options)
        bot = world.add_bot("Simulated bot", options.bot_username, token, options.api_id, options.api_hash)
        if options.fresh_ids:
            world.account(bot).last_message_id = int(time.time()) - _FIRST_SECOND
        simulator = _simulator(world, private_key, options)
    except (OSError, ValueError) as error:
        sys.stderr.write(f"teltubby-simulator: {error}\n")
        return 2
    asyncio.run(_serve(simulator, bot, options))
    return 0


def _identity(options: argparse.Namespace) -> tuple[str | None, bytes | None]:
    """Return the bot's token and the private key, as far as they were given."""
    token, key_file = options.bot_token, options.private_key_file
    if options.bot_token_file is not None:
        token = options.bot_token_file.read_text("utf-8").strip()
    return token, None if key_file is None else key_file.read_bytes()


def _simulator(world: World, private_key: bytes | None, options: argparse.Namespace) -> TelegramSimulator:
    try:
        return TelegramSimulator(
            world,
            host=options.host,
            bot_api_port=options.bot_api_port,
            mtproto_ports={
                2: Ports(options.mtproto_port, options.mtproto_media_port),
                4: Ports(options.mtproto_port_dc4, options.mtproto_media_port_dc4),
            },
            mtproto_advertised_host=options.mtproto_advertised_host,
            mtproto=not options.no_mtproto,
            mtproto_private_key=private_key,
        )
    except ValueError as error:
        raise ValueError(f"--private-key-file: {options.private_key_file} {error}") from error


async def _serve(simulator: TelegramSimulator, bot: User, options: argparse.Namespace) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for signal_number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signal_number, stop.set)
    async with simulator:
        if options.public_key_file is not None and not options.no_mtproto:
            await asyncio.to_thread(options.public_key_file.write_text, simulator.mtproto_public_key)
        sys.stdout.write(json.dumps(_addresses(simulator, bot, options)) + "\n")
        sys.stdout.flush()
        await stop.wait()


def _addresses(simulator: TelegramSimulator, bot: User, options: argparse.Namespace) -> dict[str, object]:
    found: dict[str, object] = {
        "bot_api_url": simulator.bot_api_url,
        "control_url": simulator.control_url,
        "bot_id": bot.id,
    }
    if options.bot_token_file is None:  # who keeps it in a file does not want it in a log
        found["bot_token"] = bot.token
    if not options.no_mtproto:
        _, port = simulator.mtproto_address
        found |= {
            "mtproto_host": simulator.mtproto.advertised_host,
            "mtproto_port": port,
            "mtproto_dc_id": simulator.mtproto_dc_id,
            "api_id": options.api_id,
            "api_hash": options.api_hash,
        }
    return found


if __name__ == "__main__":
    sys.exit(main())
