"""What only a person can answer on the way to a host: an unknown key, a passphrase, a password.

The engine asks whoever runs it; a command without a terminal answers `Nobody`, so nothing is ever accepted in silence.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
from typing import Protocol

from msgspec import Struct


class Fingerprint(Struct, frozen=True):
    """One key as people compare it."""

    kind: str
    """"ssh-ed25519"."""
    sha256: str
    """"SHA256:..." as ssh-keygen -l prints it."""
    md5: str
    """"MD5:16:27:..." as ssh-keygen -l -E md5 prints it."""

    @classmethod
    def of(cls, blob: bytes) -> Fingerprint:
        """Of a public key as it goes over the wire."""
        kind = blob[4 : 4 + int.from_bytes(blob[:4], "big")].decode("ascii", "replace")
        sha256 = base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")
        md5 = hashlib.md5(blob, usedforsecurity=False).hexdigest()
        pairs = ":".join(md5[place : place + 2] for place in range(0, len(md5), 2))
        return cls(kind, f"SHA256:{sha256}", f"MD5:{pairs}")


class UnknownKey(Struct, frozen=True):
    """A host that known_hosts does not name, and what it offers."""

    where: str
    """The machine as messages name it."""
    name: str
    """As known_hosts will name it: "web1" or "[10.0.0.1]:2222"."""
    offered: Fingerprint
    path: str
    """The file that an accepted key is written to; "" when there is none and it counts for this session."""


class Consent(Protocol):
    """Somebody who may be asked. Each question is asked once at a time: the engine serialises them."""

    async def accepts(self, unknown: UnknownKey) -> bool:
        """Whether the key is the host's, as the person says."""

    async def passphrase(self, path: str, why: str) -> str | None:
        """Of a private key, asked once a session; None: none is given. `why` is what was wrong with the last one."""


class OneAtATime:
    """Asks whoever is there, never two things at once: all that a session may ask goes through here."""

    def __init__(self, inner: Consent) -> None:
        self.inner = inner
        self._asking = asyncio.Lock()

    async def accepts(self, unknown: UnknownKey) -> bool:
        async with self._asking:
            return await self.inner.accepts(unknown)

    async def passphrase(self, path: str, why: str) -> str | None:
        async with self._asking:
            return await self.inner.passphrase(path, why)


class Nobody:
    """Headless: no key is accepted, no passphrase given."""

    async def accepts(self, unknown: UnknownKey) -> bool:
        return False

    async def passphrase(self, path: str, why: str) -> str | None:
        return None
