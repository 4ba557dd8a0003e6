"""The options of a report: `cockpit --snapshot` and `cockpit demo --snapshot` take the same."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])

_OPTIONS = (
    click.option("--snapshot", is_flag=True, help="Write one report instead of the terminal."),
    click.option(
        "--format",
        "format_",
        type=click.Choice(["text", "json", "markdown", "html", "svg"]),
        default="text",
        show_default=True,
        help="Of the report.",
    ),
    click.option(
        "-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="Write the report to this file."
    ),
    click.option(
        "--pane",
        "panes",
        multiple=True,
        type=click.Choice(["fleet", "pods", "metrics", "pipelines"]),
        help="Repeatable.",
    ),
)


def report_options(*, timeout_seconds: float) -> Callable[[F], F]:
    """Adds `snapshot`, `format_`, `output`, `panes` and `timeout` to a command; the last has this default."""

    def decorate(function: F) -> F:
        timeout = click.option(
            "--timeout",
            type=click.FloatRange(0, min_open=True),
            default=timeout_seconds,
            show_default=True,
            help="Seconds to wait for a report.",
        )
        for option in (timeout, *reversed(_OPTIONS)):
            function = option(function)
        return function

    return decorate
