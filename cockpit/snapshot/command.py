"""`cockpit --snapshot`: the same adapters and feeds as the terminal, read once, written as a report."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import msgspec

from cockpit.config.settings import Settings
from cockpit.model.printable import escaped
from cockpit.model.scope import Scope
from cockpit.session.pane import Pane
from cockpit.session.panes import build_panes
from cockpit.snapshot import take as taking
from cockpit.snapshot.take import Taken

Format = Literal["text", "json", "markdown", "html", "svg"]
FORMATS: tuple[Format, ...] = ("text", "json", "markdown", "html", "svg")
PANES = ("fleet", "pods", "metrics", "pipelines")

ALL_READ = 0
NOT_WRITTEN = 1
SOME_UNREAD = 3


def run(
    settings: Settings,
    *,
    format: Format = "text",
    output: Path | None = None,
    panes: Sequence[str] = (),
    timeout: float = 30.0,
    scope: str = "",
    ready: Callable[[Mapping[str, Pane[Any]]], bool] | None = None,
) -> int:
    """Take one and write it to `output` or stdout. The exit code: 0 all read, 3 some source could not be read.

    `panes` are names of PANES; none means all. `timeout` in seconds.
    """
    names = [name for name in PANES if not panes or name in panes]
    taken = asyncio.run(_take(settings, names, timeout, Scope(scope), ready))
    try:
        _write(render(taken, format, colour=output is None and _wants_colour()), output)
    except BrokenPipeError:
        raise
    except OSError as error:
        print(f"cockpit: cannot write {output or 'to stdout'}: {error.strerror}", file=sys.stderr)  # noqa: T201
        return NOT_WRITTEN
    return _exit_code(taken)


async def _take(
    settings: Settings,
    names: Sequence[str],
    timeout: float,
    scope: Scope,
    ready: Callable[[Mapping[str, Pane[Any]]], bool] | None,
) -> list[Taken]:
    panes = build_panes(settings)
    return await taking.take({name: panes[name] for name in names}, timeout=timeout, scope=scope, ready=ready)


def render(taken: Sequence[Taken], format: Format, *, colour: bool = False) -> str:
    """The report as text, ending with a newline."""
    if format == "json":
        return escaped(msgspec.json.format(msgspec.json.encode(taking.to_snapshot(taken)), indent=2).decode()) + "\n"
    from cockpit.snapshot import document

    match format:
        case "markdown":
            return document.markdown(taken)
        case "html":
            return document.html(taken)
        case "svg":
            return document.svg(taken)
        case _:
            width = shutil.get_terminal_size().columns if colour else None
            return document.text(taken, width=width, colour=colour)


def _wants_colour() -> bool:
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR")


def _write(report: str, output: Path | None) -> None:
    """To stdout, or to a file that is replaced as a whole: a reader never sees half a report."""
    if output is None:
        sys.stdout.write(report)
        sys.stdout.flush()
        return
    handle, name = tempfile.mkstemp(prefix=f".{output.name}.", dir=output.parent)
    try:
        with open(handle, "w", encoding="utf-8") as file:
            file.write(report)
        os.chmod(name, 0o666 & ~_umask())
        os.replace(name, output)
    except BaseException:
        os.unlink(name)
        raise


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def _exit_code(taken: Sequence[Taken]) -> int:
    unread = [taking.source_report(name, source, pane.taken) for pane in taken for name, source in pane.sources.items()]
    missing = [report for report in unread if report.state in ("stale", "denied")]
    for report in missing:
        print(f"cockpit: {report.name}: {report.state}: {report.error}", file=sys.stderr)  # noqa: T201
    return SOME_UNREAD if missing else ALL_READ
