"""Command line: ``teltubby run`` and ``teltubby demo``."""

import argparse
import sys

from teltubby_cli.run import run
from teltubby_core.errors import ConfigurationError, TeltubbyError

EXIT_FAILURE = 1
EXIT_CONFIGURATION = 2

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
"""


def main(arguments: list[str] | None = None) -> int:
    """Run the command; return the exit status: 0 done, 1 failed, 2 a setting or argument is wrong."""
    options = _parser().parse_args(arguments)
    try:
        if options.command == "run":
            run()
            return 0
        return _demo(options)
    except ConfigurationError as error:
        for problem in error.problems:
            print(f"teltubby: {problem}", file=sys.stderr)
        return EXIT_CONFIGURATION
    except TeltubbyError as error:
        print(f"teltubby: {error}", file=sys.stderr)
        return EXIT_FAILURE


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="teltubby", description="Archive Telegram media, every byte of it.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    raw = argparse.RawDescriptionHelpFormatter
    commands.add_parser("run", help="bot and worker in one process", description=_RUN_HELP, formatter_class=raw)
    demo = commands.add_parser("demo", help="see it work", description=_DEMO_HELP, formatter_class=raw)
    demo.add_argument("--keep", metavar="FOLDER", help="leave the archive in FOLDER (new or empty)")
    demo.add_argument("--large-mb", type=int, default=100, metavar="N", help="size of the large video (default 100)")
    return parser


def _demo(options: argparse.Namespace) -> int:
    try:
        from teltubby_cli.demo import demo  # noqa: PLC0415 - an extra: `run` needs none of its packages
    except ModuleNotFoundError as error:
        print(f"teltubby: demo needs {error.name}: install teltubby-cli[demo]", file=sys.stderr)
        return EXIT_FAILURE
    return demo(keep=options.keep, large_mb=options.large_mb)


if __name__ == "__main__":
    sys.exit(main())
