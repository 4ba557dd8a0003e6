"""Which hosts are meant: "web[01-20],@db,!db3", "rack=b7,&last:failed". There is no "all" unless it is written: "*"."""

from __future__ import annotations

import difflib
import fnmatch
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Protocol

from msgspec import Struct

from cockpit.fleet.fold import fold, names, split, unquoted
from cockpit.fleet.machine import Machine
from cockpit.model import errors

ENDS: Mapping[str, frozenset[str]] = {
    "ok": frozenset({"ok"}),
    "failed": frozenset(
        {
            "nonzero", "signal", "auth", "hostkey_unknown", "hostkey_changed", "timeout_connect", "timeout_cmd",
            "unreachable", "lost_before_exec",
        }
    ),
    "timeout": frozenset({"timeout_connect", "timeout_cmd"}),
    "unreachable": frozenset({"timeout_connect", "unreachable", "lost_before_exec"}),
    "unknown": frozenset({"unknown_outcome"}),
    "cancelled": frozenset({"cancelled"}),
    "skipped": frozenset({"skipped"}),
}  # fmt: skip
"""What `last:WORD` means, in values of results.outcome.Outcome. Where the outcome is unknown the command may have had
its effect: `last:failed` leaves that host out, so that no rerun repeats it unasked."""
CHANGED, DIGEST = "changed", "digest"
"""`last:digest=1a2b` are the hosts whose output has this digest, `last:changed=1a2b` those with any other output."""
DIGEST_CHARS = 4
"""A shorter digest could be met by chance."""
_FIELDS: Mapping[str, Callable[[Machine], Collection[str]]] = {
    "env": lambda machine: (machine.env,),
    "role": lambda machine: machine.roles,
    "name": lambda machine: (machine.name,),
    "source": lambda machine: (machine.source,),
}
_PAST = re.compile(r"(?:last|run:([^:]+)):(.*)", re.DOTALL)
_GLOB = re.compile(r"[*?]")


class Past(Protocol):
    """The runs that were."""

    def hosts(self, run_id: str | None, what: str, digest: str) -> Collection[str]:
        """Names of the hosts of a run (None: the last one) that ended as `what` says.

        `what` is a word of ENDS, or CHANGED or DIGEST with the first hex digits of HostResult.digest. May read files.
        Raises errors.NotFound for a run that is not there.
        """


class Term(Struct, frozen=True):
    """One piece of a selection."""

    sign: str
    """"" adds, "!" takes away, "&" keeps only what is also in it."""
    text: str
    """As written, without the sign."""
    past: tuple[str | None, str, str] | None = None
    """(run id or None, what, digest) of `last:` and `run:ID:`."""
    field: str = ""
    """Of `@role` and `field=value`."""
    value: str = ""
    """Of the field; may be a glob unless it was quoted."""
    names: tuple[str, ...] = ()
    """Of any other term, its ranges expanded; globs unless it was quoted."""
    literal: bool = False
    """The value, or the name, was quoted."""


def parse(expression: str) -> tuple[Term, ...]:
    """The terms, of which nothing is looked up yet. Raises errors.Refused for what cannot be read."""
    terms = tuple(_term(text) for text in split(expression))
    if not terms:
        raise errors.Refused("no host is named; write names, web[1-3], @role, env=prod, last:failed or a glob")
    if terms[0].sign:
        first = terms[0].sign + terms[0].text
        raise errors.Refused(f"{first!r} narrows a selection, but nothing stands before it: '*,{first}'")
    return terms


def select(expression: str, machines: Mapping[str, Machine], past: Past | None = None) -> tuple[Machine, ...]:
    """The machines that are meant, by name, in the order of the inventory.

    Terms are separated by commas or spaces and taken from left to right: a name, a range `web[01-20,25]`, a glob,
    `@role`, `env=prod`, `label=value`, `last:failed`, `run:ID:failed`; `!term` (or `-term`) takes away, `&term` keeps
    only what is also in it. `"odd, name"` is a name whatever stands in it. With a `past` that reads files, call it in
    a thread. Raises errors.Refused for what names nothing, with the nearest match.
    """
    chosen: set[str] = set()
    for term in parse(expression):
        named = _named(term, machines, past, chosen)
        match term.sign:
            case "&":
                chosen &= named
            case "!":
                chosen -= named
            case _:
                chosen |= named
    if not chosen:
        raise errors.Refused(f"{expression!r} leaves no host; see which there are: cockpit fleet list")
    gone = fold(chosen - machines.keys())
    if gone:
        without = ",".join(f"!{term}" for term in split(gone))
        raise errors.Refused(f"{gone}: in that run, but no longer in the inventory; to go on without, add ,{without}")
    return tuple(machine for name, machine in machines.items() if name in chosen)


