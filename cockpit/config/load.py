"""From a file to `Settings`."""

from __future__ import annotations

import tomllib
from pathlib import Path

import msgspec

from cockpit.config.settings import Settings


class ConfigError(Exception):
    """The configuration cannot be used. The message names file, line and key, and the nearest valid key."""


def load(path: Path) -> Settings:
    """The settings of one file. Raises ConfigError."""
    try:
        return msgspec.convert(tomllib.loads(path.read_text()), Settings)
    except (OSError, tomllib.TOMLDecodeError, msgspec.ValidationError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: {error}") from error
