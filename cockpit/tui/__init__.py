"""The terminal. textual reads its switches when it is imported, so they are set before anything here does that."""

from cockpit.tui.terminal.ssh import prepare_environment

prepare_environment()
