"""The keys that a login may offer: files, certificates, the agent's; in ssh's order (pubkey_prepare, sshconnect2.c)."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Collection

import asyncssh
from asyncssh.public_key import SSHOpenSSHCertificate
from msgspec import Struct

from cockpit.fleet.engine import keyfiles
from cockpit.fleet.engine.agent import Agent, Held
from cockpit.fleet.engine.fresh import Fresh
from cockpit.fleet.engine.keyfiles import KeyFile
from cockpit.fleet.machine import Machine
from cockpit.fleet.trust.consent import Consent
from cockpit.model.user import home

USUAL_KEYS = ("id_rsa", "id_ecdsa", "id_ed25519")
"""In ~/.ssh."""
FRESH_SECONDS = 2.0
"""How long a key file is taken for what it was."""
TRIES = 3
"""Passphrases, as ssh asks for (NumberOfPasswordPrompts)."""

_Sign = Callable[[bytes, bytes], Awaitable[bytes]]


class Locked(Exception):
    """A server takes a key whose passphrase is not known: ask, then log in anew."""

    def __init__(self, file: KeyFile) -> None:
        super().__init__(file.path)
        self.file = file


class Offer(asyncssh.SSHKeyPair):
    """A key of one login: asyncssh notes in it which signature the server takes."""

    def __init__(
        self, key: asyncssh.SSHKey, certificate: SSHOpenSSHCertificate | None, sign: _Sign, *, at_hand: bool
    ) -> None:
        """`at_hand`: it signs at once, without an agent, a token or a person."""
        kinds = key.sig_algorithms
        super().__init__(
            key.algorithm,
            key.algorithm,
            kinds,
            kinds,
            key.public_data,
            None,
            certificate,
            use_webauthn=key.use_webauthn,
        )
        self.at_hand = at_hand
        self._sign = sign

    async def sign_async(self, data: bytes) -> bytes:
        return await self._sign(data, self.sig_algorithm)


class _Candidate(Struct, frozen=True):
    key: asyncssh.SSHKey | None
    """None: not known before the passphrase."""
    certificate: SSHOpenSSHCertificate | None = None
    file: KeyFile | None = None
    agent: Agent | None = None
    held: bytes = b""
    """What the agent signs with."""


class Offers:
    """The keys of one login, one after the other."""

    def __init__(self, keyring: Keyring, candidates: list[_Candidate], notes: list[str]) -> None:
        self.notes = notes
        """What is wrong with keys that might have been offered."""
        self.count = 0
        """Offered so far."""
        self.found = len(candidates)
        self._keyring = keyring
        self._left = iter(candidates)

    async def next(self) -> Offer | None:
        """None: there are no more. Raises Locked."""
        for candidate in self._left:
            key = candidate.key
            private = None if candidate.file is None else self._keyring.private(candidate.file)
            if key is None:
                if private is None:
                    assert candidate.file is not None
                    raise Locked(candidate.file)
                key = private
            self.count += 1
            at_hand = candidate.agent is None and private is not None and not private.use_executor
            return Offer(key, candidate.certificate, self._signer(candidate), at_hand=at_hand)
        return None

    def _signer(self, candidate: _Candidate) -> _Sign:
        async def by_agent(data: bytes, algorithm: bytes) -> bytes:
            assert candidate.agent is not None
            return await candidate.agent.sign(candidate.held, data, algorithm)

        async def by_file(data: bytes, algorithm: bytes) -> bytes:
            assert candidate.file is not None
            private = self._keyring.private(candidate.file)
            if private is None:
                raise Locked(candidate.file)
            if private.use_executor:  # a token waits to be touched
                return await asyncio.to_thread(private.sign, data, algorithm)
            return private.sign(data, algorithm)

        return by_file if candidate.agent is None else by_agent


class Keyring:
    """What a session may log in with. Private keys that a passphrase opened are kept here and nowhere else."""

    def __init__(self, consent: Consent) -> None:
        self.declined: set[bytes] = set()
        """Locked keys, by what is in their file, for which no passphrase was given."""
        self.unlocked = 0
        """Keys that a passphrase opened, ever."""
        self._consent = consent
        self._asking = asyncio.Lock()
        self._opened: dict[bytes, asyncssh.SSHKey] = {}
        self._files: Fresh[str, KeyFile] = Fresh(keyfiles.load, FRESH_SECONDS)
        self._certificates: Fresh[str, SSHOpenSSHCertificate | str] = Fresh(keyfiles.certificate, FRESH_SECONDS)
        self._agents: dict[str, Agent] = {}

    async def offers(self, machine: Machine, without: Collection[bytes] = ()) -> Offers:
        """The keys for a machine. Waits while somebody is asked for a passphrase: it may be that of this login.

        `without` these locked ones, by what is in their file: nobody may be asked for their passphrase.
        """
        async with self._asking:
            pass
        files = await self._files_of(machine)
        certificates = [(path, await self._certificates.get(path)) for path in machine.certificates]
        agent = self._agent(machine)
        held = await agent.keys() if agent is not None else ()
        choice = _Choice(files, agent, held)
        if agent is not None and agent.trouble:
            choice.notes.append(agent.trouble)
        if machine.identities:
            choice.notes += [file.why for file in files if file.why]
        choice.certificates(certificates)
        choice.identities(with_certificates=not certificates, agent_too=not machine.identities_only)
        chosen = []
        for candidate in choice.chosen:
            file = candidate.file
            shut = file is not None and (file.data in self.declined or file.data in without)
            if candidate.agent is None and file is not None and shut:
                choice.notes.append(f"the key {file.path} has a passphrase; run: ssh-add {file.path}")
            else:
                chosen.append(candidate)
        return Offers(self, chosen, choice.notes)

    def private(self, file: KeyFile) -> asyncssh.SSHKey | None:
        """None: its passphrase is not known."""
        return self._opened.get(file.data) if file.locked else file.private

    async def open(self, file: KeyFile) -> None:
        """Ask for the passphrase, once a session; without one the key is not offered any more."""
        async with self._asking:
            why = ""
            for _ in range(TRIES):
                if file.data in self._opened or file.data in self.declined:
                    return
                passphrase = await self._consent.passphrase(file.path, why)
                if passphrase is None:
                    break
                key = await asyncio.to_thread(keyfiles.unlock, file, passphrase)
                if key is not None:
                    self._opened[file.data] = key
                    self.unlocked += 1
                    return
                why = "that was not it"
            self.declined.add(file.data)

    async def unlock(self, machine: Machine) -> list[tuple[str, bool]]:
        """Ask, or ask again, for the passphrases of a machine's keys: (file, is it open now) of those that have one."""
        locked = [file for file in await self._files_of(machine) if file.locked]
        for file in locked:
            self.declined.discard(file.data)
            await self.open(file)
        return [(file.path, file.data in self._opened) for file in locked]

    async def _files_of(self, machine: Machine) -> list[KeyFile]:
        usual = [f"{home()}/.ssh/{name}" for name in USUAL_KEYS] if machine.usual_keys else []
        return [await self._files.get(path) for path in machine.identities or usual]

    def rest(self) -> None:
        """Let go of the agents."""
        for agent in self._agents.values():
            agent.close()

    def _agent(self, machine: Machine) -> Agent | None:
        path = os.environ.get("SSH_AUTH_SOCK", "") if machine.agent == "SSH_AUTH_SOCK" else machine.agent
        if not path:
            return None
        if path not in self._agents:
            self._agents[path] = Agent(path)
        return self._agents[path]


