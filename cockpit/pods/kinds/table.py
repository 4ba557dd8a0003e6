"""Any kind of object through the server's own Table (meta.k8s.io/v1), custom resources included.

The columns and the texts are the server's, as `kubectl get` prints them. What it freezes into a text, the age, is
counted here from the creation. A column that a server adds while the table is open shows when it is opened again.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from sys import intern
from typing import Any

import msgspec
from msgspec import Struct

from cockpit.listing.cells import Cell, Column
from cockpit.model import errors
from cockpit.model.tone import GLYPHS, Tone
from cockpit.model.units import human_duration
from cockpit.pods.api.connection import TABLE, Connection
from cockpit.pods.api.discovery import Resource
from cockpit.pods.api.paths import collection_path
from cockpit.pods.api.refusals import Forbidden
from cockpit.pods.api.wire import Metadata, Wire
from cockpit.pods.kinds.kind import Kind
from cockpit.pods.kinds.magnitude import Scalar, magnitude
from cockpit.pods.kinds.object import Object
from cockpit.pods.kinds.pod.status import unix_seconds

SHORT_CHARS = 40
"""Texts up to so long repeat (states, node names) and are interned."""
WIDEST = 40
_DURATIONS = re.compile(r"age|last|since|duration|seen|until|expir|renew", re.IGNORECASE)
_STATES = frozenset(("status", "phase", "state", "ready", "synced", "healthy", "health", "available", "established"))
_TONES: dict[str, Tone] = {
    **dict.fromkeys(("true", "ready", "running", "active", "bound", "healthy", "available", "synced"), Tone.GOOD),
    **dict.fromkeys(("pending", "terminating", "progressing", "creating", "waiting", "issuing"), Tone.BUSY),
    **dict.fromkeys(("unknown", "degraded", "outofsync", "warning", "suspended"), Tone.WARN),
    **dict.fromkeys(("false", "failed", "error", "lost", "notready", "unhealthy", "invalid", "missing"), Tone.BAD),
    **dict.fromkeys(("complete", "completed", "succeeded"), Tone.MUTED),
}
_WORST = (Tone.BAD, Tone.WARN, Tone.BUSY, Tone.GOOD, Tone.MUTED)


class TableRow(Object, frozen=True, gc=False):
    """One row of the server's Table."""

    cells: tuple[Scalar, ...]
    """In the order of the server's columns; short strings are interned."""


class TableReport(Struct, frozen=True):
    """`cells` by the id of their column, as kubectl prints them."""

    key: str
    source: str
    namespace: str
    name: str
    cells: dict[str, str]


class _Definition(Wire, frozen=True):
    name: str = ""
    type: str = ""
    format: str = ""
    priority: int = 0


class _Definitions(Wire, frozen=True):
    column_definitions: tuple[_Definition, ...] | None = None


class _Partial(Wire, frozen=True):
    metadata: Metadata


class _Served(Wire, frozen=True):
    """A row of a Table, a Table of one row, or an object itself from a server that makes no Tables of this kind."""

    cells: tuple[Any, ...] | None = None
    object: _Partial | None = None
    rows: tuple[_Served, ...] | None = None
    metadata: Metadata | None = None


_decoder = msgspec.json.Decoder(_Served)


async def table_kind(connection: Connection, resource: Resource) -> Kind[TableRow]:
    """Asks the server for its columns. Raises `model.errors`."""
    definitions = await _definitions(connection, resource)
    columns = _columns(definitions, namespaced=resource.namespaced)
    states = [place for place, each in enumerate(definitions) if each.name.lower() in _STATES]

    def report(row: TableRow, now: float) -> TableReport:
        cells = {column.id: column.cell(row, now).text for column in columns}
        return TableReport(row.key, row.source, row.namespace, row.name, cells)

    return Kind(
        resource=resource.resource,
        kind=resource.kind,
        group_version=resource.group_version,
        short=resource.short,
        namespaced=resource.namespaced,
        as_table=True,
        watched=resource.watched,
        decode=decode,
        columns=columns,
        tone=lambda row: worst(_tone(row.cells[place]) for place in states if place < len(row.cells)),
        report=report,
        search=search,
        sort="namespace" if resource.namespaced else "name",
    )


