"""A file as lines, from any place, forwards and backwards."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cockpit.fleet.results import pages as module
from cockpit.fleet.results.pages import SEAM, Pages


@pytest.fixture(scope="module")
def paged(tmp_path_factory: pytest.TempPathFactory) -> Callable[[bytes], Pages]:
    folder = tmp_path_factory.mktemp("pages")

    def write(data: bytes) -> Pages:
        path = folder / "file.out"
        path.write_bytes(data)
        return Pages(path)

    return write


def model(data: bytes) -> list[tuple[int, bytes]]:
    """All lines by the rule, the slow way."""
    starts = {0, *(n + 1 for n, byte in enumerate(data) if byte == 10)}
    starts |= {n for n in range(SEAM, len(data), SEAM) if b"\n" not in data[n - SEAM : n]}
    edges = sorted({start for start in starts if start < len(data)} | {len(data)})
    return [(start, data[start:stop].removesuffix(b"\n")) for start, stop in itertools.pairwise(edges)]


lines = st.lists(
    st.one_of(
        st.binary(max_size=20), st.integers(SEAM - 3, SEAM + 3).map(lambda n: b"x" * n), st.just(b"y" * 3 * SEAM)
    ),
    max_size=6,
)


@given(parts=lines, tail=st.booleans())
def test_forwards_and_backwards_give_the_same_lines(
    paged: Callable[[bytes], Pages], parts: list[bytes], tail: bool
) -> None:
    data = b"\n".join(parts) + (b"" if tail else b"\n")
    pages = paged(data)
    size, expected = pages.size(), model(data)
    assert [(line.start, line.data) for line in pages.after(0, size)] == expected
    assert [(line.start, line.data) for line in pages.before(size)] == expected[::-1]
    assert max((len(line.data) for line in pages.after(0, size)), default=0) <= 2 * SEAM
    for start, line in expected:
        assert pages.begin(start) == pages.begin(start + len(line) // 2) == start
    pages.close()


@given(parts=st.lists(st.sampled_from([b"", b"a", b"needle", b"xNEEdley", b"needneedle"]), max_size=40))
def test_search_in_both_directions(paged: Callable[[bytes], Pages], parts: list[bytes]) -> None:
    data = b"\n".join(parts)
    pages = paged(data)
    before = module.SEARCH_BLOCK
    module.SEARCH_BLOCK = 7
    try:
        size = pages.size()
        for start in range(0, size, 5):
            assert pages.find(b"needle", start, size, fold=False) == _or_none(data.find(b"needle", start))
            assert pages.find(b"needle", start, size, fold=True) == _or_none(data.lower().find(b"needle", start))
            assert pages.find_last(b"needle", 0, start, fold=True) == _or_none(
                data.lower().rfind(b"needle", 0, start + 5) if start else -1
            )
    finally:
        module.SEARCH_BLOCK = before
    pages.close()


def _or_none(at: int) -> int | None:
    return None if at < 0 else at


@given(parts=st.lists(st.binary(max_size=9).map(lambda data: data.replace(b"\n", b"")), max_size=30))
def test_lines_by_number(paged: Callable[[bytes], Pages], parts: list[bytes]) -> None:
    data = b"\n".join(parts)
    pages = paged(data)
    before = module.COUNT_BLOCK
    module.COUNT_BLOCK = 8
    try:
        expected = [start for start, _ in model(data)]
        for number in [*range(len(expected) + 2), *reversed(range(len(expected) + 2))]:
            assert pages.line_at(number) == (expected[number] if number < len(expected) else None)
    finally:
        module.COUNT_BLOCK = before
    pages.close()


def test_a_file_that_is_not_there_yet_and_grows(tmp_path: Path) -> None:
    pages = Pages(tmp_path / "later.out")
    assert pages.size() == 0
    assert list(pages.after(0, 0)) == []
    with (tmp_path / "later.out").open("ab") as file:
        file.write(b"one\ntw")
        file.flush()
        assert [line.data for line in pages.after(0, pages.size())] == [b"one", b"tw"]
        file.write(b"o\n")
        file.flush()
        assert [line.data for line in pages.before(pages.size())] == [b"two", b"one"]
    assert [pages.line_at(number) for number in range(3)] == [0, 4, None]
    pages.close()
