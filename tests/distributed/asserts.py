"""Imported first: asserts of the stages then tell what they compared, as those of test modules do."""

import pytest

pytest.register_assert_rewrite("integration.harness", "distributed.stage", "distributed.acts")
