"""Memory of ``teltubby run`` does not grow with the file: 4 GB cost no more than 64 MiB above idle."""

from pathlib import Path

import pytest

from integration.harness import MIB, Stage

LARGEST = 4000 * MIB  # what a premium user may send
BOUND = 64 * MIB


def memory(pid: int, field: str) -> int:
    """VmRSS or VmHWM (the peak) in bytes, of the process and not of this one."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(field))


def forget_peak(pid: int) -> None:
    """Let VmHWM count from here (proc(5), clear_refs)."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")


@pytest.mark.timeout(400)
async def test_a_file_of_4_gb_takes_no_more_than_64_mib_above_idle(stage: Stage, capsys):
    await stage.start()
    assert stage.process is not None
    pid = stage.process.pid
    await stage.until(lambda: stage.world.account(stage.cast.bot).poll, what="the first poll")
    idle = memory(pid, "VmRSS")
    forget_peak(pid)
    stage.cast.curator.is_premium = True
    large = stage.cast.sends(stage.document("4 GB", LARGEST))
    await stage.until_ended(large, limit=300)
    peak = memory(pid, "VmHWM")
    assert await stage.stop() == 0
    stage.assert_archived_once(stage.cast.sent)
    with capsys.disabled():
        print(f"\n4 GB file: idle {idle / MIB:.1f} MiB, peak {peak / MIB:.1f} MiB, {(peak - idle) / MIB:.1f} MiB above")  # noqa: T201
    assert peak - idle < BOUND
