"""Files on a local Bot API server's own disk: read where we see them, and nothing else."""

import os
from contextlib import aclosing
from pathlib import Path

import pytest

from support import eventually
from teltubby_bot.botapi.local_files import LocalFiles
from teltubby_core.errors import InfrastructureError, PermanentError, TransientError

TOKEN = "123456:AAE" + "x" * 32
CONTENT = os.urandom(3 * 1024 * 1024 + 5)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "files"
    folder = root / TOKEN / "documents"
    folder.mkdir(parents=True)
    (folder / "file_0.bin").write_bytes(CONTENT)
    (tmp_path / "secret").write_bytes(b"not for us")
    return root


async def _read(root: Path, path: str, token: str = TOKEN) -> bytes:
    async with aclosing(LocalFiles(root, token).read(path)) as chunks:
        return b"".join([chunk async for chunk in chunks])


async def test_a_file_is_read_where_the_server_has_it_and_left_there(root: Path) -> None:
    path = root / TOKEN / "documents/file_0.bin"
    assert await _read(root, str(path)) == CONTENT
    assert path.read_bytes() == CONTENT


async def test_a_folder_that_we_see_elsewhere_is_found_by_the_bots_own(root: Path) -> None:
    assert await _read(root, f"/var/lib/telegram-bot-api/{TOKEN}/documents/file_0.bin") == CONTENT


@pytest.mark.parametrize("prefix", ["/var/lib/bot-api/", "C:\\bot\\", "D:/x/"])
async def test_the_bots_folder_may_be_named_without_a_colon(root: Path, prefix: str) -> None:
    name = TOKEN.replace(":", "~")
    (root / TOKEN).rename(root / name)
    assert await _read(root, f"{prefix}{name}/documents/file_0.bin") == CONTENT


async def test_it_is_open_before_a_byte_is_read_and_comes_in_blocks(root: Path) -> None:
    chunks = [len(chunk) async for chunk in LocalFiles(root, TOKEN).read(f"/x/{TOKEN}/documents/file_0.bin")]
    assert chunks == [0, 1024**2, 1024**2, 1024**2, 5]


@pytest.mark.parametrize(
    "path",
    [
        "{root}/../secret",
        "{root}/{token}/../../secret",
        "/elsewhere/{token}/../../secret",
        "/elsewhere/{token}/documents/../../../secret",
    ],
)
async def test_nothing_outside_is_read_by_dots(root: Path, path: str) -> None:
    with pytest.raises(PermanentError, match="outside"):
        await _read(root, path.format(root=root, token=TOKEN))


@pytest.mark.parametrize("linked", ["documents/link", "linked/secret"])
async def test_nothing_outside_is_read_by_links(root: Path, linked: str) -> None:
    (root / TOKEN / "documents/link").symlink_to(root.parent / "secret")
    (root / TOKEN / "linked").symlink_to(root.parent)
    with pytest.raises(PermanentError, match="links are not followed"):
        await _read(root, f"/x/{TOKEN}/{linked}")


async def test_what_is_no_file_is_refused_at_once(root: Path) -> None:
    os.mkfifo(root / TOKEN / "documents/fifo")
    for name in ("fifo", ""):
        with pytest.raises(PermanentError):
            await _read(root, f"/x/{TOKEN}/documents/{name}")


async def test_a_file_that_the_server_removed_is_asked_for_again(root: Path) -> None:
    with pytest.raises(TransientError, match="removed"):
        await _read(root, f"/x/{TOKEN}/documents/file_1.bin")


@pytest.mark.parametrize("path", ["/etc/passwd", "/x/654321:other/documents/file_0.bin"])
async def test_a_path_that_leads_nowhere_names_the_setting_and_waits(root: Path, path: str) -> None:
    with pytest.raises(InfrastructureError, match=r"^TELEGRAM_LOCAL_FILES_DIR: "):
        await _read(root, path)


async def test_a_wrong_folder_names_the_setting_and_no_token(root: Path) -> None:
    for wrong in (root.parent / "nowhere", root.parent):
        with pytest.raises(InfrastructureError) as caught:
            await _read(wrong, f"/x/{TOKEN}/documents/file_0.bin")
        assert str(caught.value).startswith(f"TELEGRAM_LOCAL_FILES_DIR: {wrong} can't be read")
        assert TOKEN not in str(caught.value)


async def test_leaving_early_closes_the_file(root: Path) -> None:
    def held() -> list[str]:
        found = list(Path("/proc/self/fd").iterdir())
        return [str(link.readlink()) for link in found if link.is_symlink() and "file_0" in str(link.readlink())]

    chunks = LocalFiles(root, TOKEN).read(f"/x/{TOKEN}/documents/file_0.bin")
    await anext(chunks)
    await anext(chunks)
    assert held()
    await chunks.aclose()
    await eventually(lambda: not held())
