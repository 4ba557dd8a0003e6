"""Releases: folders side by side in `releases/`, and a link that is moved from one to the next in one step.

What has not changed shares its bytes with the release before (hard links), so a release costs what has changed.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime

from cockpit.fleet.files.orders import remote_path, split
from cockpit.fleet.files.place import Place
from cockpit.fleet.files.scripts import commands, quoted

FOLDER = b"releases"
CLONE = b"tree"
"""The release in the staging folder, before it has its name."""
_NAME = re.compile(rb"\d{8}T\d{6}\.\d{6}Z")


def new_name() -> str:
    """The time, in UTC: names sort by age."""
    return datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")


def prepare(up: bytes) -> bytes:
    """A link is only moved in one step by a `mv` that does not follow it."""
    folder = quoted(up + b"/" + FOLDER)
    return (
        b"case $(mv --help 2>&1) in *-T*) ;; *) echo 'its mv does not know -T: no release can be switched' >&2; "
        b"false ;; esac && { [ -d %s ] || mkdir %s; }" % (folder, folder)
    )


def clone(place: Place) -> bytes:
    """The present release once more, in `$stage`; by copying where the file system has no hard links for us."""
    there = quoted(place.present + b"/.")
    return (
        b'mkdir "$stage/tree"'
        if not place.present
        else b'mkdir "$stage/tree" && { cp -al %s "$stage/tree/" 2>/dev/null || '
        b'{ rm -rf "$stage/tree" && mkdir "$stage/tree" && cp -a %s "$stage/tree/"; }; }' % (there, there)
    )


def swap(place: Place, remote: bytes, release: str) -> bytes:
    """The one step that readers see is the last rename."""
    _, name = split(remote_path(remote))
    new = quoted(b"%s/%s/%s" % (place.up, FOLDER, release.encode()))
    return b'mv -T "$stage/tree" %s && chmod %04o %s && link=%s && ln -s %s "$link" && mv -T -f "$link" %s && link=' % (
        new,
        place.tree.base.mode,
        new,
        quoted(b"%s/.cockpit-%s" % (place.up, release.encode())),
        quoted(FOLDER + b"/" + release.encode()),
        quoted(place.up + b"/" + name),
    )


def names(up: bytes) -> bytes:
    """What is in the folder of releases, each ended by a NUL."""
    return b'( cd %s && for name in *; do printf "%%s\\0" "$name"; done )' % quoted(up + b"/" + FOLDER)


def prune(said: bytes, up: bytes, present: str, keep: int) -> bytes:
    """Remove the oldest beyond `keep`; nothing that has not the name of a release. Empty when there is none."""
    old = sorted(name for name in said.split(b"\0") if _NAME.fullmatch(name) and name != present.encode())
    gone = old[: max(0, len(old) - keep)]
    paths = [up + b"/" + FOLDER + b"/" + name for name in gone]
    return b"".join([*commands(b"open_up", paths, b"&&"), *commands(b"rm -rf --", paths, b"&&"), b":"]) if gone else b""
