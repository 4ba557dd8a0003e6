"""Logins over real sshd: files, certificates, agents, passphrases; what is offered in which order, and what is said."""

from __future__ import annotations

import asyncio
import base64
import re
import subprocess
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from cockpit.fleet.engine import agent as agents
from cockpit.fleet.engine.agent import Agent
from cockpit.fleet.engine.keys import Keyring
from cockpit.fleet.engine.pool import Pool
from cockpit.fleet.machine import Machine
from cockpit.fleet.trust.consent import Fingerprint, Nobody
from cockpit.model import errors


class Scripted(Nobody):
    """Gives passphrases in turn, after `seconds`."""

    def __init__(self, *passphrases: str | None, seconds: float = 0.0) -> None:
        self.asked: list[tuple[str, str]] = []
        self._passphrases, self._seconds = list(passphrases), seconds

    async def passphrase(self, path: str, why: str) -> str | None:
        self.asked.append((path, why))
        await asyncio.sleep(self._seconds)
        return self._passphrases.pop(0)


@pytest.fixture(autouse=True)
def no_agent(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not that of who tests."""
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)


@pytest.fixture
async def pool() -> AsyncIterator[Pool]:
    async with Pool(connect_seconds=10.0).used() as pool:
        yield pool


@pytest.fixture
async def agent(need: Callable[[str, str], str], comes_true: Callable[..., Awaitable[None]]) -> AsyncIterator[Path]:
    """An agent's socket."""
    program = need("ssh-agent", "apt-get install openssh-client")
    with tempfile.TemporaryDirectory() as folder:  # a socket's path is short: pytest's own folder may be too deep
        path = Path(folder) / "agent"
        process = subprocess.Popen([program, "-D", "-a", str(path)], stdout=subprocess.DEVNULL)
        await comes_true(path.exists)
        yield path
        process.kill()
        process.wait()


@pytest.fixture
def silent() -> Iterator[Path]:
    """The socket of an agent that takes connections and says nothing."""
    import socket

    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX) as listener:
        path = Path(folder) / "agent"
        listener.bind(str(path))
        listener.listen()
        yield path


def keygen(path: Path, *options: str) -> Path:
    subprocess.run(["ssh-keygen", "-q", "-N", "", *(options or ("-t", "ed25519")), "-f", str(path)], check=True)
    return path


