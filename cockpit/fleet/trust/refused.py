"""Why a host was not trusted. Never tried again by itself: only a person can mend it."""

from __future__ import annotations

from cockpit.model import errors


class HostKeyRefused(errors.Denied):
    """The host's key is not one that known_hosts has for it."""


class HostKeyUnknown(HostKeyRefused):
    """known_hosts does not name the host, and nobody accepted the key."""


class HostKeyChanged(HostKeyRefused):
    """known_hosts has another key for the host, or says that this one is revoked. Never accepted, whoever is asked."""
