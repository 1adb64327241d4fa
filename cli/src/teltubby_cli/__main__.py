"""Command line: ``teltubby run``, ``doctor``, ``queue`` and ``demo``."""

import argparse
import sys

from teltubby_cli.run import run
from teltubby_core.observability.metrics import VERSION
from teltubby_core.running import EXIT_FAILURE, EXIT_OK, exit_status

_RUN_HELP = """\
Archive what whitelisted users send to your bot. Reads the environment, then .env in this folder:

  TELEGRAM_BOT_TOKEN           the token from @BotFather                                   (needed)
  TELEGRAM_WHITELIST_IDS       numeric user ids that may send, comma-separated              (needed)
  MTPROTO_API_ID, _HASH        from my.telegram.org; without them files over 20 MB wait
  ARCHIVE_DIR                  folder of the archive                                       (./archive)
  SQLITE_PATH                  database file                                  (./teltubby-data/teltubby.db)

docs/settings.md describes all of them. Ends with status 2 when a setting is missing or wrong.
"""
_DEMO_HELP = """\
Play a whole day in one minute: a Telegram of its own, a user who sends real files, the bot's answers as they
change, the archive, and a check of every stored byte. Needs no account, no settings and no network.

With --distributed it is played by a bot and two workers as processes of their own, on the RabbitMQ and the S3 named by
RABBITMQ_HOST, S3_ENDPOINT and so on; `make demo-distributed` starts both. What it makes there it removes again.

With --simulator it is played on a simulated Telegram, a bot and workers that run elsewhere, like those of a Helm
release: it starts nothing, and looks into the bucket that S3_ENDPOINT, S3_BUCKET and so on name. What it sends stays.
"""
_DOCTOR_HELP = """\
Check everything that a service depends on, and say what to do: settings, Telegram, database, folder or bucket, broker,
clock. Without a name: bot and worker where S3_ENDPOINT, S3_ACCESS_KEY_ID or RABBITMQ_HOST is set, else run. Changes
nothing at Telegram; makes the bucket and what lies at the broker, as the services do. Takes ten seconds at most.

Ends with status 0 when all is fine, 1 when something is wrong, 2 when a setting is.
"""
_QUEUE_HELP = """\
Dead letters are jobs that nobody could do, and messages that are no job. At the broker where RABBITMQ_HOST,
S3_ENDPOINT or S3_ACCESS_KEY_ID is set, else in the database of a `teltubby run`, which must be stopped for it.
"""


def main(arguments: list[str] | None = None) -> int:
    """Run the command; return the exit status: 0 done, 1 failed, 2 a setting or argument is wrong."""
    options = _parser().parse_args(arguments)
    return exit_status("teltubby", lambda: _command(options))


def _command(options: argparse.Namespace) -> int:
    if options.command == "run":
        run()
        return EXIT_OK
    if options.command == "doctor":
        return _doctor(options)
    if options.command == "queue":
        return _queue(options)
    return _demo(options)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="teltubby", description="Archive Telegram media, every byte of it.")
    parser.add_argument("--version", action="version", version=f"teltubby {VERSION}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    raw = argparse.RawDescriptionHelpFormatter
    commands.add_parser("run", help="bot and worker in one process", description=_RUN_HELP, formatter_class=raw)
    demo = commands.add_parser("demo", help="see it work", description=_DEMO_HELP, formatter_class=raw)
    demo.add_argument("--keep", metavar="FOLDER", help="leave the archive in FOLDER (new or empty)")
    demo.add_argument("--large-mb", type=int, default=100, metavar="N", help="size of a large video (default 100)")
    where = demo.add_mutually_exclusive_group()
    where.add_argument("--distributed", action="store_true", help="as separate services, on RabbitMQ and S3")
    where.add_argument("--simulator", metavar="CONTROL_URL", help="on what runs elsewhere, behind this simulator")
    demo.add_argument(
        "--curator", type=int, metavar="ID", help="who sends there (default: the first of TELEGRAM_WHITELIST_IDS)"
    )
    doctor = commands.add_parser("doctor", help="what is wrong?", description=_DOCTOR_HELP, formatter_class=raw)
    doctor.add_argument("service", nargs="?", choices=["run", "bot", "worker"], help="the service to check")
    doctor.add_argument("--json", action="store_true", help="for machines")
    _add_queue(commands.add_parser("queue", help="dead letters", description=_QUEUE_HELP, formatter_class=raw))
    return parser


def _add_queue(queue: argparse.ArgumentParser) -> None:
    actions = queue.add_subparsers(dest="action", required=True, metavar="ACTION")
    dead = actions.add_parser("dead", help="list them, oldest first")
    dead.add_argument("--limit", type=_positive, default=100, metavar="N", help="list N at most (default 100)")
    dead.add_argument("--json", action="store_true", help="for machines")
    replay = actions.add_parser("replay", help="have jobs tried again")
    which = replay.add_mutually_exclusive_group(required=True)
    which.add_argument("job_ids", nargs="*", default=[], metavar="JOB_ID", help="a job's whole id")
    which.add_argument("--all", action="store_true", help="all of them")
    purge = actions.add_parser("purge", help="throw all of them away")
    purge.add_argument("--yes", action="store_true", help="don't ask")


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("give a number from 1 on")
    return number


def _doctor(options: argparse.Namespace) -> int:
    from teltubby_cli.doctor import doctor  # noqa: PLC0415 - `run` starts without the clients that it loads

    return doctor(options.service, as_json=options.json)


def _queue(options: argparse.Namespace) -> int:
    from teltubby_cli import queue_command  # noqa: PLC0415 - as above

    opener = queue_command.carrier_here()
    if options.action == "dead":
        return queue_command.show(opener, limit=options.limit, as_json=options.json)
    if options.action == "replay":
        return queue_command.replay(opener, None if options.all else options.job_ids)
    return queue_command.purge(opener, yes=options.yes)


def _demo(options: argparse.Namespace) -> int:
    try:
        from teltubby_cli.demo import demo  # noqa: PLC0415 - an extra: `run` needs none of its packages
    except ModuleNotFoundError as error:
        print(f"teltubby: demo needs {error.name}: install teltubby-cli[demo]", file=sys.stderr)
        return EXIT_FAILURE
    return demo(
        keep=options.keep,
        large_mb=options.large_mb,
        distributed=options.distributed,
        simulator=options.simulator,
        curator=options.curator,
    )


if __name__ == "__main__":
    sys.exit(main())
