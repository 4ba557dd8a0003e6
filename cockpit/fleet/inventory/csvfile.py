"""Hosts in a table of comma-separated values: a header line names the columns, those that are not known are labels.

A column whose name says that it holds secrets is left out.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from cockpit.fleet.inventory.files import contents
from cockpit.fleet.inventory.said import Said, is_secret, parsed_jump, paths
from cockpit.model import errors

DELIMITERS = ",;\t"
"""The one that the header has most of is meant."""
_WORDS = {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False}


def _port(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,5}", text) or not 0 < int(text) < 65536:
        raise errors.Malformed(f"{text!r} is no port; write 1 to 65535")
    return int(text)


def _several(text: str) -> tuple[str, ...]:
    return tuple(re.findall(r"[^\s,;|]+", text))


def _flag(text: str) -> bool:
    if text.lower() not in _WORDS:
        raise errors.Malformed(f"{text!r} is neither yes nor no")
    return _WORDS[text.lower()]


def _transport(text: str) -> str:
    if text not in ("ssh", "local"):
        raise errors.Malformed(f"{text!r} is neither ssh nor local")
    return text


def _jump(text: str) -> str:
    parsed_jump(text)
    return text


def _file(text: str) -> tuple[str, ...]:
    return paths([text])


COLUMNS: Mapping[str, tuple[str, Callable[[str], Any]]] = {
    "name": ("name", str),
    "address": ("address", str),
    "port": ("port", _port),
    "user": ("user", str),
    "roles": ("roles", _several),
    "groups": ("roles", _several),
    "env": ("env", str),
    "identity": ("identities", _file),
    "certificate": ("certificates", _file),
    "known_hosts": ("known_hosts", _file),
    "jump": ("jump", _jump),
    "transport": ("transport", _transport),
    "production": ("production", _flag),
    "read_only": ("read_only", _flag),
}
"""Column -> field of Said, and how its text is read; those of `[[fleet.hosts]]`. An empty cell says nothing."""


def read(path: Path) -> list[Said]:
    """Blocking. Raises errors.Malformed with line and column."""
    text = contents(path)
    header = text.partition("\n")[0]
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=max(DELIMITERS, key=header.count), strict=True)
    found: dict[str, Said] = {}
    try:
        columns = _columns(next(rows, []))
        for cells in rows:
            if any(cell.strip() for cell in cells):
                host = _host(cells, columns, rows.line_num)
                if host.name in found:
                    raise errors.Malformed(f"line {rows.line_num}, column name: {host.name!r} is there twice")
                found[host.name] = host
    except csv.Error as error:
        raise errors.Malformed(f"line {rows.line_num}: {error}") from error
    return list(found.values())


def _columns(header: Sequence[str]) -> list[str]:
    columns = [cell.strip() for cell in header]
    columns = [column.lower() if column.lower() in COLUMNS else column for column in columns]
    if "name" not in columns:
        raise errors.Malformed(
            "line 1: there is no column name; write a header line such as name,address,port,user,rack"
        )
    for place, column in enumerate(columns):
        if column in columns[:place] or not column:
            what = f"the column {column!r} is there twice" if column else f"the column {place + 1} has no name"
            raise errors.Malformed(f"line 1: {what}")
    return columns


def _host(cells: Sequence[str], columns: Sequence[str], line: int) -> Said:
    if len(cells) > len(columns):
        raise errors.Malformed(f"line {line}: {len(cells)} cells, but there are {len(columns)} columns")
    fields: dict[str, Any] = {}
    labels: dict[str, str] = {}
    for column, cell in zip(columns, cells, strict=False):
        text = cell.strip()
        if not text:
            continue
        if column not in COLUMNS:
            if not is_secret(column):
                labels[column] = text
            continue
        field, convert = COLUMNS[column]
        try:
            value = convert(text)
        except errors.Malformed as error:
            raise errors.Malformed(f"line {line}, column {column}: {error}") from error
        fields[field] = fields.get(field, ()) + value if isinstance(value, tuple) else value
    if "name" not in fields:
        raise errors.Malformed(f"line {line}, column name: it is empty")
    return Said(labels=tuple(sorted(labels.items())), **fields)
