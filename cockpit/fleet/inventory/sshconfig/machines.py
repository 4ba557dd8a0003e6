"""From what a configuration says of a host to the machine that cockpit connects to, with its hops."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor

from msgspec.structs import replace

from cockpit.fleet.inventory.sshconfig.directives import DIRECTIVES, Directive
from cockpit.fleet.inventory.sshconfig.jumps import Hop, hops
from cockpit.fleet.inventory.sshconfig.outside import Outside
from cockpit.fleet.inventory.sshconfig.parse import Parsed, Segment
from cockpit.fleet.inventory.sshconfig.resolve import DEFAULT_PORT, Resolved, resolve
from cockpit.fleet.inventory.sshconfig.tokens import CLIENT, PROXY, Local, Tokens, Unusable, expand, whole
from cockpit.fleet.inventory.sshconfig.values import Value
from cockpit.fleet.machine import GLOBAL_KNOWN_HOSTS, Machine

MOST_JUMPS = 16
"""In one chain: beyond that a name grows by its own tokens for ever."""
ASKING = 16
"""Hosts that are resolved at once where commands or DNS are asked."""
SHOWN_CHARS = 32
"""Of a value in a note."""

_LACKING = {each.keyword: each for each in DIRECTIVES.values() if each.use in ("noted", "blocking")}

USUAL_KNOWN_HOSTS = ("~/.ssh/known_hosts", "~/.ssh/known_hosts2")
AGENT = "SSH_AUTH_SOCK"
YES = ("yes",)
NOTHING = Segment(())


class Machines:
    """The machines of one configuration. What they have in common is worked out once."""

    def __init__(self, parsed: Parsed, source: str, *, local: Local, outside: Outside) -> None:
        self._parsed, self._source = parsed, source
        self._local, self._outside = local, outside
        self._here = Tokens.of_here(local)
        self._chains: dict[tuple[Hop, ...], tuple[Machine, ...]] = {}
        """By the hops as they are given; the first may have brought more."""
        self._places: dict[Value, tuple[Value, bool]] = {}
        """Lists of files with their ~ in place, and whether tokens are left in them, by how they are written."""

    def all(self, names: Iterable[str]) -> list[Machine]:
        """In that order."""
        if not self._parsed.asks:
            return [self.machine(name) for name in names]
        with ThreadPoolExecutor(ASKING, "ssh_config") as threads:
            return list(threads.map(self.machine, names))

    def machine(self, name: str, given: Segment = NOTHING) -> Machine:
        """One machine, as ssh with these options. Where ssh would refuse, or cockpit cannot, `unsupported` says why."""
        return self._machine(Hop(name), (), (), given)

    def _machine(
        self, hop: Hop, before: tuple[Hop, ...], users: tuple[Hop, ...], given: Segment | None = None
    ) -> Machine:
        """`before`: the hops to go through, as they are given. `users`: whose first hop this is, and so on.

        ssh gives its own options to no hop.
        """
        if given is None:
            given = Segment(())
            if hop.user:
                given.first["user"] = (hop.user,)
            if hop.port:
                given.first["port"] = (hop.port,)
            if before:
                given.first["proxy"] = ("proxyjump", ",".join(map(str, before)))
        try:
            resolved = resolve(self._parsed, hop.host, self._here, self._outside, given)
        except Unusable as error:
            return Machine(self._source, hop.host, hop.host, unsupported=str(error))
        port, user = int(resolved.one("port", DEFAULT_PORT)), resolved.one("user", self._local.user)
        try:
            jumps = self._jumps(resolved, (*users, hop)) if "proxy" in resolved.values and not before else ()
            return self._made(resolved, port, user, jumps)
        except Unusable as error:
            return Machine(self._source, hop.host, resolved.host, port, user, unsupported=str(error))

    def _jumps(self, resolved: Resolved, users: tuple[Hop, ...]) -> tuple[Machine, ...]:
        """The hops of a host, in the order of the connection."""
        hops = tuple([self._expanded(hop, resolved) for hop in resolved.jumps])
        if hops and (hops[0] in users or len(users) > MOST_JUMPS):
            raise Unusable(f"ProxyJump goes round in a circle through {hops[0]}")
        return self._chain(hops, users)

    def _chain(self, hops: tuple[Hop, ...], users: tuple[Hop, ...]) -> tuple[Machine, ...]:
        """Hops after the first are reached through the ones before them, whatever the configuration says of them; the
        first may have hops of its own (ssh.c runs `ssh -J` the others, `-W`, the last).
        """
        if not hops:
            return ()
        chain = self._chains.get(hops)
        if chain is None:
            before, last = hops[:-1], hops[-1]
            ahead = self._chain(before, users)
            machine = self._machine(last, before, users)
            if machine.unsupported:
                raise Unusable(f"ProxyJump {last}: {machine.unsupported}")
            chain = self._chains[hops] = (*ahead, *machine.jumps, replace(machine, jumps=()))
        return chain

    def _expanded(self, hop: Hop, resolved: Resolved) -> Hop:
        if "%" not in hop.host and "%" not in hop.user:
            return hop
        host, user = (expand(text, resolved.tokens, PROXY) for text in (hop.host, hop.user))
        expanded = replace(hop, host=host, user=user)
        try:
            if hops(str(expanded)) == (expanded,):
                return expanded
        except ValueError:
            pass
        raise Unusable(f"ProxyJump {hop}: {expanded} is no hop")

    def _made(self, resolved: Resolved, port: int, user: str, jumps: tuple[Machine, ...]) -> Machine:
        values = resolved.values
        proxy, lacking = "", []
        if "proxy" in values:
            if resolved.proxy_command:
                proxy = self._expand("ProxyCommand", resolved.proxy_command, resolved, PROXY)
            for last in resolved.jumps[-1:]:
                if (last.host, int(last.port or DEFAULT_PORT), last.user or user) == (resolved.host, port, user):
                    raise Unusable(f"ProxyJump goes round in a circle through {last}")
        if not _LACKING.keys().isdisjoint(values):
            lacking = [(_LACKING[keyword], value) for keyword, value in values.items() if keyword in _LACKING]
        tag = values.get("tag", ())
        strict = resolved.one("stricthostkeychecking")
        notes = (*_notes(lacking, strict), *resolved.notes) if lacking or strict or resolved.notes else ()
        return Machine(
            source=self._source,
            name=resolved.given,
            address=resolved.host,
            port=port,
            user=user,
            identities=self._files("IdentityFile", values.get("identityfile", ()), resolved),
            usual_keys="identityfile" not in values,
            certificates=self._files("CertificateFile", values.get("certificatefile", ()), resolved),
            identities_only=values.get("identitiesonly") == YES,
            agent=self._agent(resolved) if "identityagent" in values else AGENT,
            known_hosts=self._files(
                "UserKnownHostsFile", values.get("userknownhostsfile", USUAL_KNOWN_HOSTS), resolved
            ),
            global_known_hosts=_without_none(values["globalknownhostsfile"])
            if "globalknownhostsfile" in values
            else GLOBAL_KNOWN_HOSTS,
            host_key_alias=resolved.one("hostkeyalias").lower(),
            unknown_keys="accept" if strict == "accept-new" else "ask",
            hash_known_hosts=values.get("hashknownhosts") == YES,
            jumps=jumps,
            proxy_command=proxy,
            connect_seconds=float(resolved.one("connecttimeout", "0")) or None,
            labels=tuple(("tag", each) for each in tag),
            unsupported=_blocking(lacking, proxy),
            notes=notes,
        )

    def _files(self, title: str, written: Value, resolved: Resolved) -> tuple[str, ...]:
        known = self._places.get(written)
        if known is None:
            places = tuple([self._place(title, file) for file in _without_none(written)])
            known = self._places[written] = places, any("%" in place or "${" in place for place in places)
        places, tokens = known
        if not tokens:
            return places
        return tuple([self._expand(title, place, resolved, CLIENT, environment=True) for place in places])

    def _agent(self, resolved: Resolved) -> str:
        written = resolved.one("identityagent")
        if written in (AGENT, "none"):
            return "" if written == "none" else written
        place = self._place("IdentityAgent", written)
        socket = self._expand("IdentityAgent", place, resolved, CLIENT, environment=True)
        return os.environ.get(socket[1:], "") if socket.startswith("$") else socket

    def _place(self, title: str, path: str) -> str:
        try:
            return whole(path, self._local)
        except Unusable as error:
            raise Unusable(f"{title} {path}: {error}") from None

    def _expand(self, title: str, text: str, resolved: Resolved, allowed: str, *, environment: bool = False) -> str:
        try:
            return expand(text, resolved.tokens, allowed, environment=environment)
        except Unusable as error:
            raise Unusable(f"{title} {text}: {error}") from None


def _without_none(files: Value) -> Value:
    return tuple(file for file in files if file.lower() != "none")


def _blocking(lacking: Iterable[tuple[Directive, Value]], proxy_command: str) -> str:
    """Why cockpit does not connect; "" when it does."""
    for directive, value in lacking:
        if directive.use != "blocking" or directive.plain.issuperset(value):
            continue
        if directive.title == "RefuseConnection":
            return f"RefuseConnection: {value[0]}"
        if proxy_command:
            return f"{directive.title}: cockpit takes no socket; use a ProxyCommand that carries the bytes itself"
    if proxy_command == "-":
        return "ProxyCommand -: cockpit's own input is no connection; use a command that makes one"
    return ""


def _notes(lacking: Iterable[tuple[Directive, Value]], strict: str) -> Iterator[str]:
    """What the configuration asks and cockpit does not do, in one line; and where it is stricter."""
    said = [text for directive, value in lacking if directive.use == "noted" and (text := _said(directive, value))]
    if said:
        yield f"not honoured: {', '.join(said)}"
    if strict == "no":
        yield "StrictHostKeyChecking no: cockpit asks all the same"


def _said(directive: Directive, value: Value) -> str:
    """The directive, with its value where that may be shown; empty when it asks for nothing that we lack."""
    if directive.title == "SetEnv":
        return f"SetEnv {' '.join(assignment.partition('=')[0] for assignment in value)}"
    asked = [each for each in value if each.lower() not in directive.plain and each not in directive.plain]
    if directive.title == "SendEnv":
        asked = [each for each in asked if not each.startswith("LC_")]
    text = " ".join(asked)
    if not text:
        return ""
    return f"{directive.title} {text}" if directive.shown and len(text) <= SHOWN_CHARS else directive.title
