"""Why a host was not trusted, and what to do. Never tried again by itself: only a person can mend it."""

from __future__ import annotations

import shlex

from cockpit.fleet.machine import Machine
from cockpit.fleet.trust.consent import Fingerprint
from cockpit.fleet.trust.knownhosts import PORT, Entry, Name, name_of
from cockpit.model import errors


class HostKeyRefused(errors.Denied):
    """The host's key is not one that known_hosts has for it."""


class HostKeyUnknown(HostKeyRefused):
    """known_hosts does not name the host, and nobody accepted the key."""


class HostKeyChanged(HostKeyRefused):
    """known_hosts has another key for the host, or says that this one is revoked. Never accepted, whoever is asked."""


def unknown(machine: Machine, offered: Fingerprint, path: str, why: str = "") -> HostKeyUnknown:
    """`why` is what stood in the way of accepting it."""
    name = name_of(machine)
    said = f"the host key of {name.full} is unknown (it offers {offered.kind} {offered.sha256})"
    step = f"check it, then run: cockpit fleet trust {shlex.quote(machine.name)}"
    if not machine.jumps and not machine.proxy_command and not machine.host_key_alias:
        port = "" if machine.port == PORT else f"-p {machine.port} "
        step += f", or: ssh-keyscan {port}{machine.address} >> {shlex.quote(path)}"
    return HostKeyUnknown(f"{said}; {why or step}")


def changed(name: Name, offered: Fingerprint, old: Entry, why: str = "") -> HostKeyChanged:
    """`why` is what is wrong with the certificate that it shows."""
    remove = f"ssh-keygen -f {shlex.quote(old.path)} -R {shlex.quote(name.full)}"
    return HostKeyChanged(
        f"the host key of {name.full} has changed: {old.place} has another and it now offers {offered.kind} "
        f"{offered.sha256}{f' ({why})' if why else ''}; if that is meant, run: {remove}, and accept the new one"
    )


def revoked(name: Name, entry: Entry) -> HostKeyChanged:
    return HostKeyChanged(f"the host key of {name.full} is revoked in {entry.place}; do not connect")
