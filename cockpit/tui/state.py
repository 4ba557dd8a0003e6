"""What comes back at the next start: the layout, and each pane's filter and sort."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import msgspec
from msgspec import Struct, field

from cockpit.config.places import state_dir

log = logging.getLogger(__name__)

VERSION = 1


class PaneState(Struct, forbid_unknown_fields=True):
    """How one pane was left."""

    sort: str = ""
    """Column id; empty: the pane's own first sort."""
    descending: bool = False
    filter: str = ""
    wide: bool = False


class Layout(Struct, forbid_unknown_fields=True):
    """How the screen was left."""

    version: int = VERSION
    current: str = ""
    """Name of the pane with the focus."""
    zoomed: bool = False
    panes: dict[str, PaneState] = field(default_factory=dict)


def file() -> Path:
    """Where the layout is kept."""
    return state_dir() / "layout.json"


def load(path: Path) -> Layout:
    """The layout of the last run; a missing, broken or foreign file is a fresh one."""
    try:
        layout = msgspec.json.decode(path.read_bytes(), type=Layout)
    except FileNotFoundError:
        return Layout()
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
        log.warning("layout %s is not usable, starting fresh: %s", path, error)
        return Layout()
    return layout if layout.version == VERSION else Layout()


def save(path: Path, layout: Layout) -> None:
    """Write it whole or not at all; not being able to is logged, never fatal."""
    aside = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        aside.write_bytes(msgspec.json.format(msgspec.json.encode(layout)))
        aside.replace(path)
    except OSError as error:
        log.warning("layout %s was not saved: %s", path, error)
