"""What is wrong with a configuration, key by key, before msgspec makes a value of it."""

from __future__ import annotations

import difflib
import functools
import math
import re
import shlex
import typing
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import msgspec

from cockpit.config import commands, inventories
from cockpit.config.lines import Path
from cockpit.config.settings import Settings

SECRETS = frozenset({"token", "password", "passwd", "secret", "webhook_secret", "api_key", "apikey", "bearer"})
"""Keys that people would write a secret under."""
DURATION = re.compile(r"(?=\d)(\d+y)?(\d+w)?(\d+d)?(\d+h)?(\d+m)?(\d+s)?(\d+ms)?")
"""https://prometheus.io/docs/prometheus/latest/querying/basics/#time-durations"""


class Problem(NamedTuple):
    path: Path
    message: str


def dotted(path: Path) -> str:
    """As people write it: fleet.hosts[0].port"""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += ("." if text else "") + (part if re.fullmatch(r"[A-Za-z0-9_-]+", part) else f'"{part}"')
    return text


def of_shape(data: Mapping[str, Any], model: type = Settings, path: Path = ()) -> Iterator[Problem]:
    """Unknown keys, missing keys, values of the wrong type, secrets in clear."""
    hints, required = _keys(model)
    for name, value in data.items():
        here = (*path, name)
        if name not in hints:
            yield Problem(here, _unknown(name, hints))
            continue
        yield from _of_value(value, hints[name], here)
    for name in required:
        if name not in data:
            yield Problem(path, f"the key {name!r} is missing")


@functools.cache
def _keys(model: type) -> tuple[Mapping[str, Any], Sequence[str]]:
    """The type of each key, and which must be there. Kept: a file may name thousands of hosts."""
    required = [field.encode_name for field in msgspec.structs.fields(model) if field.required]
    return typing.get_type_hints(model), required


def _of_value(value: Any, kind: Any, path: Path) -> Iterator[Problem]:
    element = typing.get_args(kind)[0] if typing.get_origin(kind) is list else None
    if _is_struct(kind) and isinstance(value, dict):
        yield from of_shape(value, kind, path)
    elif _is_struct(element) and isinstance(value, list):
        for index, item in enumerate(value):
            yield from _of_value(item, element, (*path, index))
    elif typing.get_origin(kind) is dict and isinstance(value, dict):
        for name, item in value.items():
            yield from _of_value(item, typing.get_args(kind)[1], (*path, name))
    else:
        try:
            msgspec.convert(value, kind)
        except msgspec.ValidationError as error:
            yield Problem(path, _plain(str(error), kind))


@functools.cache
def _is_struct(kind: Any) -> bool:
    return typing.get_origin(kind) is None and isinstance(kind, type) and issubclass(kind, msgspec.Struct)


def _unknown(name: str, hints: Mapping[str, Any]) -> str:
    if name.lower() in SECRETS:
        base = _secret_base(name, hints)
        ways = f"write {base}_env (a variable's name), {base}_file or {base}_command" if base else "remove it"
        return f"a secret does not stand in the file; {ways}"
    near = difflib.get_close_matches(name, hints, 1, 0.5)
    if near:
        return f"there is no key {name!r}; did you mean {near[0]!r}?"
    return f"there is no key {name!r}; there are {', '.join(sorted(hints))}"


def _secret_base(name: str, hints: Mapping[str, Any]) -> str:
    bases = [hint.removesuffix("_env") for hint in hints if hint.endswith("_env")]
    near = difflib.get_close_matches(name, bases, 1, 0.0)
    return near[0] if near else ""


def _plain(message: str, kind: Any) -> str:
    """msgspec's words, without its path; of a choice the nearest."""
    text = message.partition(" - at `")[0]
    bad = re.fullmatch(r"Invalid enum value '(.*)'", text)
    if bad:
        choices = [str(choice) for choice in typing.get_args(kind)]
        near = difflib.get_close_matches(bad[1], choices, 1, 0.3)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        return f"{bad[1]!r} is not one of {', '.join(choices)}{hint}"
    return text[:1].lower() + text[1:]


