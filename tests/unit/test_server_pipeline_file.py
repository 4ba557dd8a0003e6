"""`.cockpit/pipeline.yml`: what it may hold, and what is said of what it may not."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cockpit.server.ci.pipeline_file import MOST_BYTES, BadPipeline, Step, parse


def test_a_whole_file() -> None:
    parsed = parse(
        b"timeout: 1h30m\nsteps:\n  - name: test\n    run: |\n      make\n      make test\n    timeout: 90\n"
        b"  - run: echo 'x'\n"
    )
    assert parsed.timeout_seconds == 5400
    assert parsed.steps == (Step("test", "make\nmake test\n", 90.0), Step("step 2", "echo 'x'", None))


def test_the_time_of_a_run_is_bounded_by_default() -> None:
    assert parse(b"steps: [{run: x}]").timeout_seconds == 3600


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"", "1: the file is empty"),
        (b"- a", "1: the file must be a mapping with the keys steps, timeout"),
        (b"timeout: 5m", '1: no "steps"'),
        (b"steps: []", '1: "steps" must be a list with at least one step'),
        (b"steps: x", '1: "steps" must be a list with at least one step'),
        (b"steps:\n  - x", "2: step 1 must be a mapping"),
        (b"steps:\n  - name: a", '2: step 1 has no "run"'),
        (b"steps:\n  - run: ~", '2: step 1 has no "run"'),
        (b"steps:\n  - run: [a]", '2: "run" must be text'),
        (b"steps:\n  - run: a\n    tiemout: 5", "3: unknown key 'tiemout'; did you mean 'timeout'?"),
        (b"steps:\n  - run: a\n    run: b", "3: 'run' stands there twice"),
        (b"steps:\n  - run: a\n    timeout: soon", '3: "timeout" must be a time up to 24h'),
        (b"steps:\n  - run: a\n    timeout: 0", '3: "timeout" must be a time up to 24h'),
        (b"steps:\n  - run: a\n    timeout: 25h", '3: "timeout" must be a time up to 24h'),
        (b"steps:\n  - run: a\n    timeout:", '3: "timeout" must be a time up to 24h'),
        (b"a: &a [x]\nb: *a", "2: aliases"),
        (b"steps: !!python/name:os.system x", "1: tags"),
        (b"steps:\n\t- run: a", "2: "),
        (b"steps:\n  - run: a\n---\nsteps: []", "3: more than one document"),
        (b"steps:\n  - run: \xff", "2: not UTF-8"),
        pytest.param(b"steps: " + b"[" * 30_000, "1: nested deeper", id="deep lists"),
        pytest.param(b"steps: " + b"{a: " * 10_000, "1: nested deeper", id="deep mappings"),
        pytest.param(b"#" * (MOST_BYTES + 1), "1: longer than", id="long"),
        (b'steps:\n  - run: "a\\0b"', '2: "run" of step 1 holds a NUL'),
    ],
)
def test_bad_files_are_named_with_their_line(text: bytes, said: str) -> None:
    with pytest.raises(BadPipeline) as caught:
        parse(text)
    assert str(caught.value).startswith(f".cockpit/pipeline.yml:{said}")
    assert "\n" not in str(caught.value)


@given(st.binary(max_size=200) | st.text("steps: -{}[]&*!|>'\"\n\trunatimeout#%@`~0", max_size=200).map(str.encode))
def test_no_file_is_a_defect(data: bytes) -> None:
    with contextlib.suppress(BadPipeline):
        assert parse(data).steps
