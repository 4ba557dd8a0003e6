"""known_hosts: what its lines mean, by OpenSSH's rules, and what is said of a host that they do not name."""

from __future__ import annotations

import base64
import hmac
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from cockpit.fleet.machine import Machine
from cockpit.fleet.trust import accept, refused
from cockpit.fleet.trust.consent import Fingerprint, Nobody, UnknownKey
from cockpit.fleet.trust.doorkeeper import Doorkeeper
from cockpit.fleet.trust.knownhosts import AUTHORITY, Book, Changed, Name, Revoked, Trusted, Unknown, book, name_of


def blob(number: int, kind: str = "ssh-ed25519") -> bytes:
    return len(kind).to_bytes(4, "big") + kind.encode() + bytes([0, 0, 0, 32]) + bytes([number]) * 32


def text(data: bytes) -> str:
    return base64.b64encode(data).decode()


A, B, RSA = blob(1), blob(2), blob(3, "ssh-rsa")
WEB1, WEB1_2222 = Name("web1"), Name("[web1]:2222", "web1")


def hashed(host: str, salt: bytes = b"0123456789abcdefghij") -> str:
    return f"|1|{text(salt)}|{text(hmac.digest(salt, host.encode(), 'sha1'))}"


@pytest.fixture
def lines(tmp_path: Path) -> Callable[..., Book]:
    """A book of one file with these lines."""

    def make(*said: str) -> Book:
        path = tmp_path / "known_hosts"
        path.write_text("\n".join(said) + "\n")
        return book([str(path)])

    return make


def test_plain_pattern_hashed_and_marked_lines(lines: Callable[..., Book]) -> None:
    found = lines(
        "# comment",
        f"  web1,10.0.0.1 ssh-ed25519 {text(A)} a note",
        f"[web1]:2222\tssh-ed25519 {text(B)}",
        f"*.example,!bad.example ssh-ed25519 {text(A)}",
        f"{hashed('hidden')} ssh-ed25519 {text(A)}",
        f"@revoked web9 ssh-ed25519 {text(A)}",
        f"@cert-authority *.corp ssh-ed25519 {text(A)}",
        f"@other web7 ssh-ed25519 {text(A)}",
        f"@revoked @cert-authority web7 ssh-ed25519 {text(A)}",
        f"web7 ssh-rsa {text(A)}",
        "web7 ssh-ed25519 ***",
        "garbage",
    )
    for name, line in (("web1", 2), ("10.0.0.1", 2), ("a.example", 4), ("hidden", 5)):
        verdict = found.judge(Name(name), A)
        assert isinstance(verdict, Trusted) and verdict.entry.line == line
    assert found.judge(Name("bad.example"), A) == found.judge(Name("web7"), A) == Unknown()
    verdict = found.judge(Name("web9"), A)
    assert isinstance(verdict, Revoked) and verdict.entry.line == 6
    assert found.has_authority(Name("x.corp")) and not found.has_authority(Name("corp"))
    assert found.find(Name("x.corp"), A, AUTHORITY) is not None and found.find(Name("x.corp"), B, AUTHORITY) is None


def test_names_are_those_that_ssh_looks_up() -> None:
    assert name_of(Machine("s", "n", "WEB1")) == Name("web1")
    assert name_of(Machine("s", "n", "Web1", port=2222)) == Name("[web1]:2222", "web1")
    assert name_of(Machine("s", "n", "::1", port=2222)) == Name("[::1]:2222", "::1")
    assert name_of(Machine("s", "n", "10.0.0.1", port=2222, host_key_alias="Web1")) == Name("web1")


def test_another_port_is_known_by_the_bare_name_unless_it_has_keys_of_its_own(lines: Callable[..., Book]) -> None:
    only_bare = lines(f"web1 ssh-ed25519 {text(A)}")
    assert isinstance(only_bare.judge(WEB1_2222, A), Trusted)
    assert only_bare.judge(WEB1_2222, B) == Unknown()
    both = lines(f"web1 ssh-ed25519 {text(A)}", f"{hashed('[web1]:2222')} ssh-ed25519 {text(B)}")
    assert isinstance(both.judge(WEB1_2222, A), Changed)
    assert both.find(WEB1_2222, A) is None
    assert isinstance(both.judge(WEB1_2222, B), Trusted)
    assert isinstance(lines(f"@revoked web1 ssh-ed25519 {text(A)}").judge(WEB1_2222, A), Revoked)


