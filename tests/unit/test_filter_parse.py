"""What the user types after `/`."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cockpit.listing.filter import BadFilter, parse


def admits(pattern: str, text: str) -> bool:
    accepts = parse(pattern)
    assert accepts is not None
    return accepts(text)


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        ("web", "prod web-1", True),
        ("WEB", "prod web-1", True),
        ("db", "prod web-1", False),
        ("!web", "prod web-1", False),
        ("! web", "prod db-1", True),
        ("/web-[0-9]+$/", "prod web-12", True),
        ("/web-[0-9]+$", "prod web-12", True),
        ("/WEB/", "prod web-12", True),
        ("!/web/", "prod web-12", False),
        ("a/b", "x a/b y", True),
        ("a[", "x a[ y", True),
        ("web 1", "web 1", True),
    ],
)
def test_patterns(pattern: str, text: str, expected: bool) -> None:
    assert admits(pattern, text) is expected


@pytest.mark.parametrize("pattern", ["", " ", "!", "! ", "/", "//", "!/", "!//"])
def test_nothing_typed_accepts_everything(pattern: str) -> None:
    assert parse(pattern) is None


@pytest.mark.parametrize("pattern", ["/(/", "/[/", "/*x/", "!/(?P<a/"])
def test_a_bad_expression_says_where(pattern: str) -> None:
    with pytest.raises(BadFilter, match="position"):
        parse(pattern)


@given(st.text(), st.text().map(str.lower))
def test_the_inverse_is_the_opposite(pattern: str, text: str) -> None:
    if pattern.strip().startswith(("/", "!")):
        return
    accepts, inverse = parse(pattern), parse(f"!{pattern}")
    if accepts is None or inverse is None or pattern.strip()[:1] in ("/", "!"):
        return
    assert accepts(text) is not inverse(text)


@given(st.text())
def test_anything_typed_parses_or_is_refused(pattern: str) -> None:
    try:
        accepts = parse(pattern)
    except BadFilter as error:
        assert "\n" not in str(error)
    else:
        assert accepts is None or accepts("text") in (True, False)
