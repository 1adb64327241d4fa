"""The scenarios of ``teltubby run``, unchanged, on separate services."""

from integration.test_run_intake import *  # noqa: F403
