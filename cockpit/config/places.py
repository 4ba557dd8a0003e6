"""Where cockpit keeps things: the XDG folders, and the variables that move them."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs

STATE_VARIABLE = "COCKPIT_STATE_DIR"
CONFIG_VARIABLE = "COCKPIT_CONFIG"


def state_dir() -> Path:
    """The folder of the journal, the logs and the layout. It may not exist yet."""
    named = os.environ.get(STATE_VARIABLE)
    return Path(os.path.expanduser(named)) if named else Path(platformdirs.user_state_dir("cockpit", appauthor=False))


def config_dir() -> Path:
    """The folder of the configuration and the user's own themes. It may not exist."""
    return Path(platformdirs.user_config_dir("cockpit", appauthor=False))


def config_file() -> Path:
    """The file that is read when none is named."""
    return config_dir() / "config.toml"
