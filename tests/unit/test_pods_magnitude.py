"""How the server's texts sort."""

from __future__ import annotations

import pytest

from cockpit.pods.kinds.magnitude import Scalar, magnitude


@pytest.mark.parametrize(
    ("duration", "ordered"),
    [
        (False, [0, 2, 10, "11", 12.5]),
        (False, ["250m", "1", "1500m", "2k"]),
        (False, ["900Ki", "5Mi", "1Gi", "2G"]),
        (False, ["3%", "20%"]),
        (False, ["0/3", "1/3", "1/2", "2/2", "3/3"]),
        (False, ["2 (5m ago)", "10 (3s ago)"]),
        (True, ["59s", "5m", "5m10s", "3h", "2d3h", "1y2d"]),
        (True, ["4s ago", "2m ago"]),
        (False, [7, "alpha", "Beta", "<none>"]),
    ],
)
def test_in_order(duration: bool, ordered: list[Scalar]) -> None:
    backwards = ordered[::-1]
    assert sorted(backwards, key=lambda value: magnitude(value, duration=duration)) == ordered
