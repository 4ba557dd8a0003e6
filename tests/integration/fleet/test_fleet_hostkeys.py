"""Host keys over real sshd: unknown, asked, accepted, changed, revoked, several kinds, certificates; as ssh does it."""

from __future__ import annotations

import asyncio
import base64
import subprocess
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from cockpit.fleet.engine.pool import Pool
from cockpit.fleet.trust.consent import Fingerprint, Nobody, UnknownKey
from cockpit.fleet.trust.knownhosts import AUTHORITY, REVOKED, Name, book
from cockpit.fleet.trust.refused import HostKeyChanged, HostKeyRefused, HostKeyUnknown


class Scripted(Nobody):
    """Answers in turn, after `seconds`."""

    def __init__(self, *answers: bool, seconds: float = 0.0) -> None:
        self.asked: list[UnknownKey] = []
        self.at_once = 0
        self._answers, self._seconds, self._asking = list(answers), seconds, 0

    async def accepts(self, unknown: UnknownKey) -> bool:
        self.asked.append(unknown)
        self._asking += 1
        self.at_once = max(self.at_once, self._asking)
        await asyncio.sleep(self._seconds)
        self._asking -= 1
        return self._answers.pop(0)


@pytest.fixture
async def pool() -> AsyncIterator[Pool]:
    async with Pool(connect_seconds=10.0).used() as pool:
        yield pool


def keygen(path: Path, kind: str = "ed25519") -> str:
    """Makes a key and gives its public half as known_hosts has it."""
    subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", "", "-f", str(path)], check=True)
    return " ".join(path.with_name(f"{path.name}.pub").read_text().split()[:2])


def sign(authority: Path, key: Path, *options: str) -> None:
    command = ["ssh-keygen", "-q", "-s", str(authority), "-I", "test", *options, f"{key}.pub"]
    subprocess.run(command, check=True)


async def test_an_unknown_host_is_asked_for_once_with_both_fingerprints_and_written(sshd: Any) -> None:
    public = sshd.known_hosts.read_text()
    sshd.known_hosts.unlink()
    someone = Scripted(True)
    async with Pool(consent=someone).used() as pool:
        tries = [pool.link(sshd.machine(user=user)) for user in ("root", "nobody", "root")]
        links = await asyncio.gather(*tries, return_exceptions=True)
    (asked,) = someone.asked
    assert asked.name == f"[127.0.0.1]:{sshd.port}" and asked.path == str(sshd.known_hosts)
    assert asked.offered == Fingerprint.of(base64.b64decode(public.split()[2]))
    assert sshd.known_hosts.read_text() == public
    assert not [link for link in links if isinstance(link, HostKeyRefused)]


async def test_an_answer_may_take_longer_than_a_connection(sshd: Any) -> None:
    sshd.known_hosts.write_text("")
    async with Pool(connect_seconds=2.0, consent=Scripted(True, seconds=3.0)).used() as pool:
        assert (await pool.link(sshd.machine())).alive


async def test_one_question_at_a_time_and_a_no_is_remembered(start_sshd: Callable[..., Any]) -> None:
    daemons = [start_sshd(), start_sshd()]
    for daemon in daemons:
        daemon.known_hosts.write_text("")
    someone = Scripted(False, False, seconds=0.2)
    async with Pool(consent=someone).used() as pool:
        for _ in range(2):
            tries = [pool.link(daemon.machine(name)) for daemon in daemons for name in ("a", "b")]
            refusals = await asyncio.gather(*tries, return_exceptions=True)
            assert [type(refusal) for refusal in refusals] == [HostKeyUnknown] * 4
    assert len(someone.asked) == 2 and someone.at_once == 1


async def test_who_may_not_be_asked_does_not_spoil_it_for_who_may(sshd: Any) -> None:
    sshd.known_hosts.write_text("")
    someone = Scripted(True)
    async with Pool(consent=someone).used() as pool:
        quiet = asyncio.create_task(pool.link(sshd.machine(), ask=False))
        await asyncio.sleep(0)
        asked = asyncio.create_task(pool.link(sshd.machine()))
        with pytest.raises(HostKeyUnknown):
            await quiet
        assert (await asked).alive and len(someone.asked) == 1
        assert (await pool.link(sshd.machine(), ask=False)).alive


