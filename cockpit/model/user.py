"""Who runs cockpit, as the system knows the user and whatever the environment says."""

from __future__ import annotations

import os
import pwd


def user_name() -> str:
    """Of the user id. One that has no entry (a container run as any number) goes by that number."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())


def login_shell() -> str:
    """What the user's commands are run by."""
    try:
        return pwd.getpwuid(os.getuid()).pw_shell or "/bin/sh"
    except KeyError:
        return "/bin/sh"


def chosen_shell() -> str:
    """$SHELL, by which ssh runs the commands of its configuration (sshconnect.c, readconf.c)."""
    return os.environ.get("SHELL") or "/bin/sh"


def home() -> str:
    """Of the user id; one that has no entry has the folder that $HOME names, or none but the root."""
    try:
        return pwd.getpwuid(os.getuid()).pw_dir
    except KeyError:
        return os.environ.get("HOME") or "/"
