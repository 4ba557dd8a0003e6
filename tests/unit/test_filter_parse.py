"""What the user types after `/`."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cockpit.listing.filter import BadFilter, parse, split


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
        ("~apisrv", "shop/api-server-1 running", True),
        ("~APISRV", "shop/api-server-1 running", True),
        ("~srvapi", "shop/api-server-1 running", False),
        ("~apirun", "shop/api-server-1 running", False),
        ("~aab", "a ab aab", True),
        ("~a.b", "a.xb axb", True),
        ("~a.b", "axb", False),
        ("~web prod", "prod w-e-b", True),
        ("~web prod", "test w-e-b", False),
        ("!~web", "prod w-e-b", False),
    ],
)
def test_patterns(pattern: str, text: str, expected: bool) -> None:
    assert admits(pattern, text) is expected


@pytest.mark.parametrize("pattern", ["", " ", "!", "! ", "/", "//", "!/", "!//", "~", "!~", "~ "])
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


@pytest.mark.parametrize(
    ("typed", "labels", "test"),
    [
        ("web", "", "web"),
        (" -l app=web,tier!=db ", "app=web,tier!=db", ""),
        ("-l app=web api", "app=web", "api"),
        ("-l app == web , tier != db ~ap", "app == web , tier != db", "~ap"),
        ("-l env in (prod, qa),!canary !x", "env in (prod, qa),!canary", "!x"),
        ("-l env notin (qa) /x y/", "env notin (qa)", "/x y/"),
        ("-l app", "app", ""),
        ("-l app.kubernetes.io/name=web", "app.kubernetes.io/name=web", ""),
        ("-l app=web,", "app=web", ""),
        ("-l", "", ""),
        ("-last", "", "-last"),
        ("a -l app=web", "", "a -l app=web"),
    ],
)
def test_labels_are_told_from_the_rest(typed: str, labels: str, test: str) -> None:
    assert split(typed) == (labels, test)


@pytest.mark.parametrize("typed", ["-l app=web=x", "-l app=(", "-l app>3"])
def test_what_is_no_selector_is_said(typed: str) -> None:
    with pytest.raises(BadFilter, match="label selector"):
        split(typed)


@given(st.text(alphabet="ab.-", min_size=1, max_size=5), st.text(alphabet="ab.- ", max_size=20))
def test_fuzzy_is_a_subsequence_of_a_word(letters: str, text: str) -> None:
    def within(word: str) -> bool:
        rest = iter(word)
        return all(letter in rest for letter in letters)

    assert admits(f"~{letters}", text) is any(map(within, text.split()))


@given(st.text())
def test_anything_typed_is_split_or_refused(typed: str) -> None:
    try:
        labels, test = split(typed)
    except BadFilter as error:
        assert "\n" not in str(error)
    else:
        assert (labels, test) == ("", typed.strip()) or typed.strip().startswith("-l")
