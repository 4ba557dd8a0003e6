"""Private keys and certificates in files, read once. What is wrong with one is said, not raised."""

from __future__ import annotations

import base64
from functools import lru_cache
from pathlib import Path

import asyncssh
from asyncssh.public_key import CERT_TYPE_USER, SSHOpenSSHCertificate
from msgspec import Struct

from cockpit.fleet.trust.knownhosts import kind_of, stamp

_MAGIC = b"openssh-key-v1\0"


class KeyFile(Struct, frozen=True):
    """What an IdentityFile names."""

    path: str
    data: bytes = b""
    """What is in it, where a passphrase is needed."""
    public: asyncssh.SSHKey | None = None
    """Known before the passphrase, in all but old formats without a `.pub` beside."""
    private: asyncssh.SSHKey | None = None
    """None: a passphrase is needed, or it is a public key that stands for one of the agent."""
    certificate: SSHOpenSSHCertificate | None = None
    """From `<path>-cert.pub`."""
    why: str = ""
    """What is wrong with it."""

    @property
    def locked(self) -> bool:
        return bool(self.data)


def load(path: str) -> KeyFile:
    """Does file I/O: call it in a thread."""
    return _load(stamp((path, f"{path}.pub", f"{path}-cert.pub")))


@lru_cache(maxsize=1024)
def _load(stamped: tuple[tuple[str, int, int], ...]) -> KeyFile:
    """The times and sizes are only there to miss the cache when a file is another."""
    path = stamped[0][0]
    beside = _public(stamped[1][0]) if stamped[1][2] >= 0 else None
    found = certificate(stamped[2][0]) if stamped[2][2] >= 0 else None
    mark = found if isinstance(found, SSHOpenSSHCertificate) else None
    if stamped[0][2] < 0:
        why = "" if beside else f"the key {path} does not exist; write another identity or create it"
        return KeyFile(path, public=beside, certificate=mark, why=why)
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        return KeyFile(path, public=beside, why=f"cannot read the key {path}: {error.strerror}")
    try:
        key = asyncssh.import_private_key(data)
    except asyncssh.KeyEncryptionError:
        pass
    except (asyncssh.KeyImportError, ValueError) as error:
        if "passphrase" not in str(error).lower():
            public = _imported(data)
            why = "" if public else f"the key {path} is not a private key: {error}"
            return KeyFile(path, public=public, certificate=mark, why=why)
    else:
        return KeyFile(path, public=key, private=key, certificate=mark)
    return KeyFile(path, data=data, public=_named_inside(data) or beside, certificate=mark)


def unlock(file: KeyFile, passphrase: str) -> asyncssh.SSHKey | None:
    """None: it is not the passphrase. Takes a quarter of a second (bcrypt): call it in a thread."""
    try:
        return asyncssh.import_private_key(file.data, passphrase)
    except (asyncssh.KeyImportError, asyncssh.KeyEncryptionError, ValueError):
        return None


def certificate(path: str) -> SSHOpenSSHCertificate | str:
    """A user's certificate, or why it is none. Does file I/O: call it in a thread."""
    return _certificate(stamp((path,)))


@lru_cache(maxsize=1024)
def _certificate(stamped: tuple[tuple[str, int, int], ...]) -> SSHOpenSSHCertificate | str:
    path = stamped[0][0]
    if stamped[0][2] < 0:
        return f"the certificate {path} does not exist"
    try:
        found = asyncssh.import_certificate(Path(path).read_bytes())
    except OSError as error:
        return f"cannot read the certificate {path}: {error.strerror}"
    except (asyncssh.KeyImportError, ValueError) as error:
        return f"{path} is not a certificate: {error}"
    return found if isinstance(found, SSHOpenSSHCertificate) else f"{path} is not an OpenSSH certificate"


def invalid(found: SSHOpenSSHCertificate, path: str) -> str:
    """Why the certificate is of no use today; empty when it is."""
    try:
        found.validate(CERT_TYPE_USER, None)
    except ValueError as error:
        words = {
            "Certificate expired": "has expired",
            "Certificate not yet valid": "is not valid yet",
            "Invalid certificate type": "is not one for users",
        }
        said = words.get(str(error), str(error))
        return f"the certificate {path} {said} (see: ssh-keygen -L -f {path})"
    return ""


@lru_cache(maxsize=1024)
def decoded(blob: bytes) -> asyncssh.SSHKey | SSHOpenSSHCertificate | None:
    """A public key or certificate as it goes over the wire; None for a kind that asyncssh does not know."""
    text = kind_of(blob).encode() + b" " + base64.b64encode(blob)
    key = _imported(text)
    if key is not None:
        return key
    try:
        found = asyncssh.import_certificate(text)
    except (asyncssh.KeyImportError, ValueError):
        return None
    return found if isinstance(found, SSHOpenSSHCertificate) else None


def _public(path: str) -> asyncssh.SSHKey | None:
    try:
        return _imported(Path(path).read_bytes())
    except OSError:
        return None


def _imported(data: bytes) -> asyncssh.SSHKey | None:
    try:
        return asyncssh.import_public_key(data)
    except (asyncssh.KeyImportError, ValueError):
        return None


def _named_inside(data: bytes) -> asyncssh.SSHKey | None:
    """A locked key in OpenSSH's own format says openly which one it is (PROTOCOL.key)."""
    body = b"".join(line for line in data.split(b"\n") if not line.startswith(b"-----"))
    try:
        inside = base64.b64decode(body)
    except ValueError:
        return None
    if not inside.startswith(_MAGIC):
        return None
    at = len(_MAGIC)
    for _ in range(3):  # cipher, key derivation, its options
        at += 4 + int.from_bytes(inside[at : at + 4], "big")
    at += 4  # how many keys
    blob = inside[at + 4 : at + 4 + int.from_bytes(inside[at : at + 4], "big")]
    key = decoded(blob)
    return key if isinstance(key, asyncssh.SSHKey) else None
