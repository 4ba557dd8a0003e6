"""Theme files: ours are whole, a broken one is reported."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.color import Color
from textual.theme import Theme

from cockpit.tui import themes
from cockpit.tui.lines import LOOKS

OURS = ("ansi", "cockpit-dark", "cockpit-light", "high-contrast")
TONES = ("text-muted", "text-success", "text-warning", "text-error", "text-accent", "text-primary")


def test_ours_are_there_and_whole(tmp_path: Path) -> None:
    found = list(themes.find(tmp_path))
    assert [theme.name for theme in found if isinstance(theme, Theme)] == list(OURS)
    assert len(found) == len(OURS)


@pytest.mark.parametrize("name", OURS)
def test_every_colour_that_we_draw_with_is_known(name: str) -> None:
    theme = themes.read(themes.packaged_folder() / f"{name}.toml")
    variables = {**theme.to_color_system().generate(), **theme.variables}
    for variable, _, _ in LOOKS.values():
        Color.parse(variables[variable])


@pytest.mark.parametrize("name", ["cockpit-dark", "cockpit-light", "high-contrast"])
def test_text_can_be_read_on_its_background(name: str) -> None:
    """WCAG 2.1 contrast: 4.5 for text, 7 in the high-contrast theme."""
    theme = themes.read(themes.packaged_folder() / f"{name}.toml")
    variables = {**theme.to_color_system().generate(), **theme.variables}
    least = 7.0 if name == "high-contrast" else 4.5
    for variable in ("foreground", "success", "warning", "error", "accent", "busy", "prod", "muted", *TONES):
        for behind in ("surface", "panel"):
            contrast = _contrast(Color.parse(variables[variable]), Color.parse(variables[behind]))
            assert contrast >= least, f"{variable} on {behind}: {contrast:.2f}"


def test_the_users_file_of_the_same_name_comes_later(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text('name = "cockpit-dark"\n[colours]\nprimary = "#123456"\n')
    found = [theme for theme in themes.find(tmp_path) if isinstance(theme, Theme) and theme.name == "cockpit-dark"]
    assert found[-1].primary == "#123456"
    assert found[-1].variables["prod"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name = ", "theme"),
        ('name = "x"\n', "colours"),
        ('name = "x"\n[colours]\nprimary = "#12345"\n', "primary = '#12345' is not a colour"),
        ('name = "x"\n[colours]\nprimary = "red"\ntertiary = "red"\n', "tertiary"),
        ('name = "x"\n[colours]\nprimary = "red"\n[variables]\nprod = "loud"\n', "prod = 'loud' is not a colour"),
        ("\x80", "theme"),
    ],
)
def test_a_broken_one_is_reported_with_its_file(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "broken.toml").write_bytes(text.encode("latin-1"))
    [error] = [found for found in themes.find(tmp_path) if isinstance(found, themes.ThemeError)]
    assert "broken.toml" in str(error) and said in str(error)


def _contrast(one: Color, other: Color) -> float:
    low, high = sorted((_luminance(one), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


def _luminance(colour: Color) -> float:
    parts = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in colour.normalized]
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]
