"""How the way to a host fails, beside the errors of the house; who runs commands tells outcomes apart by these.

errors.Unreachable
└── Unreached             the host was not reached: `attempts` says how often it was tried
    ├── TimedOut          no connection within its time
    └── LostBeforeExec    there was a connection, and it was lost before the command went out: it did not run
errors.Denied             the login was refused
├── Unasked               nobody was to be asked for a passphrase: with it another login may be let in
└── HostKeyRefused        in trust/refused.py, as it is known before anything is sent
    ├── HostKeyUnknown
    └── HostKeyChanged    or revoked
"""

from __future__ import annotations

from cockpit.model import errors


class Unreached(errors.Unreachable):
    """The host was not reached."""

    def __init__(self, message: str, *, attempts: int = 1) -> None:
        super().__init__(message)
        self.attempts = attempts

    def after(self, attempts: int) -> Unreached:
        """The same, when it was tried so often."""
        return type(self)(f"{self} ({attempts} attempts)" if attempts > 1 else str(self), attempts=attempts)


class TimedOut(Unreached):
    """No connection within the time that is given to one."""


class Unasked(errors.Denied):
    """The login was refused, and keys were left out because nobody was to be asked for their passphrases."""


class LostBeforeExec(Unreached):
    """The connection was lost before the command was sent; a second one did not help."""
