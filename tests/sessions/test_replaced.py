"""Workers come and go under load: no login is used twice, none is made anew, and no file is lost."""

import pytest

from distributed.acts import SMALL_LIMIT
from integration.harness import MIB
from sessions.conftest import WORKERS
from sessions.stage import LOGIN, SessionStage

ROUNDS = 10


@pytest.mark.timeout(600)
async def test_four_workers_replaced_in_turn_ten_times_keep_their_four_logins(stage: SessionStage) -> None:
    stage.settings |= {"BOT_API_MAX_FILE_SIZE_BYTES": str(SMALL_LIMIT), "WORKER_SHUTDOWN_SECONDS": "60"}
    stage.world.faults.mtproto.account_bandwidth = 16 * MIB
    await stage.start()
    sent = [stage.cast.sends(stage.document(f"first {number}", 2 * MIB)) for number in range(2 * WORKERS)]
    await stage.until_ended(*sent)

    for number in range(ROUNDS):
        for worker in range(WORKERS):
            sent += [stage.cast.sends(stage.document(f"{number} {worker} {each}", 2 * MIB)) for each in range(2)]
            await stage.replace(f"worker-{worker}")
    await stage.until_ended(*sent)

    stage.assert_no_session_was_used_twice()
    assert len(stage.calls(LOGIN)) <= WORKERS
    stage.assert_well(sent, jobs=len(sent))
    assert [document["redeliveries"] for document in stage.bucket.documents("metadata.json")] == [0] * len(sent)
    assert len(stage.slots.contents()) == len(stage.calls(LOGIN))