def test_a_bare_name_is_not_taken_before_the_hashed_lines_were_tried(lines: Callable[..., Book]) -> None:
    found = lines(f"web1 ssh-ed25519 {text(A)}", f"{hashed('other')} ssh-ed25519 {text(B)}")
    assert found.find(WEB1_2222, A) is None
    assert isinstance(found.judge(WEB1_2222, A), Trusted)
    assert found.find(WEB1_2222, A) is not None


def test_a_changed_key_names_the_line_of_its_own_kind(lines: Callable[..., Book]) -> None:
    found = lines(f"web1 ssh-rsa {text(RSA)}", f"web1 ssh-ed25519 {text(A)}")
    verdict = found.judge(WEB1, B)
    assert isinstance(verdict, Changed) and verdict.entry.line == 2
    verdict = lines(f"web1 ssh-rsa {text(RSA)}").judge(WEB1, A)
    assert isinstance(verdict, Changed) and verdict.entry.line == 1


def test_kinds_are_those_of_the_host_or_of_the_hashed_lines_that_may_be_it(lines: Callable[..., Book]) -> None:
    found = lines(
        f"web1 ssh-rsa {text(RSA)}", f"{hashed('web2')} ssh-ed25519 {text(A)}", f"{hashed('web3')} ssh-rsa {text(RSA)}"
    )
    assert found.kinds(WEB1) == ["ssh-rsa"]
    assert found.kinds(Name("web3")) == ["ssh-ed25519", "ssh-rsa"]
    found.known_by(Name("web3"))
    assert found.kinds(Name("web3")) == ["ssh-rsa"]
    found.known_by(Name("web4"))
    assert found.kinds(Name("web4")) == []


def test_a_changed_file_is_read_again_and_what_is_no_file_is_empty(tmp_path: Path) -> None:
    path = tmp_path / "known_hosts"
    assert book([str(path)]).judge(WEB1, A) == Unknown()
    path.write_text(f"web1 ssh-ed25519 {text(A)}\n")
    assert isinstance(book([str(path)]).judge(WEB1, A), Trusted)
    assert book([str(path)]) is book([str(path)])
    assert book(["/dev/null", "/dev/zero", str(tmp_path)]).judge(WEB1, A) == Unknown()


def test_what_is_said_of_a_refused_key_is_the_next_step(lines: Callable[..., Book]) -> None:
    offered = Fingerprint.of(A)
    machine = Machine("s", "web 1", "web1", port=2222)
    said = str(refused.unknown(machine, offered, "/k"))
    assert "unknown (it offers ssh-ed25519 SHA256:" in said
    assert "cockpit fleet trust 'web 1'" in said and "ssh-keyscan -p 2222 web1 >> /k" in said
    jumped = Machine("s", "web1", "web1", jumps=(Machine("s", "b", "b"),))
    assert "keyscan" not in str(refused.unknown(jumped, offered, "/k"))
    verdict = lines("", f"[web1]:2222 ssh-ed25519 {text(B)}").judge(WEB1_2222, A)
    assert isinstance(verdict, Changed)
    said = str(refused.changed(WEB1_2222, offered, verdict.entry))
    assert "known_hosts line 2 has another" in said and "ssh-keygen -f" in said and "-R '[web1]:2222'" in said


def test_a_key_is_added_once_after_a_whole_line(tmp_path: Path) -> None:
    path = tmp_path / "new" / "known_hosts"
    accept.write(str(path), WEB1_2222, A, hashed=False)
    assert path.read_text() == f"[web1]:2222 ssh-ed25519 {text(A)}\n"
    assert path.stat().st_mode & 0o777 == 0o600 and path.parent.stat().st_mode & 0o777 == 0o700
    accept.write(str(path), WEB1_2222, A, hashed=False)
    path.write_text(path.read_text().rstrip("\n"))
    accept.write(str(path), WEB1, B, hashed=True)
    first, second = path.read_text().splitlines()
    assert first == f"[web1]:2222 ssh-ed25519 {text(A)}" and second.startswith("|1|")
    assert isinstance(book([str(path)]).judge(WEB1, B), Trusted)


