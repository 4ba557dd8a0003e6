"""Text from outside cannot steer the terminal."""

from __future__ import annotations

import json
import tomllib
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cockpit.model.printable import escaped, printable

ANY = st.text(st.characters(exclude_categories=()))
SCALARS = st.text(st.characters(exclude_categories=("Cs",)))


@given(ANY)
def test_idempotent(text: str) -> None:
    assert printable(printable(text)) == printable(text)


@given(ANY)
def test_no_controls_no_surrogates(text: str) -> None:
    for character in printable(text):
        assert unicodedata.category(character) not in ("Cc", "Cs", "Zl", "Zp")
        assert unicodedata.bidirectional(character) not in (
            "LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI",
        )  # fmt: skip


@given(ANY)
def test_it_can_be_encoded(text: str) -> None:
    printable(text).encode("utf-8")


def test_every_character_by_itself() -> None:
    for code in range(0x110000):
        safe = printable(chr(code))
        assert len(safe) <= 1
        assert all(unicodedata.category(c) not in ("Cc", "Cs", "Cf", "Zl", "Zp") or c in VISIBLE for c in safe), hex(
            code
        )


UNSAFE = ("Cc", "Cs", "Cf", "Zl", "Zp")
VISIBLE = frozenset("\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd")
"""Format characters that have a glyph and a width: signs of numbers and verses."""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "plain"),
        ("", ""),
        ("a\tb\nc\rd", "a␉b␊c␍d"),
        ("\x1b]52;c;aGFja2Vk\x07", "␛]52;c;aGFja2Vk␇"),
        ("\x9b31m", "�31m"),
        ("\x7f", "␡"),
        ("\udc9b", "�"),
        ("gnp\u202eexe", "gnpexe"),
        ("a\u200b\u200d\ufeffb", "ab"),
        ("1\ufe0f\u20e3", "1"),
        ("👍🏽", "👍"),
        ("日本 é", "日本 é"),
        ("[red]x[/]", "[red]x[/]"),
    ],
)
def test_examples(text: str, expected: str) -> None:
    assert printable(text) == expected


@given(SCALARS)
def test_an_escaped_document_is_the_same_document_and_steers_nothing(text: str) -> None:
    """Brackets of a document, its line breaks and tabs stay; what stands in its strings cannot reach a terminal."""
    written = escaped(json.dumps({"a": [text]}, ensure_ascii=False, indent=1))
    assert json.loads(written) == {"a": [text]}
    lines = written.split("\n")
    assert [printable(line) for line in lines] == lines
    toml = escaped(f"a = {json.dumps(text, ensure_ascii=False)}", pairs=False)
    assert tomllib.loads(toml) == {"a": text} and printable(toml) == toml
