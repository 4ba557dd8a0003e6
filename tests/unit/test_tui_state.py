"""What comes back at the next start, and what is not trusted."""

from __future__ import annotations

from pathlib import Path

import pytest

from cockpit.tui import state
from cockpit.tui.state import Layout, PaneState


def test_what_is_saved_comes_back(tmp_path: Path) -> None:
    place = tmp_path / "deep" / "layout.json"
    layout = Layout(current="pods", zoomed=True, panes={"pods": PaneState("age", True, "/crash/", True)})
    state.save(place, layout)
    assert state.load(place) == layout
    assert [path.name for path in place.parent.iterdir()] == ["layout.json"]


@pytest.mark.parametrize(
    "text",
    ["", "{", '{"version": 1, "zoomed": "yes"}', '{"version": 1, "unknown": 1}', '{"version": 99}', "\xff", "[]"],
)
def test_a_bad_file_is_a_fresh_start(tmp_path: Path, text: str) -> None:
    place = tmp_path / "layout.json"
    place.write_bytes(text.encode("latin-1"))
    assert state.load(place) == Layout()


def test_a_missing_file_is_a_fresh_start(tmp_path: Path) -> None:
    assert state.load(tmp_path / "nothing") == Layout()


def test_a_folder_that_cannot_be_written_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    state.save(tmp_path / "file" / "layout.json", Layout())
