"""Without a CI server the pane names the repository that one stands in."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from cockpit.config.settings import Settings
from cockpit.session.pipelines import build


def test_the_hint_names_the_git_remote_of_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert build(Settings()).feed.hint.startswith('nothing to read; start "cockpit serve" and write [[pipelines]]')
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    subprocess.run(
        ["git", "-C", tmp_path, "remote", "add", "origin", "https://me:secret@git.example/acme/shop.git"], check=True
    )
    hint = build(Settings()).feed.hint
    assert "of acme/shop;" in hint and 'name = "acme/shop"' in hint and "secret" not in hint


def test_a_working_directory_that_is_gone_is_no_defect(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert build(Settings()).feed.hint.startswith("nothing to read;")
