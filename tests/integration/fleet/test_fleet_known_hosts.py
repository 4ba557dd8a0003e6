"""known_hosts on a real disk, written by several programs at once; and what ssh-keygen says of a key."""

from __future__ import annotations

import base64
import errno
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from cockpit.fleet.trust.consent import Fingerprint
from cockpit.fleet.trust.knownhosts import Name, Trusted, book

A, B = (b"\0\0\0\x0bssh-ed25519\0\0\0\x20" + bytes([number]) * 32 for number in (1, 2))


def text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def test_a_full_disk_adds_nothing(tmp_path: Path) -> None:
    """A limit on the size of files cuts a write in the middle, as the last block of a disk does."""
    path = tmp_path / "known_hosts"
    path.write_text(f"web9 ssh-ed25519 {text(A)}\n")
    before = path.read_text()
    code = (
        "import resource, sys\n"
        "from cockpit.fleet.trust import accept\n"
        "from cockpit.fleet.trust.knownhosts import Name\n"
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({len(before) + 20}, {len(before) + 20}))\n"
        "try:\n"
        f"    accept.write({str(path)!r}, Name('web1'), {B!r}, hashed=False)\n"
        "except OSError as error:\n"
        "    sys.exit(error.errno)\n"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == errno.EFBIG
    assert path.read_text() == before


def test_no_line_is_lost_among_cockpits_and_ssh(tmp_path: Path) -> None:
    """Four writers of ours, two that append as ssh does, all at once."""
    path = tmp_path / "known_hosts"
    ours = (
        "import sys\n"
        "from cockpit.fleet.trust import accept\n"
        "from cockpit.fleet.trust.knownhosts import Name\n"
        "for n in range(40):\n"
        f"    accept.write({str(path)!r}, Name(f'ours{{sys.argv[1]}}-{{n}}'), {A!r}, hashed=n % 2 == 1)\n"
        f"    accept.write({str(path)!r}, Name(f'all-{{n}}'), {A!r}, hashed=False)\n"
    )
    like_ssh = (
        "import sys\n"
        "for n in range(200):\n"
        f"    with open({str(path)!r}, 'a') as file:\n"
        f"        file.write(f'ssh{{sys.argv[1]}}-{{n}} ssh-ed25519 {text(B)}\\n')\n"
    )
    running = [
        subprocess.Popen([sys.executable, "-c", code, str(number)])
        for code, count in ((ours, 4), (like_ssh, 2))
        for number in range(count)
    ]
    assert [process.wait() for process in running] == [0] * 6
    found = book([str(path)])
    for n in range(40):
        assert all(isinstance(found.judge(Name(f"ours{w}-{n}"), A), Trusted) for w in range(4))
    for n in range(200):
        assert all(isinstance(found.judge(Name(f"ssh{w}-{n}"), B), Trusted) for w in range(2))
    said = path.read_text().splitlines()
    assert len(said) == 4 * 40 + 40 + 2 * 200


def test_fingerprints_are_those_of_ssh_keygen(tmp_path: Path, need: Callable[[str, str], str]) -> None:
    keygen = need("ssh-keygen", "apt-get install openssh-client")
    path = tmp_path / "key"
    subprocess.run([keygen, "-q", "-t", "ecdsa", "-N", "", "-f", str(path)], check=True)
    kind, data = (tmp_path / "key.pub").read_text().split()[:2]
    offered = Fingerprint.of(base64.b64decode(data))
    assert offered.kind == kind
    for digest, said in (("sha256", offered.sha256), ("md5", offered.md5)):
        command = [keygen, "-l", "-E", digest, "-f", str(path)]
        assert said in subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.split()
