"""What the variables of ansible's hosts say of the machines: the connection, labels, and what is not honoured.

Read are the variables of the ssh connection plugin (`ansible-doc -t connection ssh`). Nothing is evaluated: where a
template or a vaulted value decides how to connect, the host is listed and not connected to. ansible.cfg is not read.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from typing import Any, Literal

from msgspec import Struct

from cockpit.fleet.inventory.ansible.sshargs import arguments, quoted
from cockpit.fleet.inventory.ansible.tree import ALL, UNGROUPED, Tree, Vars
from cockpit.fleet.inventory.ansible.values import Vaulted, scalar, templated
from cockpit.fleet.inventory.said import Said, is_secret
from cockpit.model import errors

_SSH = frozenset({"ssh", "smart", "paramiko", "paramiko_ssh", "libssh", "ansible.builtin.ssh"})
_ARGUMENTS = ("ansible_ssh_args", "ansible_ssh_common_args", "ansible_ssh_extra_args")
"""In the order in which ansible puts them: ssh takes the first of two."""
_DECISIVE = (
    "ansible_host", "ansible_ssh_host", "ansible_port", "ansible_ssh_port", "ansible_user", "ansible_ssh_user",
    "ansible_connection", "ansible_private_key_file", "ansible_ssh_private_key_file", *_ARGUMENTS,
)  # fmt: skip
_TOLD = re.compile(r"ansible_(?:become\w*|password|ssh_pass(?:word)?|ssh_executable|(?:ssh_)?host_key_checking)")
"""Not honoured, and it would be missed."""


class _Fact(Struct, frozen=True, gc=False):
    """What one variable says, apart from the connection."""

    label: tuple[str, str] | None = None
    note: str = ""
    template: str = ""
    """Its name, where its value is a template."""


class _Reader:
    """What hosts have in common is looked at, and kept, once."""

    def __init__(self) -> None:
        self._facts: dict[tuple[str, str], _Fact] = {}
        self._roles: dict[tuple[str, ...], tuple[str, ...]] = {}

    def host(self, name: str, own: Vars, groups: tuple[str, ...]) -> Said:
        facts = [self._fact(variable) for variable in own.items()]
        labels = tuple(sorted([fact.label for fact in facts if fact.label is not None]))
        notes = sorted([fact.note for fact in facts if fact.note])
        templates = sorted([fact.template for fact in facts if fact.template])
        return _host(name, own, self._roles_of(groups), labels, notes, templates)

    def _fact(self, variable: tuple[Any, Any]) -> _Fact:
        name, value = variable
        if type(value) is not str:
            return _fact(str(name), value)
        found = self._facts.get(variable)
        if found is None:
            found = self._facts[variable] = _fact(str(name), value)
        return found

    def _roles_of(self, groups: tuple[str, ...]) -> tuple[str, ...]:
        """The nearest group first."""
        if groups not in self._roles:
            self._roles[groups] = tuple(name for name in reversed(groups) if name not in (ALL, UNGROUPED))
        return self._roles[groups]


def hosts(tree: Tree, variables: Mapping[str, Vars]) -> Iterator[Said]:
    """Each host of a tree. Raises errors.Malformed."""
    reader = _Reader()
    for name, own in variables.items():
        yield reader.host(name, own, tree.groups_of(name))


def _fact(name: str, value: Any) -> _Fact:
    """A label is one line of text and neither ansible's own nor, by its name, a secret."""
    if _TOLD.fullmatch(name) and value is not False:
        return _Fact(note=f"{name} is not honoured")
    if templated(value):
        return _Fact(template=name)
    text = None if name.startswith("ansible_") or name == "env" or is_secret(name) else scalar(value)
    return _Fact() if text is None else _Fact(label=(name, text))


def _host(
    name: str,
    own: Vars,
    roles: tuple[str, ...],
    labels: tuple[tuple[str, str], ...],
    notes: list[str],
    templates: list[str],
) -> Said:
    hidden = [word for word in _DECISIVE if isinstance(own.get(word), Vaulted) or templated(own.get(word))]
    unknown = [word for word in templates if word not in hidden]
    if unknown:
        notes.append(f"templates are not evaluated: {_some(unknown)}")
    transport, unsupported = _transport(own)
    if hidden:
        vaulted = isinstance(own[hidden[0]], Vaulted)
        what, why = ("vaulted value", "opened") if vaulted else ("template", "evaluated")
        unsupported = f"the {what} of {hidden[0]} is not {why}; write down what it comes to"
        own = {word: value for word, value in own.items() if word not in hidden}
    calls = [arguments(_text(name, own, word) or "") for word in _ARGUMENTS]
    for call in calls:
        notes += call.notes
    return Said(
        name=name,
        address=_either(name, own, "host"),
        options=(*calls[0].options, *_named(name, own), *calls[1].options, *calls[2].options),
        config=next((call.config for call in reversed(calls) if call.config), ""),
        roles=roles,
        env=scalar(own.get("env")) or "",
        labels=labels,
        transport=transport,
        unsupported=unsupported,
        notes=tuple(notes),
    )


def _transport(own: Vars) -> tuple[Literal["ssh", "local"], str]:
    match own.get("ansible_connection"):
        case None:
            return "ssh", ""
        case "local" | "ansible.builtin.local":
            return "local", ""
        case str(kind) if kind in _SSH:
            return "ssh", ""
        case other:
            return "ssh", f"ansible_connection {other}: cockpit goes by ssh, or local on this machine; set one of them"


def _named(name: str, own: Vars) -> Iterator[str]:
    """The options that ansible makes of variables of their own."""
    for option, word in (("Port", "port"), ("IdentityFile", "private_key_file"), ("User", "user")):
        if value := _either(name, own, word):
            yield f"{option} {quoted(os.path.expanduser(value) if word == 'private_key_file' else value)}"


def _either(name: str, own: Vars, word: str) -> str | None:
    """The variable with ssh in its name wins, as in the plugin."""
    return _text(name, own, f"ansible_ssh_{word}") or _text(name, own, f"ansible_{word}") or None


def _text(name: str, own: Vars, word: str) -> str | None:
    value: object = own.get(word)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise errors.Malformed(f"{word} of the host {name!r} is no text")
    return str(value)


def _some(names: list[str], most: int = 5) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
