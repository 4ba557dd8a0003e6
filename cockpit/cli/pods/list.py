"""`cockpit pods list`: the objects of a kind as they are now."""

from __future__ import annotations

import asyncio
import csv
import io
import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import click

from cockpit.cli.pods.chosen import Where, where_options
from cockpit.cli.say import SOURCE, complain, refuse
from cockpit.cli.table import table

if TYPE_CHECKING:
    from cockpit.config.settings import PodsSource, Settings
    from cockpit.listing.cells import Column
    from cockpit.pods.kinds.kind import AnyKind
    from cockpit.pods.kinds.object import Object


@click.command("list")
@click.argument("kind", default="pods")
@where_options
@click.option("--faults", is_flag=True, help="Only what deserves a look.")
@click.option("--sort", metavar="COLUMN", default="", help="Its id or its title.")
@click.option("-o", "--output", type=click.Choice(["wide"]), help="All columns.")
@click.option(
    "--timeout", type=click.FloatRange(0, min_open=True), default=30.0, show_default=True, help="Seconds to read them."
)
@click.option(
    "--format", "format_", type=click.Choice(["text", "json", "csv", "names"]), default="text", show_default=True
)
@click.pass_context
def command(
    ctx: click.Context, kind: str, namespace: str, labels: str, source: str, faults: bool, sort: str,
    output: str | None, timeout: float, format_: str,
) -> None:  # fmt: skip
    """Objects of KIND (pods, deploy, certificates, ...) in all configured clusters, in kubectl's columns.

    JSON is one line an object. Ends with 0, or with 3 when a cluster could not be read.
    """
    from cockpit.cli.pods.chosen import one_source
    from cockpit.model import errors

    settings: Settings = ctx.find_root().obj.settings()
    try:
        sources = [one_source(settings, source)] if source or not settings.pods else list(settings.pods)
        found, failures = asyncio.run(_all(sources, kind, Where(namespace, labels, source), timeout))
        for each, rows in found[:1]:
            columns = _columns(each, wide=output == "wide", many=len(sources) > 1)
            every = [row for _, rows in found for row in rows]
            shown = [row for row in every if each.tone(row).name in ("BAD", "WARN")] if faults else every
            _print(each, _sorted(shown, each, columns, sort), columns, format_)
    except errors.Refused as error:
        refuse([str(error)])
    for line in failures:
        complain(line)
    ctx.exit(SOURCE if failures else 0)


async def _all(
    sources: Sequence[PodsSource], word: str, where: Where, timeout: float
) -> tuple[list[tuple[AnyKind, list[Object]]], list[str]]:
    """The rows of each cluster that could be read, and why the others could not."""
    from cockpit.cli.pods.chosen import kind_of, listed
    from cockpit.model import errors
    from cockpit.pods.api.connection import Cluster

    async def one(source: PodsSource) -> tuple[AnyKind, list[Object]] | str:
        cluster = Cluster(source)
        try:
            async with asyncio.timeout(timeout), cluster.connected():
                kind = await kind_of(cluster, word)
                return kind, await listed(cluster, kind, where)
        except errors.SourceError as error:
            return str(error)
        except TimeoutError:
            return f"{source.name}: not read within {timeout:g} s"

    answers = await asyncio.gather(*map(one, sources))
    return [each for each in answers if not isinstance(each, str)], [each for each in answers if isinstance(each, str)]


def _columns(kind: AnyKind, *, wide: bool, many: bool) -> list[Column[Any]]:
    from cockpit.pods.kinds.columns import SOURCE as SOURCE_COLUMN

    columns = [SOURCE_COLUMN, *kind.columns] if many else list(kind.columns)
    return [column for column in columns if wide or not column.wide]


def _sorted(rows: Sequence[Object], kind: AnyKind, columns: Sequence[Column[Any]], sort: str) -> list[Object]:
    """By value, then by path. Raises errors.Refused for a column that there is not."""
    from cockpit.model import errors

    wanted = (sort or kind.sort).lower()
    column = next((each for each in kind.columns if wanted in (each.id.lower(), each.title.lower())), None)
    if column is None and sort:
        raise errors.Refused(f"there is no column {sort!r}; one of: {', '.join(each.id for each in columns)}")
    by_path = sorted(rows, key=lambda row: (row.source, row.path))
    if column is None:
        return by_path
    return sorted(by_path, key=column.sort_key, reverse=kind.descending and not sort)


def _print(kind: AnyKind, rows: Sequence[Object], columns: Sequence[Column[Any]], format_: str) -> None:
    now = time.time()
    match format_:
        case "json":
            lines = list(_json(kind, rows, now))
        case "csv":
            lines = list(_csv(rows, columns, now))
        case "names":
            from cockpit.model.printable import printable

            lines = [printable(row.path) for row in rows]
        case _:
            lines = list(table(rows, columns, now)) if rows else []
            if not rows:
                complain(f"no {kind.resource}")
    if lines:
        click.echo("\n".join(lines))


def _json(kind: AnyKind, rows: Sequence[Object], now: float) -> Iterator[str]:
    import msgspec

    from cockpit.model.printable import escaped

    for row in rows:
        yield escaped(msgspec.json.encode(kind.report(row, now)).decode())


def _csv(rows: Sequence[Object], columns: Sequence[Column[Any]], now: float) -> Iterator[str]:
    from cockpit.listing.cells import row as cells

    texts = ([cell.text for cell in cells(columns, item, now)] for item in rows)
    for values in ([column.id for column in columns], *texts):
        line = io.StringIO()
        csv.writer(line, lineterminator="").writerow(values)
        yield line.getvalue()
