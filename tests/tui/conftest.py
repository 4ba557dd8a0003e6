"""Programs on a real pty."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent


def _load(name: str) -> Any:
    spec = importlib.util.spec_from_file_location(name, HERE / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def table_app() -> str:
    """The path of the small app with one table."""
    return str(HERE / "table_app.py")


@pytest.fixture
def table_terminal(tmp_path: Path, table_app: str) -> Iterator[Callable[..., Any]]:
    """`table_terminal("--rows", "100")` starts the table's app on a pty and waits for its first rows."""
    module, started = _load("pty_terminal"), []

    def start(*options: str) -> Any:
        terminal = module.Terminal([table_app, *options], tmp_path)
        started.append(terminal)
        terminal.shows("service-000010")
        return terminal

    yield start
    for terminal in started:
        terminal.close()
