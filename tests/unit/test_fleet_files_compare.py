"""What differs between two trees, what a host says of its own, and how places are named."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cockpit.fleet.files.compare import Differences, by_time, compare, never, switch_script
from cockpit.fleet.files.listing import Listing
from cockpit.fleet.files.orders import remote_path, split
from cockpit.fleet.files.place import read_digests
from cockpit.fleet.files.tree import Entry, Excludes
from cockpit.model import errors

SECOND = 10**9
PART = st.binary(min_size=1, max_size=6).filter(
    lambda part: not set(part) & {0, ord("/")} and part not in (b".", b"..")
)


@st.composite
def trees(draw: st.DrawFn) -> dict[bytes, Entry]:
    found: dict[bytes, Entry] = {}
    folders = [b""]
    for _ in range(draw(st.integers(0, 8))):
        folder = draw(st.sampled_from(folders))
        path = folder + draw(st.sampled_from([b"a", b"b", b"c", b"-n", b"x y\n"]))
        if path in found:
            continue
        kind = draw(st.sampled_from("ffdl"))
        size = draw(st.integers(0, 2)) if kind == "f" else 0
        target = draw(st.sampled_from([b"a", b"../b"])) if kind == "l" else b""
        found[path] = Entry(kind, draw(st.sampled_from([0o644, 0o755])), size, draw(st.integers(0, 2)) * SECOND, target)
        if kind == "d":
            folders.append(path + b"/")
    return found


@given(trees(), trees())
def test_doing_what_differs_makes_one_like_the_other(here: dict[bytes, Entry], there: dict[bytes, Entry]) -> None:
    found = compare(here, there, by_time, delete=True)
    after = {path: entry for path, entry in there.items() if path not in set(found.deleted)}
    for path in found.sent:
        after[path] = here[path]
    for path in found.modes:
        after[path] = here[path]
    assert not compare(here, after, by_time, delete=True)
    assert after.keys() == here.keys()
    seen: set[bytes] = set()
    for path in found.deleted:
        seen.add(path)
        assert all(inner in seen for inner in there if inner.startswith(path + b"/"))


@given(trees(), trees())
def test_without_deleting_nothing_goes(here: dict[bytes, Entry], there: dict[bytes, Entry]) -> None:
    try:
        found = compare(here, there, by_time)
    except errors.Refused as error:
        assert "only a sync that deletes" in str(error)
        return
    assert found.deleted == ()
    assert {path for path in here if path not in there} == set(found.new)


@given(trees())
def test_a_tree_is_like_itself(tree: dict[bytes, Entry]) -> None:
    assert not compare(tree, tree, by_time, delete=True)
    sent = compare(tree, tree, never)
    assert set(sent.changed) == {path for path, entry in tree.items() if entry.kind == "f"}


@pytest.mark.parametrize(
    ("here", "there", "same"),
    [
        (5 * SECOND + 7, 5 * SECOND + 7, True),
        (5 * SECOND + 7, 5 * SECOND + 8, False),
        (5 * SECOND + 7, 5 * SECOND, True),
        (5 * SECOND, 5 * SECOND + 7, False),
        (5 * SECOND + 7, 6 * SECOND, False),
    ],
)
def test_times_are_compared_as_exactly_as_both_sides_know_them(here: int, there: int, same: bool) -> None:
    assert by_time(b"a", Entry("f", 0o644, 3, here), Entry("f", 0o644, 3, there)) is same
    assert not by_time(b"a", Entry("f", 0o644, 3, here), Entry("f", 0o644, 4, here))


def test_what_is_excluded_or_a_device_is_not_deleted() -> None:
    there = {
        b"logs": Entry("d", 0o755),
        b"logs/old": Entry("f", 0o644),
        b"run": Entry("d", 0o755),
        b"run/socket": Entry("?", 0o644),
        b"gone": Entry("f", 0o644),
    }
    found = compare({}, there, by_time, delete=True, kept={b"logs"})
    assert set(found.deleted) == {b"logs/old", b"gone"}
    with pytest.raises(errors.Refused, match="holds what is excluded"):
        compare({b"logs": Entry("f", 0o644)}, there, by_time, delete=True, kept={b"logs"})
    with pytest.raises(errors.Refused, match="a device, a socket or a pipe there"):
        compare({b"run": Entry("d", 0o755), b"run/socket": Entry("f", 0o644)}, there, by_time)


def test_a_release_shares_bytes_so_other_permissions_are_another_file() -> None:
    here, there = {b"a": Entry("f", 0o755, 3, 1)}, {b"a": Entry("f", 0o644, 3, 1)}
    assert compare(here, there, by_time) == Differences(modes=(b"a",))
    assert compare(here, there, by_time, modes_alone=False) == Differences(changed=(b"a",))


def test_a_new_folder_is_one_rename() -> None:
    here = {b"d": Entry("d", 0o755), b"d/a": Entry("f", 0o644), b"b": Entry("f", 0o644), b"e/x": Entry("f", 0o644)}
    there = {b"e": Entry("d", 0o755)}
    script = switch_script(compare(here, there, by_time), here, there, b"/srv/it's", b"/srv/.s/new")
    assert script.startswith(b"cd '/srv/it'\\''s' || exit\n")
    assert b"mv -f -- '/srv/.s/new/d' '/srv/.s/new/b' '././'" in script
    assert b"mv -f -- '/srv/.s/new/e/x' './e/'" in script and b"/srv/.s/new/d/a" not in script


@given(
    st.lists(st.tuples(PART, st.sampled_from("fdl"), st.integers(0, 10**12), st.binary(max_size=5)), max_size=6),
    st.integers(1, 40),
)
def test_the_listing_of_gnu_find_is_read_however_it_is_cut(
    found: list[tuple[bytes, str, int, bytes]], cut: int
) -> None:
    data, wanted = b"gnu\0", {}
    for name, kind, ns, target in found:
        target = target.replace(b"\0", b"")
        size = ns % 1000
        data += b"%s 644 %d %d.%09d0 ./%s\0" % (kind.encode(), size, ns // SECOND, ns % SECOND, name)
        if kind == "l":
            data += target + b"\0"
        wanted[name] = Entry(kind, 0o644, size if kind == "f" else 0, ns, target if kind == "l" else b"")
    assert listed(data, cut).entries == wanted


@given(
    st.lists(st.tuples(PART, st.sampled_from("fdl"), st.integers(0, 10**9), st.binary(max_size=5)), max_size=6),
    st.integers(1, 40),
)
def test_the_listing_of_busybox_is_read_however_it_is_cut(found: list[tuple[bytes, str, int, bytes]], cut: int) -> None:
    bits = {"f": b"81a4", "d": b"41a4", "l": b"a1a4"}
    by_name = {name: (kind, seconds, target.replace(b"\0", b"")) for name, kind, seconds, target in found}
    data, wanted = b"busybox\0", {}
    for name, (kind, seconds, target) in by_name.items():
        data += b"%s %d %d ./%s//\n" % (bits[kind], 3, seconds, name)
        wanted[name] = Entry(kind, 0o644, 3 if kind == "f" else 0, seconds * SECOND, target if kind == "l" else b"")
    data += b"//\n"
    for name, (kind, _, target) in by_name.items():
        if kind == "l":
            data += b"./%s\0%s\0" % (name, target)
    assert listed(data, cut).entries == wanted


def listed(data: bytes, cut: int, excludes: Excludes | None = None) -> Listing:
    listing = Listing(excludes)
    for at in range(0, len(data), cut):
        listing.feed(data[at : at + cut])
    listing.end()
    return listing


@given(st.binary(max_size=200))
def test_a_listing_that_makes_no_sense_is_malformed(data: bytes) -> None:
    for form in (b"", b"gnu\0", b"busybox\0"):
        listing = Listing()
        try:
            listing.feed(form + data)
            listing.end()
        except (errors.Malformed, errors.Refused):
            pass


def test_what_is_excluded_is_left_out_with_all_that_is_in_it() -> None:
    data = b"gnu\0" + b"".join(
        b"%s 644 1 5.0 ./%s\0" % (kind, name)
        for kind, name in (
            (b"d", b"a"), (b"f", b"a/x.pyc"), (b"d", b"cache"), (b"d", b"cache/deep"), (b"f", b"cache/deep/y"),
            (b"d", b"b"), (b"d", b"b/cache"), (b"f", b"b/keep"), (b"u", b"b/cache/closed"),
        )
    )  # fmt: skip
    found = listed(data, 1000, Excludes(["*.pyc", "cache"]))
    assert set(found.entries) == {b"a", b"b", b"b/keep"}
    assert {b"a", b"b"} <= found.kept
    anchored = listed(data.replace(b"u 644", b"f 644"), 1000, Excludes(["/cache/", "b/k*"]))
    assert set(anchored.entries) == {b"a", b"a/x.pyc", b"b", b"b/cache", b"b/cache/closed"}
    with pytest.raises(errors.Refused, match="b/cache/closed may not be read there"):
        listed(data, 1000)


@given(st.lists(PART, unique=True, max_size=6), st.sampled_from(["gnu", "older", "busybox"]), st.data())
def test_digests_are_told_apart_by_their_order(names: list[bytes], form: str, data: st.DataObject) -> None:
    said, wanted = b"", {}
    for number, name in enumerate(names):
        if data.draw(st.booleans()):
            continue
        digest = b"%064x" % number
        wanted[name] = digest.decode()
        plain = b"./" + name
        quoted = plain.replace(b"\\", b"\\\\").replace(b"\n", b"\\n")
        if form == "gnu":
            quoted = quoted.replace(b"\r", b"\\r")
        if form == "busybox" or quoted == plain:
            said += digest + b"  " + plain + b"\n"
        else:
            said += b"\\" + digest + b"  " + quoted + b"\n"
    assert read_digests(said, names) == wanted


@pytest.mark.parametrize(
    ("typed", "path", "parts"),
    [
        (b"/srv/app", b"/srv/app", (b"/srv", b"app")),
        (b"/srv/app/", b"/srv/app", (b"/srv", b"app")),
        (b"/app", b"/app", (b"/", b"app")),
        (b"app", b"./app", (b".", b"app")),
        (b"~/app", b"./app", (b".", b"app")),
        (b"-rf", b"./-rf", (b".", b"-rf")),
        (b"a//b/./c", b"./a/b/c", (b"./a/b", b"c")),
        (b"link/..", b"./link/..", (b"./link/..", b"")),
        (b"/", b"/", (b"/", b"")),
        (b"~", b".", (b".", b"")),
    ],
)
def test_places_there_are_never_options(typed: bytes, path: bytes, parts: tuple[bytes, bytes]) -> None:
    assert remote_path(typed) == path
    assert split(path) == parts
