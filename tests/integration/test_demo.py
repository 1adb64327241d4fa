"""``teltubby demo`` as a user runs it."""

import asyncio
import sys
from pathlib import Path


async def test_the_demo_plays_to_its_end_and_leaves_the_archive_when_asked(tmp_path: Path):
    keep = tmp_path / "kept"
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "teltubby_cli", "demo", "--large-mb", "21", "--keep", str(keep)),
        cwd=tmp_path,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    async with asyncio.timeout(100):
        output, _ = await process.communicate()
    text = output.decode()
    assert process.returncode == 0, text
    for said in ("Ada sends an album", "Job Queued 📥", "the bot keeps silent", '"schema_version": "1.0"'):
        assert said in text
    assert "All 11 files are in the archive, every byte as sent." in text
    assert len(list(keep.rglob("message.json"))) == 9