def lock(path: Path, *, passphrase: str = "secret", old_format: bool = False) -> None:
    command = ["ssh-keygen", "-q", "-p", "-N", passphrase, *(["-m", "PEM"] if old_format else []), "-f", str(path)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def add(agent: Path, *keys: Path) -> None:
    for key in keys:
        command = ["ssh-add", "-q", str(key)]
        subprocess.run(command, check=True, env={"SSH_AUTH_SOCK": str(agent)}, stderr=subprocess.DEVNULL)


def sign(authority: Path, key: Path, *options: str) -> Path:
    subprocess.run(["ssh-keygen", "-q", "-s", str(authority), "-I", "test", *options, f"{key}.pub"], check=True)
    return Path(f"{key}-cert.pub")


def admit(sshd: Any, *keys: Path) -> None:
    (sshd.folder / "authorized_keys").write_text("".join(Path(f"{key}.pub").read_text() for key in keys))


def digest(key: Path) -> str:
    return Fingerprint.of(base64.b64decode(Path(f"{key}.pub").read_text().split()[1])).sha256


def failures(sshd: Any) -> int:
    return len(re.findall(r"(?m)^(?:Failed|Connection closed by authenticating)", (sshd.folder / "log").read_text()))


async def test_a_passphrase_is_asked_for_once_when_a_server_takes_the_key(start_sshd: Callable[..., Any]) -> None:
    daemons = [start_sshd() for _ in range(3)]
    key = daemons[0].identity
    for daemon in daemons[:2]:
        admit(daemon, key)
    lock(key)
    someone = Scripted("wrong", "secret", seconds=0.3)
    async with Pool(connect_seconds=2.0, consent=someone).used() as pool:
        with pytest.raises(errors.Denied, match="refused its key"):
            await pool.link(daemons[2].machine(identities=(str(key),)))
        assert not someone.asked
        machines = [daemon.machine(name, identities=(str(key),)) for daemon in daemons[:2] for name in ("a", "b")]
        assert all(link.alive for link in await asyncio.gather(*map(pool.link, machines)))
    assert someone.asked == [(str(key), ""), (str(key), "that was not it")]


async def test_time_to_think_of_a_passphrase_is_not_time_to_connect(sshd: Any) -> None:
    lock(sshd.identity)
    async with Pool(connect_seconds=2.0, consent=Scripted("secret", seconds=3.0)).used() as pool:
        assert (await pool.link(sshd.machine())).alive


@pytest.mark.parametrize("old_format", [False, True])
async def test_without_a_passphrase_a_key_is_left_and_the_next_one_tried(sshd: Any, old_format: bool) -> None:
    """A key in an old format says nothing of itself before the passphrase: it is asked for when its turn comes."""
    locked, good = sshd.folder / "locked", sshd.identity
    keygen(locked, "-t", "rsa")
    lock(locked, old_format=old_format)
    admit(sshd, locked, good)
    if old_format:
        (sshd.folder / "locked.pub").unlink()
    someone = Scripted(None)
    async with Pool(consent=someone).used() as pool:
        machine = sshd.machine(identities=(str(locked), str(good)))
        assert (await pool.link(machine)).alive
        await pool.drop(machine, await pool.link(machine))
        assert (await pool.link(machine)).alive
    assert someone.asked == [(str(locked), "")]
    async with Pool(consent=Scripted("secret")).used() as pool:
        assert (await pool.link(sshd.machine(identities=(str(locked),)))).alive


@pytest.mark.parametrize("kind", [("ed25519",), ("rsa", "-b", "2048"), ("ecdsa",)])
async def test_every_kind_of_key_by_file_and_by_agent(
    sshd: Any, agent: Path, pool: Pool, kind: tuple[str, ...]
) -> None:
    key = keygen(sshd.folder / "another", "-t", *kind)
    admit(sshd, key)
    assert (await pool.link(sshd.machine(identities=(str(key),)))).alive
    add(agent, key)
    assert (await pool.link(sshd.machine(identities=(), agent=str(agent), usual_keys=False))).alive
    # a public key alone says which one of the agent is meant
    key.unlink()
    only = sshd.machine(identities=(f"{key}.pub",), agent=str(agent), identities_only=True)
    assert (await pool.link(only)).alive


async def test_a_key_at_hand_signs_at_once_and_of_the_agents_the_server_is_asked_first(
    start_sshd: Callable[..., Any], agent: Path, pool: Pool
) -> None:
    sshd = start_sshd(extra="LogLevel VERBOSE\n")

    def count(said: str) -> int:
        return (sshd.folder / "log").read_text().count(f"{said} publickey for")

    other = keygen(sshd.folder / "other")
    assert (await pool.link(sshd.machine(identities=(str(other), str(sshd.identity))))).alive
    assert (count("Failed"), count("Postponed"), count("Accepted")) == (1, 0, 1)
    add(agent, sshd.identity)
    assert (await pool.link(sshd.machine(identities=(), agent=str(agent), usual_keys=False))).alive
    assert (count("Failed"), count("Postponed"), count("Accepted")) == (1, 1, 2)


async def test_certificates_beside_the_key_by_their_own_file_and_of_the_agent(
    start_sshd: Callable[..., Any], agent: Path, pool: Pool, tmp_path: Path
) -> None:
    authority = keygen(tmp_path / "authority")
    sshd = start_sshd(extra=f"TrustedUserCAKeys {authority}.pub\n")
    user = sshd.machine().user
    admit(sshd)
    beside, listed, held = (keygen(tmp_path / name) for name in ("beside", "listed", "held"))
    sign(authority, beside, "-n", user)
    elsewhere = sign(authority, listed, "-n", user).rename(tmp_path / "elsewhere.pub")
    sign(authority, held, "-n", user)
    add(agent, held)
    assert (await pool.link(sshd.machine(identities=(str(beside),)))).alive
    assert (await pool.link(sshd.machine(identities=(str(listed),), certificates=(str(elsewhere),)))).alive
    assert (await pool.link(sshd.machine(identities=(), agent=str(agent), usual_keys=False))).alive
    with pytest.raises(errors.Denied, match="there is no key for the certificate"):
        await pool.link(sshd.machine(identities=(str(beside),), certificates=(str(elsewhere),)))


async def test_an_expired_certificate_says_so(start_sshd: Callable[..., Any], pool: Pool, tmp_path: Path) -> None:
    authority = keygen(tmp_path / "authority")
    sshd = start_sshd(extra=f"TrustedUserCAKeys {authority}.pub\n")
    admit(sshd)
    sign(authority, sshd.identity, "-n", sshd.machine().user, "-V", "20200101:20200102")
    with pytest.raises(errors.Denied, match=f"the certificate {sshd.identity}-cert.pub has expired"):
        await pool.link(sshd.machine())


async def test_too_many_keys_are_called_that(start_sshd: Callable[..., Any], agent: Path, pool: Pool) -> None:
    sshd = start_sshd(extra="MaxAuthTries 3\n")
    add(agent, *(keygen(sshd.folder / f"key{n}") for n in range(5)))
    with pytest.raises(errors.Denied, match=r"after 3 keys: too many keys .*IdentitiesOnly"):
        await pool.link(sshd.machine(agent=str(agent)))
    assert (await pool.link(sshd.machine(agent=str(agent), identities_only=True))).alive


async def test_a_refused_login_is_not_tried_again(sshd: Any, pool: Pool, comes_true: Callable[..., Any]) -> None:
    admit(sshd)
    with pytest.raises(errors.Denied, match="refused its key for user"):
        await pool.link(sshd.machine())
    await comes_true(lambda: failures(sshd))
    assert failures(sshd) == 1


def refusals(sshd: Any) -> int:
    """Of keys so far, at LogLevel VERBOSE."""
    return (sshd.folder / "log").read_text().count("Failed publickey for ")


@pytest.mark.parametrize("asks", [(True, True), (False, False), (False, True), (True, False)])
async def test_callers_at_the_same_time_share_a_refused_login(
    start_sshd: Callable[..., Any], pool: Pool, comes_true: Callable[..., Any], asks: tuple[bool, bool]
) -> None:
    sshd = start_sshd(extra="LogLevel VERBOSE\n")
    admit(sshd)
    links = await asyncio.gather(*(pool.link(sshd.machine(), ask=ask) for ask in asks), return_exceptions=True)
    assert all(isinstance(link, errors.Denied) for link in links)
    await comes_true(lambda: refusals(sshd))
    assert refusals(sshd) == 1
    for count, ask in enumerate(asks, 2):
        with pytest.raises(errors.Denied):
            await pool.link(sshd.machine(), ask=ask)
        await comes_true(lambda count=count: refusals(sshd) >= count)
        assert refusals(sshd) == count, "who comes later has one login of its own"


async def test_a_hop_that_refuses_is_not_tried_for_each_host_behind_it(
    start_sshd: Callable[..., Any], pool: Pool, comes_true: Callable[..., Any]
) -> None:
    sshd = start_sshd(extra="LogLevel VERBOSE\n")
    admit(sshd)
    for ask in (False, True, False):
        behind = sshd.machine("behind", address="10.0.0.1", jumps=(sshd.machine("bastion"),))
        with pytest.raises(errors.Denied, match="behind is behind bastion"):
            await pool.link(behind, ask=ask)
    await comes_true(lambda: refusals(sshd))
    assert refusals(sshd) == 1


async def test_who_may_be_asked_is_asked_though_the_login_began_for_somebody_else(sshd: Any) -> None:
    lock(sshd.identity)
    someone = Scripted("secret")
    async with Pool(consent=someone).used() as pool:
        machine = sshd.machine()
        denied, link = await asyncio.gather(
            pool.link(machine, ask=False), pool.link(machine, ask=True), return_exceptions=True
        )
        assert isinstance(denied, errors.Denied) and "has a passphrase" in str(denied)
        assert not isinstance(link, BaseException) and link.alive
    assert someone.asked == [(str(sshd.identity), "")]


async def test_a_server_that_takes_no_keys_is_told_from_one_that_takes_others(
    start_sshd: Callable[..., Any], pool: Pool
) -> None:
    sshd = start_sshd(extra="PubkeyAuthentication no\nKbdInteractiveAuthentication yes\n")
    with pytest.raises(errors.Denied, match="refused to take a key at all"):
        await pool.link(sshd.machine())


async def test_a_stuck_agent_hangs_no_login(
    sshd: Any, silent: Path, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(agents, "LIST_SECONDS", 0.3)
    assert (await pool.link(sshd.machine(agent=str(silent)))).alive
    with pytest.raises(errors.Denied, match=f"the agent {silent} does not answer"):
        await pool.link(sshd.machine(identities=(), usual_keys=False, agent=str(silent)))


async def test_an_agent_that_was_restarted_signs_again(sshd: Any, agent: Path, tmp_path: Path, need: Any) -> None:
    """The connection to it is kept; it is lost without a word."""
    add(agent, sshd.identity)
    blob = base64.b64decode(Path(f"{sshd.identity}.pub").read_text().split()[1])
    one = Agent(str(agent))
    assert [held.blob for held in await one.keys()] == [blob]
    first = await one.sign(blob, b"data", b"ssh-ed25519")
    wire = one._wire
    assert wire is not None and wire._transport is not None
    wire._transport.close()
    assert await one.sign(blob, b"data", b"ssh-ed25519") == first
    waiting = asyncio.create_task(one.sign(blob, b"other", b"ssh-ed25519"))
    await asyncio.sleep(0)
    waiting.cancel()
    assert await one.sign(blob, b"data", b"ssh-ed25519") == first
    with pytest.raises(ValueError, match="refused to sign"):
        await one.sign(b"\0\0\0\0", b"data", b"ssh-ed25519")
    one.close()


@pytest.fixture
def offered(
    sshd: Any, need: Callable[[str, str], str], tmp_path: Path
) -> Callable[..., Awaitable[tuple[list[str], list[str]]]]:
    """What ssh offers to a server that takes nothing, and what we do, as fingerprints with CERT where it is one."""
    ssh = need("ssh", "apt-get install openssh-client")
    sshd.config.write_text(sshd.config.read_text() + "MaxAuthTries 20\n")
    sshd.kill()
    sshd.start()
    admit(sshd)

    async def both(
        agent: Path, *, identities: list[Path], certificates: list[Path], only: bool
    ) -> tuple[list[str], list[str]]:
        options = [f"-oIdentityFile={path}" for path in identities]
        options += [f"-oCertificateFile={path}" for path in certificates]
        options += [f"-oIdentityAgent={agent}", f"-oIdentitiesOnly={'yes' if only else 'no'}"]
        options += ["-oBatchMode=yes", f"-oUserKnownHostsFile={sshd.known_hosts}", "-Fnone", "-v", f"-p{sshd.port}"]
        process = await asyncio.create_subprocess_exec(ssh, *options, "127.0.0.1", stderr=asyncio.subprocess.PIPE)
        _, said = await process.communicate()
        theirs = re.findall(r"Offering public key: .* (\S+) (SHA256:\S+)", said.decode())
        named = {"identities": tuple(map(str, identities)), "certificates": tuple(map(str, certificates))}
        machine = sshd.machine(agent=str(agent), identities_only=only, **named)
        ours = []
        async with AsyncExitStack() as stack:
            keyring = Keyring(Nobody())
            stack.callback(keyring.rest)
            offers = await keyring.offers(machine)
            while (offer := await offers.next()) is not None:
                sha256 = Fingerprint.of(offer.key_public_data).sha256
                ours.append(f"{'CERT ' if offer.has_cert else ''}{sha256}")
        return [f"{'CERT ' if kind.endswith('CERT') else ''}{sha256}" for kind, sha256 in theirs], ours

    return both


@pytest.mark.parametrize("only", [False, True])
@pytest.mark.parametrize("certificates", [[], ["c"], ["a", "d"]])
@pytest.mark.parametrize("identities", [["a"], ["c", "a"], ["d", "b", "c"]])
async def test_keys_are_offered_in_the_order_of_ssh(
    offered: Any, agent: Path, tmp_path: Path, identities: list[str], certificates: list[str], only: bool
) -> None:
    """The agent has b, then a with its certificate; c and d are files, and c has a certificate."""
    authority = keygen(tmp_path / "authority")
    for name in "abcd":
        keygen(tmp_path / name)
    for name in "ac":
        sign(authority, tmp_path / name)
    add(agent, tmp_path / "b", tmp_path / "a")
    sign(authority, tmp_path / "d")
    theirs, ours = await offered(
        agent,
        identities=[tmp_path / name for name in identities],
        certificates=[tmp_path / f"{name}-cert.pub" for name in certificates],
        only=only,
    )
    # ssh also offers a certificate that it has no key to sign for, which costs a try and comes to nothing
    idle = {f"CERT {digest(tmp_path / name)}" for name in certificates if name not in (*identities, "a", "b")}
    assert theirs and ours == [offer for offer in theirs if offer not in idle]


def test_a_machine_names_its_agent(monkeypatch: pytest.MonkeyPatch) -> None:
    keyring = Keyring(Nobody())
    assert keyring._agent(Machine("s", "n", "n")) is None
    monkeypatch.setenv("SSH_AUTH_SOCK", "/run/agent")
    found = keyring._agent(Machine("s", "n", "n"))
    assert found is not None and found.path == "/run/agent"
    assert keyring._agent(Machine("s", "n", "n", agent="")) is None
    assert keyring._agent(Machine("s", "n", "n", agent="/run/agent")) is found
