"""Merging sorted runs piece by piece gives what sorting at once gives."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cockpit.listing import listing

ENTRIES = st.lists(st.tuples(st.integers(0, 9), st.text("abc", max_size=3)), max_size=30).map(sorted)


@given(runs=st.lists(ENTRIES, max_size=6), piece=st.integers(1, 5))
@settings(max_examples=500, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_merged_runs_are_sorted(monkeypatch: pytest.MonkeyPatch, runs: list[list[Any]], piece: int) -> None:
    monkeypatch.setattr(listing, "MERGE", piece)
    assert asyncio.run(listing._merged(runs)) == sorted(entry for run in runs for entry in run)
