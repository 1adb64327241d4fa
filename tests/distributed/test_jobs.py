"""The scenarios of ``teltubby run``, unchanged, on separate services."""

from integration.test_run_jobs import *  # noqa: F403

# An AMQP broker does not tell how many jobs workers hold, so /queue can't: see the unit tests of its text.
del test_queue_and_jobs_show_what_is_on_its_way  # noqa: F821
