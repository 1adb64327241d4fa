"""Contents: any offset of a file gives the same bytes however it is asked for."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from teltubby_simulator.content import BytesContent, SeededContent, sha256_of


@given(
    size=st.integers(0, 5000),
    header=st.binary(max_size=64),
    offset=st.integers(0, 6000),
    length=st.integers(0, 6000),
)
def test_any_part_of_a_seeded_file_is_that_part_of_the_whole(size, header, offset, length):
    content = SeededContent("film", size, header)
    whole = content.read(0, size)
    assert len(whole) == size
    assert whole[: len(header)] == header[:size]
    assert content.read(offset, length) == whole[offset : offset + length]


def test_two_seeds_share_no_block():
    one, other = (SeededContent(seed, 1 << 16).read(0, 1 << 16) for seed in ("one", "other"))
    blocks = {one[at : at + 16] for at in range(0, len(one), 16)}
    assert not blocks & {other[at : at + 16] for at in range(0, len(other), 16)}


def test_a_huge_file_costs_nothing_until_it_is_read():
    content = SeededContent("huge", 2000 * 1024 * 1024)
    assert len(content.read(content.size - 10, 100)) == 10
    assert content.read(content.size, 1) == b""


@pytest.mark.parametrize("block", [1, 7, 1 << 20])
def test_the_hash_does_not_depend_on_the_block_size(block):
    content = BytesContent(b"some bytes of a file")
    assert sha256_of(content, block) == hashlib.sha256(content.payload).hexdigest()
