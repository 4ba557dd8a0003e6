"""What the options before the subcommand say, kept for the subcommand: `context.find_root().obj`."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cockpit.config.settings import Settings


@dataclass(slots=True)
class Setup:
    """The options of one call. Nothing is read before `settings` is asked for."""

    config: Path | None = None
    """--config, wherever it stood."""
    debug: bool = False
    read_only: bool = False
    _settings: Settings | None = field(default=None, init=False)

    @property
    def path(self) -> Path | None:
        """The file that is read; None when there is none and cockpit looks around instead."""
        from cockpit.config.places import CONFIG_VARIABLE, config_file

        if self.config is not None:
            return self.config
        if named := os.environ.get(CONFIG_VARIABLE):
            return Path(os.path.expanduser(named))
        return config_file() if config_file().is_file() else None

    def settings(self) -> Settings:
        """Of the file, or what the files of this machine show, read once. Blocking. Raises ConfigError."""
        if self._settings is None:
            self._settings = self._read()
        return self._settings

    def _read(self) -> Settings:
        from msgspec.structs import replace

        path = self.path
        if path is None:
            from cockpit.config.load import with_environment
            from cockpit.session import discover

            settings = with_environment(discover.quick())
        else:
            from cockpit.config.load import load

            settings = load(path)
        return replace(settings, ui=replace(settings.ui, read_only=True)) if self.read_only else settings

    def settings_with_network(self) -> Settings:
        """Like `settings`; without a file it also waits, shortly, for what answers on this machine."""
        settings = self.settings()
        if self.path is not None:
            return settings
        import asyncio

        from cockpit.session import discover

        return asyncio.run(discover.network(settings))
