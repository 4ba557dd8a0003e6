"""put and get: where things go, what is kept, what is replaced and what is not."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from cockpit.fleet.files.orders import Way
from cockpit.fleet.machine import Machine
from cockpit.model import errors

TREE = {
    b"a": ("f", 0o640, b"one"),
    b"d": ("d", 0o750, b""),
    b"d/b\xff \n": ("f", 0o755, b"two"),
    b"d/empty": ("d", 0o700, b""),
    b"d/loop": ("l", 0o777, b"loop"),
}


async def test_files_and_folders_go_into_a_folder_and_what_is_there_stays(
    machine: Machine, send: Any, make: Any, shape_of: Any, tmp_path: Path
) -> None:
    local = make(tmp_path / "here", TREE)
    there = make(
        tmp_path / "there", {b"a": ("f", 0o600, b"old"), b"d": ("d", 0o755, b""), b"d/own": ("f", 0o644, b"own")}
    )
    done = await send(machine, [local / "a", local / "d"], there, Way.PUT)
    assert (done.files, done.modes, done.bytes) == (4, 1, 6)
    assert shape_of(there) == {**TREE, b"d/own": ("f", 0o644, b"own")}
    assert (there / "a").stat().st_mtime_ns // 10**9 == (local / "a").stat().st_mtime_ns // 10**9


@pytest.mark.parametrize("name", [b"new", b"-rf", b"two words\n", b"\xff\xfe", b"it's"])
async def test_a_file_goes_under_the_name_that_was_said(
    machine: Machine, send: Any, fetch: Any, make: Any, tmp_path: Path, name: bytes
) -> None:
    local, there = make(tmp_path / "here", TREE), make(tmp_path / "there", {})
    target = os.fsencode(there) + b"/" + name
    for _ in range(2):
        assert (await send(machine, local / "a", target, Way.PUT)).files == 1
    assert os.listdir(os.fsencode(there)) == [name]
    await fetch(machine, target, tmp_path / "got")
    assert Path(os.fsdecode(os.fsencode(tmp_path / "got") + b"/" + name)).read_bytes() == b"one"


async def test_a_folder_goes_under_the_name_that_was_said(
    machine: Machine, send: Any, make: Any, shape_of: Any, tmp_path: Path
) -> None:
    local = make(tmp_path / "here", TREE)
    await send(machine, local, tmp_path / "new", Way.PUT)
    assert shape_of(tmp_path / "new") == TREE
    await send(machine, local, tmp_path / "new", Way.PUT)
    assert shape_of(tmp_path / "new" / "here") == TREE


async def test_what_would_be_replaced_by_another_kind_is_refused(
    machine: Machine, send: Any, make: Any, shape_of: Any, tmp_path: Path
) -> None:
    local, there = make(tmp_path / "here", TREE), make(tmp_path / "there", {b"d": ("f", 0o644, b"file")})
    with pytest.raises(errors.Refused, match="d is a file there and a folder here"):
        await send(machine, [local / "a", local / "d"], there, Way.PUT)
    assert shape_of(there) == {b"d": ("f", 0o644, b"file")}
    with pytest.raises(errors.Refused, match="is no folder there"):
        await send(machine, [local / "a", local / "d"], there / "new", Way.PUT)
    with pytest.raises(errors.Refused, match="is no folder there"):
        await send(machine, local / "a", f"{there}/new/", Way.PUT)


async def test_what_is_not_here_is_not_sent(machine: Machine, send: Any, make: Any, tmp_path: Path) -> None:
    with pytest.raises(errors.NotFound, match="No such file"):
        await send(machine, tmp_path / "missing", tmp_path, Way.PUT)
    make(tmp_path / "one", TREE), make(tmp_path / "two", TREE)
    with pytest.raises(errors.Refused, match="two of these are called a"):
        await send(machine, [tmp_path / "one" / "a", tmp_path / "two" / "a"], tmp_path, Way.PUT)


@pytest.mark.parametrize("checksum", [False, True])
async def test_a_tree_comes_back_as_it_was(
    machine: Machine, fetch: Any, make: Any, shape_of: Any, tmp_path: Path, checksum: bool
) -> None:
    source, target = make(tmp_path / "source", TREE), tmp_path / "got"
    (source / "d" / "again").hardlink_to(source / "a")
    done = await fetch(machine, source, target, checksum=checksum)
    assert shape_of(target / "source") == shape_of(source) and done.files == len(TREE) + 2
    here, there = (target / "source" / "a").stat(), (source / "a").stat()
    assert here.st_mtime_ns // 10**9 == there.st_mtime_ns // 10**9


async def test_a_get_merges_into_a_folder_and_never_through_a_link(
    machine: Machine, fetch: Any, make: Any, shape_of: Any, tmp_path: Path
) -> None:
    source, target = make(tmp_path / "source", TREE), tmp_path / "got"
    make(target / "source", {b"a": ("f", 0o600, b"old"), b"mine": ("f", 0o644, b"mine")})
    await fetch(machine, source, target)
    assert shape_of(target / "source") == {**TREE, b"mine": ("f", 0o644, b"mine")}
    outside = make(tmp_path / "outside", {})
    other = make(tmp_path / "other", {b"source": ("d", 0o755, b""), b"source/d": ("l", 0o777, os.fsencode(outside))})
    before = shape_of(other)
    with pytest.raises(errors.Refused, match="is no folder here"):
        await fetch(machine, source, other)
    assert shape_of(other) == before and shape_of(outside) == {}
    (tmp_path / "third" / "source" / "a").mkdir(parents=True)
    with pytest.raises(errors.Refused, match="is a folder here"):
        await fetch(machine, source, tmp_path / "third")


async def test_the_link_that_was_named_is_followed(
    machine: Machine, send: Any, fetch: Any, make: Any, shape_of: Any, tmp_path: Path
) -> None:
    source = make(tmp_path / "source", TREE)
    (tmp_path / "folder").symlink_to(source)
    (tmp_path / "file").symlink_to(source / "a")
    await fetch(machine, tmp_path / "folder", tmp_path / "got")
    await fetch(machine, tmp_path / "file", tmp_path / "got")
    assert shape_of(tmp_path / "got" / "folder") == TREE
    assert (tmp_path / "got" / "file").read_bytes() == b"one" and not (tmp_path / "got" / "file").is_symlink()
    await send(machine, tmp_path / "file", tmp_path / "put", Way.PUT)
    assert (tmp_path / "put").read_bytes() == b"one"


@pytest.mark.parametrize("name", ["missing", "dangling", "missing/a", "pipe"])
async def test_what_is_not_there_is_not_fetched(machine: Machine, fetch: Any, tmp_path: Path, name: str) -> None:
    (tmp_path / "dangling").symlink_to("nowhere")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(errors.Refused, match="there is no f"):
        await fetch(machine, tmp_path / name, tmp_path / "got")
    assert not (tmp_path / "got").exists()


async def test_hosts_with_odd_names_get_folders_of_their_own(sshd: Any, fetch: Any, make: Any, tmp_path: Path) -> None:
    source = make(tmp_path / "source", TREE)
    for name in ("../up", ".", "a/b", "web1"):
        await fetch(sshd.machine(name), source / "a", tmp_path / "got", apart=True)
    assert len(list((tmp_path / "got").glob("*/a"))) == 4 and len(list(tmp_path.iterdir())) == len(
        {"got", "source", "sshd0", "state"} & {path.name for path in tmp_path.iterdir()}
    )


async def test_a_change_of_what_is_fetched_is_found_by_checksum(
    odd_host: Any, fetch: Any, make: Any, shape_of: Any, tmp_path: Path
) -> None:
    source = make(tmp_path / "source", TREE)
    digests = 'printf "%064d  %s\\n" 1 "$1"'
    with pytest.raises(errors.Malformed, match="came as another"):
        await fetch(odd_host("sha256sum", digests).machine(), source, tmp_path / "got", checksum=True)
    assert shape_of(tmp_path / "got") == {}


async def test_all_is_named_from_the_home_folder_where_it_is_not_absolute(
    machine: Machine, send: Any, prepared: Any, make: Any, tmp_path: Path
) -> None:
    place = await prepared(machine, make(tmp_path / "here", TREE), "~", Way.COPY).compare()
    assert place.root == os.fsencode(os.path.realpath(os.path.expanduser("~")))
