"""The scenarios of ``teltubby run``, unchanged, on separate services."""

from integration.test_run_main_job import *  # noqa: F403

# A worker in a process of its own does not start without credentials: see test_services.py.
del test_without_api_credentials_a_large_file_waits_as_a_job_and_is_fetched_once_they_are_there  # noqa: F821
