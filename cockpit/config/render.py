"""Settings as TOML, for `config show` and `config init`."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from cockpit.config.problems import masked
from cockpit.config.settings import Settings
from cockpit.model.printable import escaped

_BARE = re.compile(r"[A-Za-z0-9_-]+")


def toml(settings: Settings, *, whole: bool = True) -> str:
    """The settings as a file would say them. `whole`: the keys at their default too. Passwords in urls are masked."""
    data = msgspec.to_builtins(settings)
    if not whole:
        data = _without_defaults(settings)
    return "\n".join(_table(data, ())).strip("\n") + "\n"


def _table(data: Mapping[str, Any], path: tuple[str, ...]) -> Iterator[str]:
    tables = {key: value for key, value in data.items() if _is_table(value)}
    for key, value in data.items():
        if key not in tables:
            yield f"{_key(key)} = {_value(value, key)}"
    for key, value in tables.items():
        name = ".".join([_key(part) for part in (*path, key)])
        for item in value if isinstance(value, list) else [value]:
            yield ""
            yield f"[[{name}]]" if isinstance(value, list) else f"[{name}]"
            yield from _table(item, (*path, key))


def _is_table(value: Any) -> bool:
    return isinstance(value, dict) or (isinstance(value, list) and bool(value) and isinstance(value[0], dict))


def _key(key: str) -> str:
    return key if _BARE.fullmatch(key) else _string(key)


def _value(value: Any, key: str = "") -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            return _string(masked(value) if key == "url" else value)
        case list():
            return "[" + ", ".join([_value(item) for item in value]) + "]"
        case _:
            return repr(value)


def _string(text: str) -> str:
    """A basic string: JSON's escapes are TOML's, save that TOML wants DEL escaped and knows no surrogate pairs."""
    return escaped(json.dumps(text, ensure_ascii=False), pairs=False)


def _without_defaults(struct: msgspec.Struct) -> dict[str, Any]:
    said: dict[str, Any] = {}
    for field in msgspec.structs.fields(struct):
        value = getattr(struct, field.name)
        default = field.default if field.default_factory is msgspec.NODEFAULT else field.default_factory()
        if value == default or (isinstance(default, str) and value == os.path.expanduser(default)):
            continue
        match value:
            case msgspec.Struct():
                said[field.name] = _without_defaults(value)
            case [msgspec.Struct(), *_]:
                said[field.name] = [_without_defaults(item) for item in value]
            case _:
                said[field.name] = msgspec.to_builtins(value)
    return said
