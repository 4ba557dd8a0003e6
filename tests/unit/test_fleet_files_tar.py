"""The tar format, with tarfile as the oracle both ways."""

from __future__ import annotations

import io
import tarfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cockpit.fleet.files import tar
from cockpit.fleet.files.tar import Member, Reader
from cockpit.fleet.files.tree import Entry
from cockpit.model import errors

PART = st.binary(min_size=1, max_size=120).filter(
    lambda part: not set(part) & {0, ord("/")} and part not in (b".", b"..")
)
NAMES = st.lists(PART, min_size=1, max_size=3).map(b"/".join)
TIMES = st.integers(-(10**9) * 10**9, 10**11 * 10**9)


@st.composite
def entries(draw: st.DrawFn) -> tuple[Entry, bytes]:
    kind = draw(st.sampled_from("fdl"))
    content = draw(st.binary(max_size=2000)) if kind == "f" else b""
    target = draw(st.binary(min_size=1, max_size=300).filter(lambda text: 0 not in text)) if kind == "l" else b""
    return Entry(kind, draw(st.integers(0, 0o7777)), len(content), draw(TIMES), target), content


ARCHIVES = st.lists(st.tuples(NAMES, entries()), max_size=6)


def written(found: list[tuple[bytes, tuple[Entry, bytes]]], *, fractions: bool) -> bytes:
    pieces = []
    for name, (entry, content) in found:
        pieces += [tar.header(name, entry, fractions=fractions), content, tar.padding(len(content))]
    return b"".join([*pieces, tar.END])


def read(data: bytes, cut: int) -> list[tuple[Member, bytes]]:
    reader = Reader()
    found: list[tuple[Member, bytes]] = []
    for at in range(0, len(data), cut):
        for piece in reader.feed(data[at : at + cut]):
            if isinstance(piece, Member):
                found.append((piece, b""))
            else:
                found[-1] = (found[-1][0], found[-1][1] + piece)
    assert reader.whole
    return found


@given(ARCHIVES, st.booleans())
def test_what_is_written_is_what_tarfile_reads(found: list[tuple[bytes, tuple[Entry, bytes]]], fractions: bool) -> None:
    kinds = {tarfile.REGTYPE: "f", tarfile.DIRTYPE: "d", tarfile.SYMTYPE: "l"}
    with tarfile.open(fileobj=io.BytesIO(written(found, fractions=fractions)), errors="surrogateescape") as archive:
        members = archive.getmembers()
        assert len(members) == len(found)
        for member, (name, (entry, content)) in zip(members, found, strict=True):
            assert member.name.encode("utf-8", "surrogateescape") == name.rstrip(b"/")
            assert (kinds[member.type], member.mode, member.size) == (entry.kind, entry.mode, entry.size)
            assert member.linkname.encode("utf-8", "surrogateescape") == entry.target
            if not fractions:
                assert member.mtime == entry.mtime_ns // 10**9
            if entry.kind == "f":
                taken = archive.extractfile(member)
                assert taken is not None and taken.read() == content


@given(ARCHIVES, st.integers(1, 3000))
def test_what_is_written_is_read_back_to_the_nanosecond(
    found: list[tuple[bytes, tuple[Entry, bytes]]], cut: int
) -> None:
    back = read(written(found, fractions=True), cut)
    assert len(back) == len(found)
    for (member, got), (name, (entry, content)) in zip(back, found, strict=True):
        assert member == Member(
            name + b"/" if entry.kind == "d" else name,
            entry.kind, entry.mode, entry.size, entry.mtime_ns, entry.target,
        )  # fmt: skip
        assert got == content


@given(ARCHIVES, st.sampled_from([tarfile.GNU_FORMAT, tarfile.PAX_FORMAT]), st.integers(1, 3000))
def test_what_tarfile_writes_is_read(found: list[tuple[bytes, tuple[Entry, bytes]]], form: int, cut: int) -> None:
    types = {"f": tarfile.REGTYPE, "d": tarfile.DIRTYPE, "l": tarfile.SYMTYPE}
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=form, errors="surrogateescape") as archive:
        for name, (entry, content) in found:
            info = tarfile.TarInfo(name.decode("utf-8", "surrogateescape"))
            info.type, info.mode, info.size = types[entry.kind], entry.mode, len(content)
            info.mtime = entry.mtime_ns // 10**9
            info.linkname = entry.target.decode("utf-8", "surrogateescape")
            archive.addfile(info, io.BytesIO(content))
    back = read(buffer.getvalue(), cut)
    assert len(back) == len(found)
    for (member, got), (name, (entry, content)) in zip(back, found, strict=True):
        assert (member.name.rstrip(b"/"), member.kind, member.mode) == (name, entry.kind, entry.mode)
        assert (member.target, got, member.mtime_ns // 10**9) == (entry.target, content, entry.mtime_ns // 10**9)


@given(st.binary(max_size=3000), ARCHIVES, st.integers(0, 5000))
def test_garbage_is_malformed_and_nothing_else(
    noise: bytes, found: list[tuple[bytes, tuple[Entry, bytes]]], at: int
) -> None:
    data = bytearray(written(found, fractions=True))
    data[at : at + len(noise)] = noise
    try:
        for _ in Reader().feed(bytes(data)):
            pass
    except errors.Malformed:
        pass


def test_numbers_beyond_octal_digits() -> None:
    entry = Entry("f", 0o644, 8**11 + 5, -(10**10) * 10**9)
    ((member, _),) = list(_members(tar.header(b"big", entry, fractions=False)))
    assert (member.size, member.mtime_ns) == (entry.size, entry.mtime_ns)


def _members(data: bytes) -> list[tuple[Member, bytes]]:
    return [(piece, b"") for piece in Reader().feed(data) if isinstance(piece, Member)]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda block: block[:156] + b"S" + block[157:], "not known"),
        (lambda block: block[:156] + b"5" + block[157:], "content for what has none"),
    ],
)
def test_what_is_not_understood_is_refused(change: object, said: str) -> None:
    block = change(tar.header(b"a", Entry("f", 0o644, 3), fractions=False))  # type: ignore[operator]
    total = sum(block[:148]) + 8 * 32 + sum(block[156:])
    with pytest.raises(errors.Malformed, match=said):
        list(Reader().feed(block[:148] + b"%06o\0 " % total + block[156:]))


def test_a_name_without_end_is_refused() -> None:
    block = tar.header(b"a", Entry("f", 0o644, 2**21), fractions=False)
    block = block[:156] + b"L" + block[157:]
    total = sum(block[:148]) + 8 * 32 + sum(block[156:])
    with pytest.raises(errors.Malformed, match="megabyte"):
        list(Reader().feed(block[:148] + b"%06o\0 " % total + block[156:]))
