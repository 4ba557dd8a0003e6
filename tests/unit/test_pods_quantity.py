"""resource.Quantity: its grammar (apimachinery pkg/api/resource/quantity.go) and how it rounds."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cockpit.pods.kinds.quantity import BadQuantity, bytes_of, millicores_of, parse

SUFFIXES = {
    "n": (10, -9),
    "u": (10, -6),
    "m": (10, -3),
    "": (10, 0),
    "k": (10, 3),
    "M": (10, 6),
    "G": (10, 9),
    "T": (10, 12),
    "P": (10, 15),
    "E": (10, 18),
    "Ki": (2, 10),
    "Mi": (2, 20),
    "Gi": (2, 30),
    "Ti": (2, 40),
    "Pi": (2, 50),
    "Ei": (2, 60),
}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0", 0),
        ("100m", Fraction(1, 10)),
        ("1.5Gi", 3 << 29),
        (".5", Fraction(1, 2)),
        ("1.", 1),
        ("+2k", 2000),
        ("-1Ki", -1024),
        ("12e3", 12000),
        ("1E6", 1_000_000),
        ("1E", 10**18),
        ("5e-3", Fraction(5, 1000)),
    ],
)
def test_quantities(text: str, value: Fraction | int) -> None:
    assert parse(text) == value


@pytest.mark.parametrize(
    "text", ["", ".", "m", "1K", "1ki", "1 Gi", "1GiB", "--1", "1e", "1e1.5", "0x10", "1,5", "1e999", "NaN", "1\n", "١"]
)
def test_what_is_no_quantity(text: str) -> None:
    with pytest.raises(BadQuantity):
        parse(text)
    assert millicores_of(text) == bytes_of(text) == 0


@given(st.integers(-(10**15), 10**15), st.integers(0, 9), st.sampled_from(sorted(SUFFIXES)))
def test_a_quantity_is_its_number_times_its_suffix(digits: int, places: int, suffix: str) -> None:
    base, power = SUFFIXES[suffix]
    number = Fraction(digits, 10**places)
    sign, whole = ("-" if digits < 0 else ""), f"{abs(digits):0{places + 1}d}"
    text = f"{sign}{whole[: len(whole) - places]}" + (f".{whole[len(whole) - places :]}" if places else "")
    assert parse(text + suffix) == number * Fraction(base) ** power


@given(st.integers(0, 10**12), st.sampled_from(sorted(SUFFIXES)))
def test_whole_units_are_never_below_the_quantity(digits: int, suffix: str) -> None:
    """Go rounds up: a limit is never shown as less than it is."""
    text = f"{digits}{suffix}"
    assert 0 <= bytes_of(text) - parse(text) < 1
    assert 0 <= millicores_of(text) - parse(text) * 1000 < 1


@given(st.text(max_size=20))
def test_any_text_is_a_number_or_none(text: str) -> None:
    assert isinstance(bytes_of(text), int)