def of_sense(settings: Settings) -> Iterator[Problem]:
    """What a shape cannot say: unique names, urls, ports, durations, one place for each secret."""
    for table in ("pods", "metrics", "pipelines"):
        yield from _names((table,), [source.name for source in getattr(settings, table)])
    yield from _names(("fleet", "hosts"), [host.name for host in settings.fleet.hosts])
    yield from _names(("server", "repositories"), [repository.name for repository in settings.server.repositories])
    for index, host in enumerate(settings.fleet.hosts):
        if not 0 < host.port < 65536:
            yield Problem(("fleet", "hosts", index, "port"), f"{host.port} is no port; write 1 to 65535")
    for index, entry in enumerate(settings.fleet.inventories):
        yield from _inventory(("fleet", "inventories", index), entry)
    yield from _names(("fleet", "commands"), [saved.name for saved in settings.fleet.commands])
    for index, saved in enumerate(settings.fleet.commands):
        yield from (Problem(("fleet", "commands", index, key), text) for key, text in commands.mistakes(saved))
        yield from _seconds(("fleet", "commands", index, "timeout"), saved.timeout)
    yield from _seconds(("fleet", "interval"), settings.fleet.interval)
    for index, source in enumerate(settings.metrics):
        here: Path = ("metrics", index)
        yield from _url((*here, "url"), source.url)
        yield from _seconds((*here, "interval"), source.interval)
        yield from _one_secret(here, source, "token")
        for place, query in enumerate(source.queries):
            if not DURATION.fullmatch(query.range):
                yield Problem(
                    (*here, "queries", place, "range"), f"{query.range!r} is no duration; write one such as 1h30m"
                )
    for index, pipeline in enumerate(settings.pipelines):
        yield from _url(("pipelines", index, "url"), pipeline.url)
        yield from _one_secret(("pipelines", index), pipeline, "token")
    yield from _of_server(settings)


def _inventory(path: Path, entry: str) -> Iterator[Problem]:
    kind, place = inventories.split(entry)
    word = re.match(r"[A-Za-z_]{2,}(?=:)", entry)
    if word is not None and not kind:
        near = difflib.get_close_matches(word[0], inventories.KINDS, 1, 0.6)
        hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(inventories.KINDS)}"
        yield Problem(path, f"there is no format {word[0]!r}; {hint}")
    elif not place.strip():
        yield Problem(path, f"{entry!r} names no {'program' if kind == 'command' else 'file'}")
    elif "\0" in place:
        yield Problem(path, f"{entry!r} can be no path")
    elif kind == "command":
        try:
            shlex.split(place)
        except ValueError as error:
            yield Problem(path, f"{entry!r}: {str(error).lower()}")


def _of_server(settings: Settings) -> Iterator[Problem]:
    server = settings.server
    host, colon, port = server.listen.rpartition(":")
    if not (colon and host and port.isascii() and port.isdigit() and int(port) < 65536):
        yield Problem(("server", "listen"), f"{server.listen!r} is no address; write one such as 127.0.0.1:8420")
    if server.runner.workers < 1:
        yield Problem(("server", "runner", "workers"), f"{server.runner.workers} workers run nothing; write 1 or more")
    yield from _one_secret(("server",), server, "token")
    for index, repository in enumerate(server.repositories):
        yield from _one_secret(("server", "repositories", index), repository, "webhook_secret")


def _names(path: Path, names: list[str]) -> Iterator[Problem]:
    first: dict[str, int] = {}
    for index, name in enumerate(names):
        if not name.strip():
            yield Problem((*path, index, "name"), "the name is empty")
        elif first.setdefault(name, index) != index:
            yield Problem((*path, index, "name"), f"the name {name!r} is taken by {dotted((*path, first[name]))}")


def _seconds(path: Path, value: float) -> Iterator[Problem]:
    if not (math.isfinite(value) and value > 0):
        yield Problem(path, f"{value:g} is no interval; write seconds above 0")


def _url(path: Path, url: str) -> Iterator[Problem]:
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        good = False
    if not good:
        yield Problem(path, f"{masked(url)!r} is no url; write one such as http://localhost:9090")


def _one_secret(path: Path, holder: msgspec.Struct, what: str) -> Iterator[Problem]:
    given = [f"{what}_{way}" for way in ("env", "file", "command") if getattr(holder, f"{what}_{way}")]
    if len(given) > 1:
        yield Problem((*path, given[1]), f"only one of {' and '.join(given)} can be; remove the other")


def masked(url: str) -> str:
    """A url without the password that may stand in it; over HTTP a user without one may be a token, too."""
    url = re.sub(r"(?<=://)([^/@:?#]*):[^/?#]*@", r"\1:***@", url)
    return re.sub(r"^(https?://)[^/@:?#]+@", r"\1***@", url, flags=re.IGNORECASE)