async def test_accept_new_asks_nobody_and_never_takes_a_changed_key(sshd: Any, pool: Pool, tmp_path: Path) -> None:
    public = sshd.known_hosts.read_text()
    sshd.known_hosts.write_text("")
    machine = sshd.machine(unknown_keys="accept", hash_known_hosts=True)
    assert (await pool.link(machine)).alive
    assert sshd.known_hosts.read_text().startswith("|1|")
    sshd.known_hosts.write_text(public.replace(public.split()[2], keygen(tmp_path / "other").split()[1]))
    async with Pool().used() as another:
        with pytest.raises(HostKeyChanged, match="line 1 has another"):
            await another.link(machine)
    assert len(sshd.known_hosts.read_text().splitlines()) == 1


async def test_a_key_that_cannot_be_written_is_not_taken(sshd: Any, pool: Pool) -> None:
    machine = sshd.machine(unknown_keys="accept", known_hosts=("/proc/version",))
    with pytest.raises(HostKeyUnknown, match="cannot be written to /proc/version"):
        await pool.link(machine)


async def test_a_key_that_is_kept_nowhere_counts_for_the_session(sshd: Any, pool: Pool) -> None:
    for known_hosts in ((), ("/dev/null",)):
        link = await pool.link(sshd.machine(unknown_keys="accept", known_hosts=known_hosts))
        assert link.alive
        await pool.drop(sshd.machine(unknown_keys="accept", known_hosts=known_hosts), link)
        assert (await pool.link(sshd.machine(unknown_keys="accept", known_hosts=known_hosts))).alive


@pytest.fixture
def several(start_sshd: Callable[..., Any], tmp_path: Path) -> tuple[Any, dict[str, str]]:
    """A daemon with keys of three kinds, and their public halves."""
    kinds = {kind: keygen(tmp_path / kind, kind) for kind in ("rsa", "ecdsa")}
    daemon = start_sshd(extra="".join(f"HostKey {tmp_path / kind}\n" for kind in kinds))
    return daemon, {**kinds, "ed25519": " ".join(daemon.known_hosts.read_text().split()[1:])}


@pytest.mark.parametrize("kind", ["rsa", "ecdsa", "ed25519"])
@pytest.mark.parametrize("hashed", [False, True])
async def test_a_host_is_known_by_any_one_of_its_keys(
    several: tuple[Any, dict[str, str]], pool: Pool, tmp_path: Path, kind: str, hashed: bool
) -> None:
    """The hashed file also names another host, by a key of the kind that would be asked for first."""
    daemon, keys = several
    other = keygen(tmp_path / "other")
    daemon.known_hosts.write_text(f"elsewhere {other}\n[127.0.0.1]:{daemon.port} {keys[kind]}\n")
    if hashed:
        subprocess.run(["ssh-keygen", "-q", "-H", "-f", str(daemon.known_hosts)], check=True, stderr=subprocess.DEVNULL)
        assert "127.0.0.1" not in daemon.known_hosts.read_text()
    assert (await pool.link(daemon.machine())).alive


async def test_the_bare_name_and_the_alias_are_looked_up_too(sshd: Any, pool: Pool) -> None:
    key = " ".join(sshd.known_hosts.read_text().split()[1:])
    sshd.known_hosts.write_text(f"127.0.0.1 {key}\n")
    assert (await pool.link(sshd.machine())).alive
    with pytest.raises(HostKeyUnknown, match="host key of web is unknown"):
        await pool.link(sshd.machine(host_key_alias="Web"))
    sshd.known_hosts.write_text(f"web {key}\n")
    assert (await pool.link(sshd.machine(host_key_alias="Web"))).alive


async def test_the_global_file_counts_and_is_never_written(sshd: Any, pool: Pool, tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    machine = sshd.machine(known_hosts=(str(mine),), global_known_hosts=(str(sshd.known_hosts),))
    assert (await pool.link(machine)).alive
    assert not mine.exists()


@pytest.fixture
def certified(start_sshd: Callable[..., Any], tmp_path: Path) -> Callable[..., tuple[Any, str]]:
    """`certified(*options)` starts a daemon whose key is signed so; gives it and the public key of the authority."""

    def start(*options: str) -> tuple[Any, str]:
        authority = keygen(tmp_path / "authority")
        keygen(tmp_path / "signed")
        sign(tmp_path / "authority", tmp_path / "signed", "-h", *options)
        extra = f"HostKey {tmp_path / 'signed'}\nHostCertificate {tmp_path / 'signed-cert.pub'}\n"
        return start_sshd(extra=extra), authority

    return start


@pytest.mark.parametrize("principals", ["127.0.0.1", "10.*,127.0.*", ""])
async def test_a_host_is_known_by_its_authority(certified: Callable[..., Any], pool: Pool, principals: str) -> None:
    daemon, authority = certified(*(["-n", principals] if principals else []))
    daemon.known_hosts.write_text(f"@cert-authority 127.* {authority}\n")
    assert (await pool.link(daemon.machine())).alive


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("-n", "web1"), "its certificate is for web1"),
        (("-n", "127.0.0.1", "-V", "20200101:20200102"), "its certificate expired"),
    ],
)
async def test_a_certificate_that_does_not_fit_is_refused_or_taken_as_its_plain_key(
    certified: Callable[..., Any], pool: Pool, options: tuple[str, ...], said: str, tmp_path: Path
) -> None:
    daemon, authority = certified(*options)
    plain = " ".join((tmp_path / "signed.pub").read_text().split()[:2])
    name = f"[127.0.0.1]:{daemon.port}"
    daemon.known_hosts.write_text(f"@cert-authority * {authority}\n{name} {keygen(tmp_path / 'other')}\n")
    with pytest.raises(HostKeyChanged) as caught:
        await pool.link(daemon.machine())
    assert said in str(caught.value)
    daemon.known_hosts.write_text(f"@cert-authority * {authority}\n{name} {plain}\n")
    assert (await pool.link(daemon.machine())).alive