def _term(text: str) -> Term:
    sign, rest = (text[0], text[1:]) if text[0] in "!-&" else ("", text)
    sign = "!" if sign == "-" else sign
    if not rest:
        raise errors.Refused(f"{text!r} stands alone; write it directly before what it is about")
    past = _PAST.fullmatch(rest)
    if past is not None:
        return Term(sign, rest, past=(past[1], *_end(past[2], rest)))
    field, equals, value = rest.partition("=")
    if rest.startswith("@"):
        field, equals, value = "role", "=", rest[1:]
    if equals and '"' not in field:
        literal = unquoted(value)
        return Term(sign, rest, field=field, value=value if literal is None else literal, literal=literal is not None)
    return Term(sign, rest, names=tuple(names(rest)), literal=unquoted(rest) is not None)


def _end(said: str, text: str) -> tuple[str, str]:
    """What `last:` asks for, and the digest."""
    what, equals, digest = said.partition("=")
    if what in (CHANGED, DIGEST):
        if not re.fullmatch(rf"[0-9a-fA-F]{{{DIGEST_CHARS},64}}", digest):
            raise errors.Refused(f"{text!r} needs a digest of {DIGEST_CHARS} hex digits or more: last:{what}=1a2b")
        return what, digest.lower()
    if what not in ENDS or equals:
        known = (*ENDS, CHANGED, DIGEST)
        raise errors.Refused(f"{text!r} asks for no known end{_nearest(what, known)}; there are {', '.join(known)}")
    return what, ""


def _named(term: Term, machines: Mapping[str, Machine], past: Past | None, chosen: Collection[str]) -> set[str]:
    """The names of a term. `chosen` may hold hosts that are gone, which can be taken away by name."""
    if term.past is not None:
        return _ended(term, past)
    if term.field:
        return _having(term, machines)
    if not term.literal and _GLOB.search(term.text):
        found = {name for glob in term.names for name in _matching(glob, machines)}
        if not found:
            raise errors.Refused(f"no host matches {term.text!r}")
        return found
    unknown = [name for name in term.names if name not in machines and not (term.sign == "!" and name in chosen)]
    if unknown:
        word = "hosts" if len(unknown) > 1 else "host"
        raise errors.Refused(f"unknown {word} {fold(unknown)}{_nearest(unknown[0], machines)}")
    return set(term.names)


def _ended(term: Term, past: Past | None) -> set[str]:
    if past is None or term.past is None:
        raise errors.Refused(f"{term.text!r} looks back at a run, and no runs are kept here")
    try:
        return set(past.hosts(*term.past))
    except errors.NotFound as error:
        raise errors.Refused(f"{term.text!r}: {error}") from error


def _having(term: Term, machines: Mapping[str, Machine]) -> set[str]:
    values = _FIELDS.get(term.field) or _label(term.field)
    owners: dict[str, list[str]] = {}
    for name, machine in machines.items():
        for value in values(machine):
            owners.setdefault(value, []).append(name)
    if term.field not in _FIELDS and not owners:
        known = dict.fromkeys((*_FIELDS, *(key for machine in machines.values() for key, _ in machine.labels)))
        near = _nearest(term.field, known)
        raise errors.Refused(f"no host has a field {term.field!r}{near}; there are {_some(known)}")
    globbed = not term.literal and _GLOB.search(term.value)
    wanted = _matching(term.value, owners) if globbed else [term.value] if term.value in owners else []
    if not wanted:
        present = [value for value in owners if value]
        hint = _nearest(term.value, present) or f"; there are {_some(present)}"
        raise errors.Refused(f"no host has {term.field} {term.value!r}{hint if present else ''}")
    return {name for value in wanted for name in owners[value]}


def _label(field: str) -> Callable[[Machine], Collection[str]]:
    return lambda machine: [value for key, value in machine.labels if key == field]


def _matching(glob: str, texts: Iterable[str]) -> Iterator[str]:
    """Of these texts, with `*` and `?` alone: square brackets are ranges here."""
    pattern = re.compile(fnmatch.translate(glob.replace("[", "[[]")))
    return (text for text in texts if pattern.match(text))


def _nearest(word: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(word, list(known), 1)
    return f"; did you mean {close[0]!r}?" if close else ""


def _some(known: Collection[str], most: int = 12) -> str:
    shown = ", ".join(list(known)[:most])
    return shown if len(known) <= most else f"{shown} and {len(known) - most} more"
