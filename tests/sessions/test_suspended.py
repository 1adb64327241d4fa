"""A worker that was suspended wakes up when its session is another's."""

import signal

import pytest

from distributed.acts import at_full_speed, in_mid_file, slowly
from integration.harness import MIB
from sessions.stage import LOGIN, SessionStage
from testbed.processes import wait_for

ACQUIRED = 150.0  # seconds: a Lease of thirty, and what it takes to see that its pod is gone


@pytest.mark.timeout(300)
async def test_one_that_slept_past_its_lease_sends_nothing_after_the_next_one_began(stage: SessionStage) -> None:
    stage.worker_count = 2
    stage.settings["SESSION_NAMES"] = stage.slots.names[0]
    first, second = "worker-0", "worker-1"
    await stage.enrol(first)
    await stage.bring_up(stage.bot, stage.service(first))
    slowly(stage)
    message = stage.cast.sends(stage.document("large", 25 * MIB))
    await in_mid_file(stage, message)
    its_connections = {call.via["connection"] for call in stage.calls()}

    stage.service(first).send_signal(signal.SIGSTOP)
    try:
        stage.slots.remove_pod(stage.pods[first])
        await stage.enrol(second)
        await stage.bring_up(stage.service(second))
        at_full_speed(stage)
        slept_from = len(stage.calls())
        other = stage.cast.sends(stage.document("another", 21 * MIB))
        await stage.until_ended(other, limit=ACQUIRED)
        assert set(stage.holders().values()) == {stage.pods[second]}
        assert len(stage.calls()) > slept_from
    finally:
        stage.service(first).send_signal(signal.SIGCONT)

    await stage.until_ended(message)
    wait_for(lambda: "is not ours any more" in stage.service(first).latest_log, 30, "the first one to notice")
    later = stage.calls()[slept_from:]
    assert [call for call in later if call.via["connection"] in its_connections and call.method != "disconnect"] == []
    stage.assert_no_session_was_used_twice()
    assert len(stage.calls(LOGIN)) == 1
    stage.assert_archived_once([message, other])
