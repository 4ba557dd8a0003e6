"""What ssh would make of a name, for the inventories that leave the connection to it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from msgspec import Struct

from cockpit.fleet.inventory.sshconfig.machines import ASKING, Machines
from cockpit.fleet.inventory.sshconfig.outside import Outside
from cockpit.fleet.inventory.sshconfig.parse import USER_CONFIG, Parsed, command_line, parse
from cockpit.fleet.inventory.sshconfig.tokens import Local
from cockpit.fleet.machine import Machine
from cockpit.model import errors

_HOST = re.compile(r"""(?!-)[^\s'`"$\\;&<>|(){}\x00-\x1f\x7f]*""")
_USER = re.compile(r"""(?!-)(?:[^'`";&<>|(){}\s\\\x00-\x1f\x7f]|\\(?!$)|[ \t](?!-))*""")
"""What ssh lets into a ProxyCommand or a Match exec (ssh.c, valid_hostname and valid_ruser): a name may come from
somebody who could name a machine in a cloud."""


class Call(Struct, frozen=True):
    """`ssh -F config -o option ... name`."""

    name: str
    options: tuple[str, ...] = ()
    """Without the `-o`: "Port 22"."""
    config: str = ""
    """Instead of ~/.ssh/config; "none" for none."""


class Ssh:
    """The user's configuration, read once for an inventory. Does file I/O: use it in a thread."""

    def __init__(self, config: str = "") -> None:
        """`config`: what a Call without one means; "none": nothing but ssh's own defaults."""
        self.watched: dict[str, None] = {}
        """Files that change what comes of it."""
        self._config = config
        self._local, self._outside = Local.here(), Outside()
        self._machines: dict[str, Machines | str] = {}
        self.asks = False
        """See Parsed.asks."""

    @property
    def plain(self) -> bool:
        """Whether names stand for themselves."""
        return self._config == "none"

    def all(self, calls: Iterable[Call]) -> list[Machine]:
        """In that order. Raises model.errors when the user's configuration cannot be read."""
        waiting = list(calls)
        for call in waiting:
            self._of(call.config)
        if not self.asks:
            return [self.machine(call) for call in waiting]
        with ThreadPoolExecutor(ASKING, "ssh_config") as threads:
            return list(threads.map(self.machine, waiting))

    def machine(self, call: Call) -> Machine:
        """One machine; where ssh would refuse, `unsupported` says why. Raises model.errors as `all`."""
        try:
            given = command_line(call.options)
        except ValueError as error:
            return Machine("", call.name, call.name, unsupported=f"its options for ssh: {error}")
        user = given.first.get("user", ("",))[0]
        if not _HOST.fullmatch(call.name) or not _USER.fullmatch(user):
            why = "its name or user has characters that a shell takes apart"
            return Machine("", call.name, call.name, unsupported=why)
        machines = self._of(call.config)
        if isinstance(machines, str):
            return Machine("", call.name, call.name, unsupported=f"ssh -F {call.config}: {machines}")
        return machines.machine(call.name, given)

    def _of(self, config: str) -> Machines | str:
        """Those of one configuration, or why a call's own one cannot be read."""
        if config not in self._machines:
            try:
                parsed = self._parsed(config or self._config)
            except errors.SourceError as error:
                if not config:
                    raise
                self._machines[config] = str(error)
                return str(error)
            self.watched |= parsed.watched
            self.asks |= parsed.asks
            self._machines[config] = Machines(parsed, "", local=self._local, outside=self._outside)
        return self._machines[config]

    def _parsed(self, config: str) -> Parsed:
        if config == "none":
            return Parsed()
        if config:
            return parse(Path(os.path.abspath(os.path.expanduser(config))), self._local)
        return parse(Path(self._local.home, USER_CONFIG), self._local, must_exist=False)
