"""Whether the criteria of a Match hold for one host (readconf.c: match_cfg_line)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from cockpit.fleet.inventory.sshconfig.conditions import Criterion, comma_list, networks
from cockpit.fleet.inventory.sshconfig.outside import Outside, Unanswered
from cockpit.fleet.inventory.sshconfig.tokens import CLIENT, HOSTNAME, Tokens, Unusable, expand
from cockpit.fleet.inventory.sshconfig.values import Value

SESSION = "exec"
"""What `Match sessiontype` compares with: cockpit runs commands."""


@dataclass(slots=True)
class Asked:
    """What is known of the host where the Match stands: the lines after it have not been read yet."""

    given: str
    host: str
    """As Host blocks of this pass have it."""
    values: Mapping[str, Value]
    here: Tokens
    outside: Outside
    final: bool
    notes: list[str]

    @property
    def target(self) -> str:
        """With the HostName so far."""
        if "hostname" not in self.values:
            return self.host
        name = self.values["hostname"][0]
        return name if self.final else expand(name, {"h": self.host}, HOSTNAME)

    @property
    def user(self) -> str:
        return self.values.get("user", (self.here["u"],))[0]

    def tokens(self) -> Tokens:
        alias = self.values.get("hostkeyalias", (self.target,))[0]
        port = self.values.get("port", ("22",))[0]
        return self.here.of_host(given=self.given, host=self.target, port=port, user=self.user, alias=alias, jump="")


def holds(criterion: Criterion, asked: Asked, where: str) -> bool:
    """Whether one criterion holds. Raises Unusable where that cannot be known."""
    kind, argument = criterion.kind, criterion.argument
    match kind:
        case "all":
            held = True
        case "canonical" | "final":
            held = asked.final
        case "host":
            held = comma_list(argument.lower()).admit(asked.target.lower())
        case "originalhost":
            held = comma_list(argument.lower()).admit(asked.given.lower())
        case "user":
            held = comma_list(argument).admit(asked.user)
        case "localuser":
            held = comma_list(argument).admit(asked.here["u"])
        case "tagged":
            held = comma_list(argument).admit(asked.values.get("tag", ("",))[0])
        case "sessiontype":
            held = comma_list(argument).admit(SESSION)
        case "version":
            held = comma_list(argument).admit(asked.outside.ssh_version())
        case "localnetwork":
            held = _in_network(argument, asked.outside, where)
        case "exec":
            held = _succeeds(argument, asked, where)
        case _:
            note = f"{where} cannot be told before a command runs" if kind else f"{where} has an unknown criterion"
            if note not in asked.notes:
                asked.notes.append(note)
            return False
    return held != criterion.negated


def _in_network(argument: str, outside: Outside, where: str) -> bool:
    try:
        own = outside.addresses()
    except OSError as error:
        raise Unusable(f"{where}: {error}") from error
    wanted = networks(argument)
    return any(address in network for address in own for network in wanted)


def _succeeds(command: str, asked: Asked, where: str) -> bool:
    try:
        status = asked.outside.status(expand(command, asked.tokens(), CLIENT))
    except Unanswered as error:
        raise Unusable(f"{where} {error}") from error
    except OSError as error:
        raise Unusable(f"{where} could not be run: {error.strerror}") from error
    if status < 0:
        raise Unusable(f"{where} ended by signal {-status}")
    return status == 0
