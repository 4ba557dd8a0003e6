"""What a terminal behind a network needs to be told before textual is imported."""

from __future__ import annotations

import os
from collections.abc import MutableMapping


def over_ssh(environment: MutableMapping[str, str] = os.environ) -> bool:
    """Whether this session came in over SSH."""
    return bool(environment.get("SSH_CONNECTION") or environment.get("SSH_TTY"))


def prepare_environment(environment: MutableMapping[str, str] = os.environ) -> None:
    """Set textual's switches; it reads them when it is imported. What the user has set stays.

    Nothing in cockpit needs animation, and over SSH each frame of one costs bytes; smooth scrolling asks the terminal
    for mouse pixels, which multiplies the mouse reports.
    """
    environment.setdefault("TEXTUAL_ANIMATIONS", "none")
    if over_ssh(environment):
        environment.setdefault("TEXTUAL_SMOOTH_SCROLL", "0")
