"""Themes are TOML files: name, dark, colours, variables. Ours come with the package, the user's own win over them."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path

import msgspec
from msgspec import Struct
from textual.color import Color, ColorParseError
from textual.theme import BUILTIN_THEMES, Theme

VARIABLES = {"busy": "#6fb8c4", "muted": "#858fa0", "prod": "#d9884a"}
"""What our style sheets use beyond textual's own variables, for a theme that does not name them."""


class ThemeError(Exception):
    """A theme file cannot be used. The message names the file and the mend."""


class Colours(Struct, kw_only=True, forbid_unknown_fields=True):
    primary: str
    secondary: str | None = None
    accent: str | None = None
    success: str | None = None
    warning: str | None = None
    error: str | None = None
    foreground: str | None = None
    background: str | None = None
    surface: str | None = None
    panel: str | None = None


class ThemeFile(Struct, kw_only=True, forbid_unknown_fields=True):
    name: str
    colours: Colours
    dark: bool = True
    ansi: bool = False
    """Draw with the terminal's own sixteen colours; write them as `ansi_blue`."""
    variables: dict[str, str] = {}


def packaged_folder() -> Path:
    """`cockpit/themes` in an installed package, `themes` at the top of a source checkout."""
    package = Path(__file__).parent.parent
    inside = package / "themes"
    return inside if inside.is_dir() else package.parent / "themes"


def read(path: Path) -> Theme:
    """One theme file. Raises ThemeError."""
    try:
        file = msgspec.convert(tomllib.loads(path.read_text()), ThemeFile)
    except OSError as error:
        raise ThemeError(f"theme {path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, msgspec.ValidationError, UnicodeDecodeError) as error:
        raise ThemeError(f"theme {path}: {error}") from error
    colours = {name: value for name, value in msgspec.structs.asdict(file.colours).items() if value is not None}
    for name, value in {**colours, **file.variables}.items():
        if name.endswith("text-style"):
            continue
        try:
            Color.parse(value)
        except ColorParseError as error:
            raise ThemeError(f"theme {path}: {name} = {value!r} is not a colour; write it as #rrggbb") from error
    # textual's style sheets use variables that only its own ansi themes have
    native = BUILTIN_THEMES["ansi-dark" if file.dark else "ansi-light"].variables if file.ansi else {}
    variables = {**VARIABLES, **native, **file.variables}
    return Theme(file.name, dark=file.dark, ansi=file.ansi, variables=variables, **colours)


def find(own_folder: Path | None = None) -> Iterator[Theme | ThemeError]:
    """All themes, ours first, so that the user's file of the same name wins. Broken ones are reported, not raised."""
    for folder in (packaged_folder(), own_folder):
        for path in sorted(folder.glob("*.toml")) if folder is not None and folder.is_dir() else ():
            try:
                yield read(path)
            except ThemeError as error:
                yield error
