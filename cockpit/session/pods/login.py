"""The login that a credential plugin needs: it is run on the person's own terminal."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping

from cockpit.model import errors
from cockpit.pods.api.connection import Cluster
from cockpit.session.pane import Login
from cockpit.tasks.terminal import Lend, run_here

PRINTED_BYTES = 1024 * 1024


def logins(clusters: Mapping[str, Cluster]) -> list[Login]:
    """Of the contexts that wait for one."""
    return [
        Login(name, lambda lend, cluster=cluster: _log_in(cluster, lend))  # type: ignore[misc]
        for name, cluster in clusters.items()
        if cluster.login_needed is not None
    ]


async def _log_in(cluster: Cluster, lend: Lend) -> None:
    """Asks on the terminal; what it prints is taken. Raises model.errors."""
    needed = cluster.login_needed
    if needed is None:
        return
    with tempfile.TemporaryFile() as printed:  # without a name, and gone when it is closed
        try:
            async with lend() as terminal:
                code = await run_here(terminal, needed.command, environment=needed.environment, output=printed.fileno())
        except OSError as error:
            raise errors.Refused(f"{cluster.name}: cannot run {needed.command[0]}: {error}") from error
        if code:
            raise errors.Denied(f"{cluster.name}: {needed.command[0]} ended with {code}")
        printed.seek(0)
        cluster.logged_in(printed.read(PRINTED_BYTES))
