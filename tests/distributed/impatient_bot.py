"""``python -m teltubby_bot`` that takes a job for lost after a second of silence; the bot itself waits a minute."""

import sys
from functools import partial

from teltubby_bot import __main__, bootstrap
from teltubby_bot.reconciler import Patience
from teltubby_bot.service import BotOptions

PATIENCE = Patience(pending=1.0, processing=60.0, retrying=1.0, look=0.3)

if __name__ == "__main__":
    setattr(bootstrap, BotOptions.__name__, partial(BotOptions, patience=PATIENCE))
    sys.exit(__main__.main())
