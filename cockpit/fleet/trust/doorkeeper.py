"""Who decides about a host key that known_hosts does not have: once a session for each key, one question at a time."""

from __future__ import annotations

import asyncio

from cockpit.fleet.machine import Machine
from cockpit.fleet.trust import accept, refused
from cockpit.fleet.trust.consent import Consent, Fingerprint, UnknownKey
from cockpit.fleet.trust.knownhosts import name_of


class Doorkeeper:
    """Connections that wait for the same answer share it; a "no" holds for the session, or until `write`."""

    def __init__(self, consent: Consent) -> None:
        self._consent = consent
        self._answers: dict[tuple[str, bytes], bool] = {}
        self._written: set[tuple[str, str, bytes]] = set()
        self._asking = asyncio.Lock()

    def accepted(self, machine: Machine, blob: bytes) -> bool:
        """Whether the key was accepted in this session: its file may be one that keeps nothing."""
        return (_path(machine), name_of(machine).full, blob) in self._written

    async def admit(self, machine: Machine, blob: bytes, *, ask: bool) -> None:
        """Returns when the key is accepted and written down. Without `ask` nobody is asked.

        Raises HostKeyUnknown.
        """
        if machine.unknown_keys != "accept" and not await self._said(machine, blob, ask):
            raise refused.unknown(machine, Fingerprint.of(blob), _path(machine) or "~/.ssh/known_hosts")
        await self.write(machine, blob)

    async def write(self, machine: Machine, blob: bytes) -> None:
        """Write an accepted key down. Raises HostKeyUnknown when that cannot be."""
        name, path = name_of(machine), _path(machine)
        if path:
            try:
                await asyncio.to_thread(accept.write, path, name, blob, hashed=machine.hash_known_hosts)
            except OSError as error:
                why = f"it was accepted, but cannot be written to {path}: {error.strerror}; make that possible"
                raise refused.unknown(machine, Fingerprint.of(blob), path, why) from error
        self._written.add((path, name.full, blob))

    def question(self, machine: Machine, blob: bytes) -> UnknownKey:
        """What a person is asked."""
        full, path = name_of(machine).full, _path(machine)
        return UnknownKey(where=machine.where, name=full, offered=Fingerprint.of(blob), path=path)

    async def _said(self, machine: Machine, blob: bytes, ask: bool) -> bool:
        key = (name_of(machine).full, blob)
        async with self._asking:
            said = self._answers.get(key)
            if said is None and ask:
                said = self._answers[key] = await self._consent.accepts(self.question(machine, blob))
        return bool(said)


def _path(machine: Machine) -> str:
    return machine.known_hosts[0] if machine.known_hosts else ""