def test_mode_and_link_of_the_file_are_kept(tmp_path: Path) -> None:
    real, link = tmp_path / "real", tmp_path / "link"
    real.write_text("")
    real.chmod(0o640)
    link.symlink_to(real)
    accept.write(str(link), WEB1, A, hashed=False)
    assert link.is_symlink() and real.read_text() and real.stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize("name", ["a b", "a,b", "*", "web?", "!x", "|1|x", "#x", "@revoked", "a\nb"])
def test_a_name_that_would_mean_more_is_not_written(tmp_path: Path, name: str) -> None:
    with pytest.raises(OSError, match="cannot be a name"):
        accept.write(str(tmp_path / "known_hosts"), Name(name), A, hashed=False)
    assert not (tmp_path / "known_hosts").exists()


def test_a_file_that_is_replaced_meanwhile_gets_the_line_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, other = tmp_path / "known_hosts", tmp_path / "other"
    path.write_text("")
    real = os.fsync
    replaced: list[int] = []

    def replace_first(file: int) -> None:
        real(file)
        if not replaced:
            replaced.append(file)
            other.write_text(f"web9 ssh-ed25519 {text(B)}\n")
            other.replace(path)

    monkeypatch.setattr(os, "fsync", replace_first)
    accept.write(str(path), WEB1, A, hashed=False)
    found = book([str(path)])
    assert isinstance(found.judge(WEB1, A), Trusted) and isinstance(found.judge(Name("web9"), B), Trusted)


class Scripted(Nobody):
    def __init__(self, *answers: bool) -> None:
        self.answers = list(answers)
        self.asked: list[UnknownKey] = []

    async def accepts(self, unknown: UnknownKey) -> bool:
        self.asked.append(unknown)
        return self.answers.pop(0)


async def test_a_key_is_asked_for_once_and_a_no_holds(tmp_path: Path) -> None:
    machine = Machine("s", "web1", "web1", known_hosts=(str(tmp_path / "known_hosts"),))
    someone = Scripted(False, True)
    keeper = Doorkeeper(someone)
    for _ in range(2):
        with pytest.raises(refused.HostKeyUnknown, match="cockpit fleet trust web1"):
            await keeper.admit(machine, A, ask=True)
    await keeper.admit(machine, B, ask=True)
    await keeper.admit(machine, B, ask=True)
    assert [asked.offered for asked in someone.asked] == [Fingerprint.of(A), Fingerprint.of(B)]
    assert keeper.accepted(machine, B) and not keeper.accepted(machine, A)
    assert isinstance(book(machine.known_hosts).judge(WEB1, B), Trusted)


async def test_nobody_is_asked_where_that_is_not_wanted_and_it_is_no_answer(tmp_path: Path) -> None:
    machine = Machine("s", "web1", "web1", known_hosts=(str(tmp_path / "known_hosts"),))
    someone = Scripted(True)
    keeper = Doorkeeper(someone)
    with pytest.raises(refused.HostKeyUnknown):
        await keeper.admit(machine, A, ask=False)
    assert not someone.asked
    await keeper.admit(machine, A, ask=True)


async def test_an_accepted_key_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    machine = Machine("s", "web1", "web1", known_hosts=("/dev/full",), unknown_keys="accept")
    with pytest.raises(refused.HostKeyUnknown, match="cannot be written to /dev/full: No space left on device"):
        await Doorkeeper(Nobody()).admit(machine, A, ask=False)
    kept_nowhere = Machine("s", "web1", "web1", known_hosts=("/dev/null",), unknown_keys="accept")
    keeper = Doorkeeper(Nobody())
    await keeper.admit(kept_nowhere, A, ask=False)
    assert keeper.accepted(kept_nowhere, A)
