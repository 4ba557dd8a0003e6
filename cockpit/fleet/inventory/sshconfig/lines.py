"""One line of an OpenSSH configuration, cut up as OpenSSH does it (misc.c: strdelim and argv_split)."""

from __future__ import annotations

import re

SPACE = " \t\r\n"
_LETTER = r"!$-&(-\[\]-~"
"""Printable ASCII but for quotes, backslash and #."""
_LINES = re.compile(
    rf"^(?:[ \t]*([A-Za-z0-9_-]+)(?:[ \t]+=?[ \t]*|=[ \t]*)"
    rf"((?!=)[{_LETTER}](?:[{_LETTER} \t]*[{_LETTER}])?)[ \t\r\f]*|(.*))$",
    re.MULTILINE,
)


def cut(text: str) -> list[tuple[str, str, str]]:
    """Every line: keyword and what follows it, words with spaces between them; or the whole of a line for `split`."""
    return _LINES.findall(text)


def split(line: str) -> tuple[str, str, list[str]] | None:
    """Keyword, what follows it, and that as arguments; None for a line that says nothing.

    Raises ValueError with the reason.
    """
    start = line.lstrip(" \t")
    if not start or start[0] == "#":
        return None
    line = line.partition("\0")[0]
    line = line[:1] + line[1:].rstrip(SPACE + "\f")
    keyword, left = word(line)
    if keyword == "" and left is not None:
        keyword, left = word(left)
    if not keyword or keyword.startswith("#"):
        return None
    if not (rest := (left or "").lstrip(SPACE)):
        raise ValueError(f"{keyword} has no value; write one or delete the line")
    return keyword, rest, arguments(rest)


def word(text: str) -> tuple[str | None, str | None]:
    """The next word and what is left of the text: up to white space, or to one `=`. None: a quote that is left open,
    or no text.
    """
    end = re.search(r'[ \t\r\n"=]', text)
    if end is None:
        return text, None
    at = end.start()
    if text[at] == '"':
        head, closed, rest = text[at + 1 :].partition('"')
        return (text[:at] + head, rest.lstrip(SPACE)) if closed else (None, None)
    rest = text[at + 1 :].lstrip(SPACE)
    if text[at] != "=" and rest.startswith("="):
        rest = rest[1:].lstrip(SPACE)
    return text[:at], rest


def arguments(text: str) -> list[str]:
    """White space parts them; quotes of both kinds and some backslashes keep together; # begins a comment.

    Raises ValueError for a quote that is left open.
    """
    found: list[str] = []
    at, length = 0, len(text)
    while at < length:
        if text[at] in " \t":
            at += 1
            continue
        if text[at] == "#":
            break
        quote, argument = "", ""
        while at < length:
            letter = text[at]
            if letter == "\\" and text[at + 1 : at + 2] in ("'", '"', "\\", "" if quote else " ") and at + 1 < length:
                at += 1
                argument += text[at]
            elif not quote and letter in " \t":
                break
            elif not quote and letter in "\"'":
                quote = letter
            elif letter == quote:
                quote = ""
            else:
                argument += letter
            at += 1
        if quote:
            raise ValueError(f"a quote ({quote}) is left open; close it")
        found.append(argument)
    return found
