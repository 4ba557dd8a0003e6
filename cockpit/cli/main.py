"""The command `cockpit`: the terminal, the snapshot, and the way to the subcommands."""

from __future__ import annotations

import errno
import functools
import gc
import io
import logging
import os
import sys
from pathlib import Path
from typing import Any, NoReturn

import click

from cockpit.cli.lazy import LazyGroup
from cockpit.cli.report_options import report_options
from cockpit.cli.setup import Setup
from cockpit.cli.terminal import demand_terminal, open_closed_streams

log = logging.getLogger(__name__)

DEFECT, USAGE, SOURCE = 1, 2, 3
COMPLETE = "_COCKPIT_COMPLETE"
"""The variable by which a shell asks click how a line may go on."""
SUBCOMMANDS = {
    "config": "Make, show and check the configuration.",
    "demo": "Try it: real services on loopback, no configuration, no root.",
    "doctor": "Try every configured source: ok, or the cause and the mend.",
    "fleet": "List the hosts, or run a command on many of them.",
    "pods": "See pods and all else in a cluster, and act on it.",
    "schema": "Print the JSON Schema of a format.",
    "serve": "Run the CI server: webhooks in, runs out.",
    "tasks": "What was done, by whom, on what: the journal.",
}


def _version(ctx: click.Context, _: click.Parameter, asked: bool) -> None:
    if asked and not ctx.resilient_parsing:
        from importlib.metadata import version

        click.echo(f"cockpit {version('cockpit')}")
        ctx.exit()


@click.group(
    cls=LazyGroup,
    subcommands=SUBCOMMANDS,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.option("--config", type=click.Path(dir_okay=False, path_type=Path), help="Read this file.")
@click.option("--debug", is_flag=True, help="Log everything to the state folder.")
@click.option("--read-only", is_flag=True, help="Without any action that changes something.")
@click.option("--version", is_flag=True, is_eager=True, expose_value=False, callback=_version, help="Print it and end.")
@report_options(timeout_seconds=30.0)
@click.option("--scope", default="", help="Only what bears this name.")
@click.pass_context
def cockpit(
    ctx: click.Context,
    config: Path | None,
    debug: bool,
    read_only: bool,
    snapshot: bool,
    format_: Any,
    output: Path | None,
    panes: tuple[str, ...],
    timeout: float,
    scope: str,
) -> None:
    """See and operate what you are on call for: pipeline runs, hosts, pods and Prometheus queries, side by side.

    Without a command it opens the terminal; ? shows the keys there. With --snapshot it writes the same view once: exit
    code 0 when all was read, 3 when some source could not be.
    """
    from cockpit.config import logs

    logs.begin(debug=debug)
    ctx.obj = setup = Setup(config, debug, read_only)
    if ctx.invoked_subcommand is not None:
        return
    if snapshot:
        gc.disable()  # what is imported and read stays until the report is written: collecting costs 100 ms for nothing
        from cockpit.snapshot.command import run

        ctx.exit(
            run(
                setup.settings_with_network(),
                format=format_,
                output=output,
                panes=panes,
                timeout=timeout,
                scope=scope,
            )
        )
    demand_terminal("cockpit --snapshot")
    ctx.exit(_terminal(setup))


def _terminal(setup: Setup) -> int:
    settings = setup.settings()
    factory = None
    if setup.path is None:
        from cockpit.session.discover import open_discovered

        factory = functools.partial(open_discovered, settings, read_only=settings.ui.read_only)
    gc.disable()  # until the first frame; the app goes on from there
    from cockpit.tui.app import run

    return run(settings, read_only=settings.ui.read_only, config_path=setup.path, session_factory=factory)


def main() -> NoReturn:
    """Ends the process: 0 well, 1 defect or failure, 2 usage or configuration, 3 a source could not be used."""
    open_closed_streams()
    code = _run()
    try:
        sys.stdout.flush()
    except OSError:
        _write_no_more()
    gc.freeze()  # or the interpreter looks through all modules once more before it ends: 0.1 s
    sys.exit(code)


def _run() -> int:
    from cockpit.config.load import ConfigError
    from cockpit.model.errors import SourceError

    if COMPLETE in os.environ:
        from cockpit.cli import completion

        completion.register()
    try:
        code = cockpit.main(standalone_mode=False)
        sys.stdout.flush()
        return code if isinstance(code, int) else 0
    except click.exceptions.Abort:
        return 130
    except click.ClickException as error:
        from cockpit.model.printable import printable

        shown = io.StringIO()
        error.show(shown)
        for line in shown.getvalue().splitlines():
            click.echo(printable(line), err=True)
        return error.exit_code
    except ConfigError as error:
        _say(error)
        return USAGE
    except SourceError as error:
        _say(error)
        return SOURCE
    except BrokenPipeError:
        _write_no_more()
        return 0
    except KeyboardInterrupt:
        return 130
    except Exception as error:
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            _say(f"nothing more can be written to {error.filename or 'the output'}: {error.strerror}; make room there")
            return DEFECT
        from cockpit.config.logs import log_file

        log.critical("cockpit %s failed", " ".join(sys.argv[1:2]), exc_info=error)
        _say(f"{type(error).__name__}: {' '.join(str(error).split())}; see {log_file()}")
        return DEFECT


def _write_no_more() -> None:
    """Nobody reads stdout, or it is full: Python must not complain about it once more at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _say(what: object) -> None:
    from cockpit.model.printable import printable

    for line in str(what).splitlines():
        click.echo(f"cockpit: {printable(line)}", err=True)
