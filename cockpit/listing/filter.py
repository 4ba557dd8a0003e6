"""What the user types after `/`: a substring, `!` for the inverse, a regular expression between slashes."""

from __future__ import annotations

import re
from collections.abc import Callable


class BadFilter(ValueError):
    """The regular expression does not parse; the message says where."""


def parse(text: str) -> Callable[[str], bool] | None:
    """A test on lower-case searchable text; None accepts everything. Raises BadFilter."""
    pattern = text.strip()
    inverse = pattern.startswith("!")
    if inverse:
        pattern = pattern[1:].strip()
    if not pattern:
        return None
    if pattern.startswith("/"):
        body = pattern[1:].removesuffix("/")
        if not body:
            return None
        try:
            search = re.compile(body, re.IGNORECASE).search
        except re.error as error:
            raise BadFilter(f"regular expression: {error}") from error
        return (lambda s: search(s) is None) if inverse else (lambda s: search(s) is not None)
    needle = pattern.lower()
    return (lambda s: needle not in s) if inverse else (lambda s: needle in s)