def decode(source: str, data: bytes | msgspec.Raw) -> tuple[TableRow, str]:
    """A row and its resource version. Raises errors.Malformed."""
    try:
        served = _decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise errors.Malformed(f"not a row of a table: {error}") from error
    row = served.rows[0] if served.rows else served
    meta = row.object.metadata if row.object else row.metadata
    if meta is None or not (meta.uid or meta.name):
        raise errors.Malformed("a row of a table without an object")
    owner = next((each for each in meta.owner_references or () if each.controller), None)
    # What is computed and not stored (the metrics of a pod) has no uid; its name tells it from the others.
    shown = TableRow(
        key=f"{source}/{meta.uid or f'{meta.namespace}/{meta.name}'}",
        source=source,
        namespace=intern(meta.namespace),
        name=meta.name,
        created=unix_seconds(meta.creation_timestamp),
        owner_kind=intern(owner.kind) if owner else "",
        owner=intern(owner.name) if owner else "",
        cells=tuple(_scalar(cell) for cell in row.cells or ()),
    )
    return shown, meta.resource_version


def search(row: TableRow) -> str:
    """Lower-case text that a filter looks into."""
    return f"{row.source} {row.path} {' '.join(map(text, row.cells))}".lower()


def text(value: Scalar) -> str:
    """As kubectl prints a cell: the first line alone (k8s.io/cli-runtime pkg/printers/tableprinter.go)."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str):
        return f"{value:g}" if isinstance(value, float) else str(value)
    lines = value.splitlines() or [""]
    return value if lines == [value] else (lines[0] + "..." if value else "")


def worst(tones: Iterable[Tone]) -> Tone:
    """NORMAL when none of them means anything."""
    found = set(tones)
    return next((tone for tone in _WORST if tone in found), Tone.NORMAL)


def _tone(value: Scalar) -> Tone:
    said = text(value)
    if have := re.fullmatch(r"(\d+)/(\d+)", said):
        return Tone.GOOD if int(have[1]) >= int(have[2]) else Tone.WARN
    return _TONES.get(said.lower(), Tone.NORMAL)


def _scalar(cell: Any) -> Scalar:
    if cell is None:
        return ""
    if isinstance(cell, str):
        return intern(cell) if len(cell) <= SHORT_CHARS else cell
    return cell if isinstance(cell, int | float) else msgspec.json.encode(cell).decode()


async def _definitions(connection: Connection, resource: Resource) -> tuple[_Definition, ...]:
    configured = connection.cluster.source.namespaces if resource.namespaced else ()
    for namespace in ("", *configured):
        path = collection_path(resource.group_version, resource.resource, namespace)
        try:
            answer = await connection.get(path, _Definitions, {"limit": "1"}, accept=TABLE)
        except Forbidden:
            if namespace == (configured[-1] if configured else ""):
                raise
        else:
            return answer.column_definitions or ()
    return ()


def _columns(definitions: Sequence[_Definition], *, namespaced: bool) -> tuple[Column[TableRow], ...]:
    """Namespace and name first, then the server's own; a server without Tables gives only name and age."""
    columns: dict[str, Column[TableRow]] = {}
    if namespaced:
        columns["namespace"] = Column(
            "namespace", "NAMESPACE", 12, lambda r, _: Cell(r.namespace), lambda r: (r.namespace, r.name), least=8
        )
    columns["name"] = Column(
        "name",
        "NAME",
        24,
        lambda r, _: Cell(r.name),
        lambda r: (r.name, r.namespace),
        least=16,
        elide="middle",
        frozen=True,
    )
    for place, each in enumerate(definitions or (_Definition("Age", "date"),)):
        title = each.name.upper()
        identity = "-".join(each.name.lower().split()) or f"column-{place + 1}"
        if identity == "name" or each.format == "name":
            continue
        while identity in columns:
            identity += "-2"
        if identity == "age":
            columns[identity] = AGE
            continue
        columns[identity] = Column(
            identity,
            title,
            min(WIDEST, max(len(title), 6)),
            _cell(place, state=each.name.lower() in _STATES),
            _sort(place, duration=each.type == "date" or bool(_DURATIONS.search(each.name))),
            wide=each.priority > 0,
            least=6,
        )
    return tuple(columns.values())


def _age(row: TableRow, now: float) -> Cell:
    return Cell("<unknown>" if row.created is None else human_duration(now - row.created))


# By age, youngest first, as the text grows; unknown ages come last.
AGE: Column[TableRow] = Column(
    "age", "AGE", 5, _age, lambda r: -r.created if r.created is not None else float("inf"), clock=True
)


def _cell(place: int, *, state: bool) -> Callable[[TableRow, float], Cell]:
    def cell(row: TableRow, _: float) -> Cell:
        value = row.cells[place] if place < len(row.cells) else ""
        mood = _tone(value) if state else Tone.NORMAL
        return Cell(text(value), mood, GLYPHS.get(mood, ""))

    return cell


def _sort(place: int, *, duration: bool) -> Callable[[TableRow], tuple[tuple[int, float, str], str, str]]:
    def key(row: TableRow) -> tuple[tuple[int, float, str], str, str]:
        value = row.cells[place] if place < len(row.cells) else ""
        return magnitude(value, duration=duration), row.namespace, row.name

    return key
