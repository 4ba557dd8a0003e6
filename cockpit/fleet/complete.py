"""How a selection that is being typed may go on: its last term, by what the inventories and the kept runs name."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence

from cockpit.fleet.fold import quoted, split
from cockpit.fleet.inventory.said import Said
from cockpit.fleet.selection import ENDS
from cockpit.model import errors

_LAST_TERM = re.compile(r"((?:.*[\s,])?[!&-]?)([^\s,]*)", re.DOTALL)


def complete(typed: str, hosts: Sequence[Said], runs: Collection[str]) -> list[str]:
    """Whole selections that begin as `typed` does. `runs` are the ids of the kept ones.

    Ranges and quotes are left to who types them; so are names that would need quotes.
    """
    found = _LAST_TERM.fullmatch(typed)
    assert found is not None
    before, start = found.groups()
    try:
        list(split(before))
    except errors.Refused:
        return []
    terms = dict.fromkeys(_terms(hosts, runs, start))
    return [before + term for term in terms if term.startswith(start)]


def _terms(hosts: Sequence[Said], runs: Collection[str], start: str) -> Iterator[str]:
    """A label is offered once its name is begun, a run but the last when it is asked for: there are many."""
    for host in hosts:
        if _plain(host.name):
            yield host.name
    yield from (f"@{role}" for host in hosts for role in host.roles if _plain(role))
    yield from (f"env={host.env}" for host in hosts if host.env and _plain(host.env))
    if runs:
        yield from (f"last:{end}" for end in ENDS)
    if start.startswith("run:"):
        yield from (f"run:{run}:{end}" for run in runs for end in ENDS)
    if start:
        for host in hosts:
            yield from (f"{name}={value}" for name, value in host.labels if _plain(name) and _plain(value))


def _plain(word: str) -> bool:
    return quoted(word) == word and word.isprintable()