async def test_a_revoked_authority_or_certified_key_is_refused(
    certified: Callable[..., Any], pool: Pool, tmp_path: Path
) -> None:
    daemon, authority = certified("-n", "127.0.0.1")
    plain = " ".join((tmp_path / "signed.pub").read_text().split()[:2])
    for revoked in (authority, plain):
        daemon.known_hosts.write_text(f"@cert-authority * {authority}\n@revoked * {revoked}\n")
        with pytest.raises(HostKeyChanged, match=r"revoked in .* line 2"):
            await pool.link(daemon.machine())


async def test_a_stranger_is_seen_and_trusted_without_a_login(sshd: Any, pool: Pool) -> None:
    machine = sshd.machine(identities=(), agent="", usual_keys=False)
    assert await pool.stranger(machine) is None
    sshd.known_hosts.write_text("")
    stranger = await pool.stranger(machine)
    assert stranger is not None and stranger.unknown.name == f"[127.0.0.1]:{sshd.port}"
    assert not sshd.known_hosts.read_text()
    await pool.trust(stranger)
    assert await pool.stranger(machine) is None
    assert "Failed" not in (sshd.folder / "log").read_text()
    assert (await pool.link(sshd.machine())).alive


NAMES = ("web1", "web2", "db.example", "a.example", "10.0.0.1", "[web1]:2222", "[10.0.0.1]:2222", "::1")
PATTERNS = (*NAMES, "*", "web?", "*.example", "!web2", "!*.example", "10.0.0.*", "[web*]:2222", "WEB1")
KIND = "ssh-ed25519"
BLOB = b"\0\0\0\x0bssh-ed25519\0\0\0\x20" + bytes(range(32))


MARKED = some.tuples(
    some.sampled_from(["", "@revoked ", "@cert-authority "]),
    some.lists(some.sampled_from(PATTERNS), min_size=1, max_size=4),
)


@settings(max_examples=60)
@given(lines=some.lists(MARKED, max_size=6), hashed=some.lists(some.sampled_from(NAMES), max_size=3))
def test_the_same_lines_name_a_host_as_for_ssh_keygen(
    tmp_path_factory: pytest.TempPathFactory, lines: list[tuple[str, list[str]]], hashed: list[str]
) -> None:
    folder = tmp_path_factory.mktemp("known")
    path = folder / "hashed"
    key = f"{KIND} {base64.b64encode(BLOB).decode()}"
    path.write_text("".join(f"{name} {key}\n" for name in hashed))
    if hashed:
        subprocess.run(["ssh-keygen", "-q", "-H", "-f", str(path)], check=True, stderr=subprocess.DEVNULL)
    path.write_text("".join(f"{mark}{','.join(hosts)} {key}\n" for mark, hosts in lines) + path.read_text())
    found = book([str(path)])
    for name in NAMES:
        command = ["ssh-keygen", "-F", name, "-f", str(path)]
        said = subprocess.run(command, stdout=subprocess.PIPE, text=True).stdout
        numbers = {int(line.split("line ")[1].split()[0]) for line in said.splitlines() if line.startswith("# Host")}
        plain = {entry.line for entry in found.known_by(Name(name))}
        revoked, authority = (found.find(Name(name), BLOB, mark) for mark in (REVOKED, AUTHORITY))
        marked = {entry.line for entry in (revoked, authority) if entry is not None}
        assert plain == {number for number in numbers if not (number <= len(lines) and lines[number - 1][0])}
        assert marked <= numbers and bool(marked) is (numbers != plain)
