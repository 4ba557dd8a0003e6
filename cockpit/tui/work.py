"""Work that a screen starts and that ends with it. What goes wrong is said and logged; it ends nothing else."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

from textual.dom import DOMNode
from textual.worker import Worker

from cockpit.model.errors import SourceError

log = logging.getLogger(__name__)


def begin(node: DOMNode, work: Callable[[], Awaitable[None]], *, group: str, exclusive: bool = False) -> None:
    """Run it beside the messages of the node. `exclusive` ends the group's work that still runs."""

    async def guarded() -> None:
        try:
            await work()
        except SourceError as error:
            node.app.notify(str(error), severity="warning")
        except Exception as error:
            log.exception("%s of %s has a defect", group, type(node).__name__)
            node.app.notify(f"defect in cockpit: {error!r}; see the log", severity="error")

    _: Worker[None] = node.run_worker(guarded, group=group, exclusive=exclusive, exit_on_error=False)