class _Choice:
    """Puts candidates into ssh's order."""

    def __init__(self, files: list[KeyFile], agent: Agent | None, held: tuple[Held, ...]) -> None:
        self.chosen: list[_Candidate] = []
        self.notes: list[str] = []
        self._files, self._agent, self._held = files, agent, held
        self._blobs = {key.blob for key in held}

    def certificates(self, listed: list[tuple[str, SSHOpenSSHCertificate | str]]) -> None:
        """Those of CertificateFile come first, where the key is there to sign with."""
        for path, found in listed:
            why = found if isinstance(found, str) else keyfiles.invalid(found, path)
            candidate = self._certified(found) if isinstance(found, SSHOpenSSHCertificate) and not why else None
            if candidate is not None:
                self.chosen.append(candidate)
            else:
                self.notes.append(why or f"there is no key for the certificate {path}")

    def identities(self, *, with_certificates: bool, agent_too: bool) -> None:
        """Named ones that the agent has, in its order; what else it has; the other named ones."""
        named: dict[bytes, _Candidate] = {}
        for number, file in enumerate(self._files):
            if file.public is not None or file.locked:
                blob = file.public.public_data if file.public is not None else b"%d" % number
                named.setdefault(blob, _Candidate(file.public, None, file))
            if with_certificates and file.certificate is not None:
                why = keyfiles.invalid(file.certificate, f"{file.path}-cert.pub")
                candidate = None if why else self._certified(file.certificate)
                if candidate is not None:
                    named.setdefault(file.certificate.public_data, candidate)
                elif why:
                    self.notes.append(why)
        others: list[_Candidate] = []
        for held in self._held:
            mine = named.pop(held.blob, None)
            candidate = _by_agent(self._agent, held.blob)
            if candidate is not None and (mine is not None or agent_too):
                (others if mine is None else self.chosen).append(candidate)
        self.chosen += others
        self.chosen += [candidate for candidate in named.values() if _can_sign(candidate)]

    def _certified(self, certificate: SSHOpenSSHCertificate) -> _Candidate | None:
        blob = certificate.key.public_data
        if blob in self._blobs:
            return _Candidate(certificate.key, certificate, None, self._agent, blob)
        for file in self._files:
            if file.public is not None and file.public.public_data == blob and (file.private or file.locked):
                return _Candidate(certificate.key, certificate, file)
        return None


def _can_sign(candidate: _Candidate) -> bool:
    file = candidate.file
    return candidate.agent is not None or (file is not None and (file.private is not None or file.locked))


def _by_agent(agent: Agent | None, blob: bytes) -> _Candidate | None:
    """None for a kind of key that we cannot offer."""
    found = keyfiles.decoded(blob)
    if isinstance(found, SSHOpenSSHCertificate):
        return _Candidate(found.key, found, None, agent, blob)
    return None if found is None else _Candidate(found, None, None, agent, blob)
