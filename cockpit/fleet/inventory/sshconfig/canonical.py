"""From the name that was asked for to the one that is connected to (ssh_config(5), CanonicalizeHostname; ssh.c)."""

from __future__ import annotations

import re
import socket
from collections.abc import Mapping

from cockpit.fleet.inventory.sshconfig.conditions import comma_list
from cockpit.fleet.inventory.sshconfig.outside import Outside, Unanswered
from cockpit.fleet.inventory.sshconfig.tokens import Unusable
from cockpit.fleet.inventory.sshconfig.values import Value

_DOTTED_QUAD = re.compile(r"(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(?:\.(?!$)|$)){4}", re.ASCII)
_MAYBE_NUMBER = re.compile(r"(?:0[xX][0-9a-fA-F]+|\d+)(?:\.(?:0[xX][0-9a-fA-F]+|\d+)){0,3}", re.ASCII)
_FAMILIES = {"inet": socket.AF_INET, "inet6": socket.AF_INET6}


def canonical(host: str, values: Mapping[str, Value], outside: Outside, notes: list[str]) -> str:
    """Addresses in their usual form, names in lower case and, where it is asked for, with their domain.

    Asks DNS where CanonicalizeHostname wants it. Raises Unusable where ssh would give up.
    """
    family = _FAMILIES.get(values.get("addressfamily", ("any",))[0], socket.AF_UNSPEC)
    if (address := _as_address(host, family)) is not None:
        return address
    if _looks_like_address(host):
        return host
    host = host.lower()
    wanted = values.get("canonicalizehostname", ("no",))[0]
    proxy = values.get("proxy", ("proxycommand", "none"))
    direct = proxy[0] == "proxycommand" and proxy[1].lower() == "none"
    if wanted == "no" or not (direct or wanted == "always"):
        return host
    try:
        return _in_domains(host, values, outside, family)
    except Unanswered:
        notes.append(f"DNS did not answer for {host}, which is therefore not canonicalized")
        return host


def _in_domains(host: str, values: Mapping[str, Value], outside: Outside, family: int) -> str:
    rules = values.get("canonicalizepermittedcnames", ())
    if host.endswith("."):
        tried = [host]
    elif host.count(".") > int(values.get("canonicalizemaxdots", ("1",))[0]):
        return _followed(host, outside.canonical_name(host, family) if rules not in ((), ("none",)) else "", rules)
    else:
        tried = [f"{host}.{domain}." for domain in values.get("canonicaldomains", ()) if domain.lower() != "none"]
    for name in tried:
        other = outside.canonical_name(name, family)
        if other is not None:
            return _followed(name.removesuffix("."), other, rules)
    if values.get("canonicalizefallbacklocal") == ("no",):
        raise Unusable(f"{host} is in none of the CanonicalDomains")
    return _followed(host, outside.canonical_name(host, family) if rules not in ((), ("none",)) else "", rules)


def _followed(name: str, other: str | None, rules: Value) -> str:
    """The other name where a rule of CanonicalizePermittedCNAMEs lets us follow it."""
    if not other or rules == ("none",):
        return name
    for rule in rules:
        sources, _, targets = rule.partition(":")
        if comma_list(sources).admit(name) and comma_list(targets or sources).admit(other):
            return other
    return name


def _looks_like_address(host: str) -> bool:
    return "%" in host or ":" in host or not host.strip("0123456789.")


def _as_address(host: str, family: int) -> str | None:
    """The usual form of an address; None for a name."""
    if family != socket.AF_INET6 and _DOTTED_QUAD.fullmatch(host):
        return host
    if ":" not in host and not _MAYBE_NUMBER.fullmatch(host):
        return None
    try:
        found = socket.getaddrinfo(
            host.encode(errors="surrogateescape"),
            22,
            family,
            socket.SOCK_STREAM,
            0,
            socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
        )
        return socket.getnameinfo(found[0][4], socket.NI_NUMERICHOST | socket.NI_NUMERICSERV)[0]
    except (OSError, ValueError):
        return None
