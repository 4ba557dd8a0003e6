from __future__ import annotations

import json
import math
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cockpit.metrics import answer
from cockpit.metrics.answer import QueryError
from cockpit.metrics.panel import Position
from cockpit.model import errors


def body(kind: str, result: object) -> bytes:
    return json.dumps({"status": "success", "data": {"resultType": kind, "result": result}}).encode()


def data(kind: str, result: object) -> answer.Data:
    found = answer.envelope(body(kind, result), "prom").data
    assert found is not None
    return found


def text(value: float) -> str:
    return (
        "NaN" if math.isnan(value) else "+Inf" if value == math.inf else "-Inf" if value == -math.inf else repr(value)
    )


def bits(values: object) -> list[bytes]:
    return [b"nan" if math.isnan(v) else struct.pack("d", v) for v in values]  # type: ignore[attr-defined]


@given(
    st.lists(
        st.tuples(
            st.dictionaries(st.text(min_size=1), st.text()),
            st.lists(st.tuples(st.integers(0, 2**33), st.floats()), min_size=1),
        )
    )
)
async def test_a_matrix_reads_as_json_reads_it(series: list[tuple[dict[str, str], list[tuple[int, float]]]]) -> None:
    wire = [{"metric": labels, "values": [[t / 8, text(v)] for t, v in points]} for labels, points in series]
    found, more, histograms = await answer.matrix(data("matrix", wire), 1000, "prom")
    assert (more, histograms) == (0, False)
    for column, (labels, points) in zip(found, series, strict=True):
        assert dict(column.labels) == labels
        assert list(column.times) == [t / 8 for t, _ in points]
        assert bits(column.values) == bits([v for _, v in points])


async def test_series_beyond_the_cap_are_counted_and_histograms_are_said() -> None:
    wire: list[dict[str, object]] = [{"metric": {"i": str(i)}, "values": [[1, "1"]]} for i in range(5)]
    wire[0] = {"metric": {"i": "0"}, "histograms": [[1, {"count": "3", "sum": "2"}]]}
    found, more, histograms = await answer.matrix(data("matrix", wire), 3, "prom")
    assert ([dict(c.labels)["i"] for c in found], more, histograms) == (["1", "2"], 2, True)


async def test_scalars_strings_and_vectors_have_current_values() -> None:
    assert await answer.vector(data("scalar", [1, "42"]), 9, "prom") == ({(): 42.0}, 0, False)
    labels = (("string", "hello"),)
    assert list((await answer.vector(data("string", [1, "hello"]), 9, "prom"))[0]) == [labels]
    wire = [{"metric": {"a": "b"}, "value": [1, "+Inf"]}, {"metric": {}, "histogram": [1, {}]}]
    assert await answer.vector(data("vector", wire), 9, "prom") == ({(("a", "b"),): math.inf}, 0, True)
    with pytest.raises(QueryError, match="range vector"):
        await answer.vector(data("matrix", []), 9, "prom")


@pytest.mark.parametrize(
    "wire",
    [
        b"",
        b"<html>",
        b"[" * 100_000,
        b'{"status":1}',
        b'{"status":"success","data":{"resultType":"matrix","result":{}}}',
        b"\xff\xfe" * 1000,
    ],
)
def test_what_is_no_answer_is_malformed(wire: bytes) -> None:
    with pytest.raises(errors.Malformed, match="check the url"):
        answer.envelope(wire, "prom")


@pytest.mark.parametrize(
    "values",
    [
        b'[[1,"x"]]',
        b"[[1]]",
        b'[["1",2,3]]',
        b'{"1":"2"}',
        b'[[1,"1_0"],[2]]',
        b'[[1,[["2"]]]]',
    ],
)
async def test_a_series_of_another_shape_is_malformed(values: bytes) -> None:
    wire = b'{"status":"success","data":{"resultType":"matrix","result":[{"metric":{},"values":' + values + b"}]}}"
    found = answer.envelope(wire, "prom").data
    assert found is not None
    with pytest.raises(errors.Malformed, match="cannot be read"):
        await answer.matrix(found, 9, "prom")


def test_a_parse_error_stands_at_its_character() -> None:
    query = 'sum by (job) (\n  up{job="größe"}\n  +\n)'
    said = answer.Envelope(
        "error", error='invalid parameter "query": 2:20: parse error: unexpected end', error_type="x"
    )
    error = answer.failure(said, query)
    assert error.position == Position(2, 18)
    assert str(error) == "2:18: parse error: unexpected end"


def test_an_error_without_a_place_is_said_as_it_is() -> None:
    error = answer.failure(answer.Envelope("error", error="query timed out", error_type="timeout"), "up")
    assert (str(error), error.position) == ("query timed out", None)
