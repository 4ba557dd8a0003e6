"""How an entry of `fleet.inventories` is written: a place, with its format before it where the place does not tell."""

from __future__ import annotations

KINDS = ("ansible", "csv", "toml", "ssh_config", "command")


def split(entry: str) -> tuple[str, str]:
    """("ansible", "~/inventory") of "ansible:~/inventory"; the format is "" where none is written."""
    kind, colon, place = entry.partition(":")
    return (kind, place) if colon and kind in KINDS else ("", entry)


def joined(kind: str, place: str) -> str:
    """The entry again."""
    return f"{kind}:{place}" if kind else place
