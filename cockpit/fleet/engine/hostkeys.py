"""Whether a key that a server shows is the host's, while it is connected: by the lines of known_hosts, as ssh does it.

The order of the kinds of key is that of order_hostkeyalgs in sshconnect2.c, what is made of a certificate that of
check_host_key in sshconnect.c.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import asyncssh
from asyncssh.public_key import CERT_TYPE_HOST, SSHOpenSSHCertificate

from cockpit.fleet.engine import keyfiles
from cockpit.fleet.machine import Machine
from cockpit.fleet.trust.knownhosts import AUTHORITY, REVOKED, Book, admits, kind_of, name_of

PLAIN = (
    "ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521", "sk-ssh-ed25519@openssh.com",
    "sk-ecdsa-sha2-nistp256@openssh.com", "rsa-sha2-512", "rsa-sha2-256", "ssh-rsa",
)  # fmt: skip
"""In the order of ssh; ssh-rsa (SHA-1) at the end, for servers that are too old for anything else."""
CERTIFICATE = "-cert-v01@openssh.com"
CERTIFIED = tuple(f"{name.removesuffix('@openssh.com')}{CERTIFICATE}" for name in PLAIN if name != "ssh-rsa")


class Unproven(asyncssh.HostKeyNotVerifiable):
    """The key is not that of a line, as far as was looked; what it is instead takes longer to say."""

    def __init__(self, blob: bytes, why: str = "", authority: bytes = b"") -> None:
        """`blob`: the plain key; empty when it cannot be read. `why`: what is wrong with the certificate.

        `authority`: who signed it, where that may be the reason.
        """
        super().__init__(why or "unproven host key")
        self.blob, self.why, self.authority = blob, why, authority


class Proven(asyncssh.HostKeyNotVerifiable):
    """The key is the host's, and that was all that was to be known."""

    def __init__(self) -> None:
        super().__init__("known host key")


class HostCheck:
    """The keys of one host."""

    def __init__(self, machine: Machine, book: Book, accepted: Callable[[bytes], bool]) -> None:
        """`accepted`: whether the key was accepted in this session."""
        self.name = name_of(machine)
        self.book = book
        self._machine = machine
        self._principal = (machine.host_key_alias or machine.address).lower()
        self._accepted = accepted
        self.algorithms = self._order()

    def by(self, book: Book) -> HostCheck:
        """The same by other lines."""
        return type(self)(self._machine, book, self._accepted)

    def _order(self) -> list[str]:
        """First those of keys that are known, so that a host is not taken for another because it has several."""
        order = _known_first(frozenset(self.book.kinds(self.name)))
        return [*CERTIFIED, *order] if self.book.has_authority(self.name) else [*order]

    def admit(self, offered: bytes) -> asyncssh.SSHKey:
        """The key to verify by. Raises Unproven."""
        if kind_of(offered).endswith(CERTIFICATE):
            return self._certified(offered)
        return self._plain(offered)

    def _plain(self, blob: bytes, why: str = "") -> asyncssh.SSHKey:
        key = keyfiles.decoded(blob)
        if not isinstance(key, asyncssh.SSHKey):
            raise Unproven(b"", "it cannot be read")
        known = self._accepted(blob) or self.book.find(self.name, blob) is not None
        if not known or self.book.find(self.name, blob, REVOKED) is not None:
            raise Unproven(blob, why)
        return key

    def _certified(self, offered: bytes) -> asyncssh.SSHKey:
        """By its authority; with an authority that is none here it is taken as the plain key that it is of."""
        certificate = keyfiles.decoded(offered)
        if not isinstance(certificate, SSHOpenSSHCertificate):
            raise Unproven(b"", "its certificate cannot be read")
        key, authority = certificate.key.public_data, certificate.signing_key.public_data
        if self.book.find(self.name, authority, REVOKED) is not None:
            raise Unproven(key, "the authority of its certificate is revoked", authority)
        if self.book.find(self.name, authority, AUTHORITY) is None:
            return self._plain(key, "no authority here signed its certificate")
        try:
            certificate.validate(CERT_TYPE_HOST, None)
        except ValueError as error:
            return self._plain(key, f"its {str(error)[:1].lower()}{str(error)[1:]}")
        named = [principal for principal in certificate.principals if not principal.startswith("!")]
        if certificate.principals and not any(admits((principal,), self._principal) for principal in named):
            return self._plain(key, f"its certificate is for {', '.join(certificate.principals)}")
        if self.book.find(self.name, key, REVOKED) is not None:
            raise Unproven(key)
        return certificate.key


@cache
def _known_first(kinds: frozenset[str]) -> tuple[str, ...]:
    return tuple(sorted(PLAIN, key=lambda name: _kind(name) not in kinds))


def _kind(algorithm: str) -> str:
    """Of the key that a signature algorithm belongs to (RFC 8332: RSA keys are ssh-rsa whatever they sign with)."""
    return "ssh-rsa" if algorithm.startswith("rsa-sha2-") else algorithm


class Glance(HostCheck):
    """Looks at the key and goes no further."""

    def admit(self, offered: bytes) -> asyncssh.SSHKey:
        super().admit(offered)
        raise Proven
