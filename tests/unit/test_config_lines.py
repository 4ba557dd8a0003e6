"""The line of a key, against texts that tomllib reads."""

from __future__ import annotations

import json
import tomllib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cockpit.config.lines import Lines, Path

TEXT = """\
# a comment with [brackets] and "quotes
top = 1

[fleet]            # of machines
interval = 2.5
inventories = [
  "a # no comment",
  'b]',
]
[[fleet.hosts]]
name = "a"
"quo\\u0074ed" = 1
[fleet.hosts.sub]
x = '''
[not.a.table]
y = 1'''
[[fleet.hosts]]
name = \"\"\"b
c = "\\\\" \"\"\"\"
port.of.call = { a = 1, b = [1, 2] }
[[metrics]]
[[metrics.queries]]
title = "t"
[[metrics.queries]]
title = "u"
[[metrics]]
[[metrics.queries]]
title = "v"
[ui . "a.b"]
last = 1"""


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("top",), 2),
        (("fleet",), 4),
        (("fleet", "interval"), 5),
        (("fleet", "inventories", 1), 6),
        (("fleet", "hosts"), 10),
        (("fleet", "hosts", 0, "name"), 11),
        (("fleet", "hosts", 0, "quoted"), 12),
        (("fleet", "hosts", 0, "sub", "x"), 14),
        (("fleet", "hosts", 1), 17),
        (("fleet", "hosts", 1, "name"), 18),
        (("fleet", "hosts", 1, "port", "of", "call", "b"), 20),
        (("fleet", "hosts", 1, "missing"), 17),
        (("metrics", 0, "queries", 1, "title"), 25),
        (("metrics", 1, "queries", 0, "title"), 28),
        (("ui", "a.b", "last"), 30),
        (("nowhere",), 1),
    ],
)
def test_keys_are_found(path: Path, line: int) -> None:
    tomllib.loads(TEXT)
    assert Lines(TEXT).of(path) == line


names = st.text("abc-_ .\"'#=[]é", min_size=1, max_size=5)
values = st.sampled_from(
    ['"a # b"', "[1,\n 2, # x\n 3]", "'''\n\n'''", '"""\\"\n"""', "{ a = '}' }", "2020-01-01", "-1.5"]
)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(names, values, st.booleans()), max_size=12, unique_by=lambda entry: entry[0]))
def test_any_keys_with_any_values(entries: list[tuple[str, str, bool]]) -> None:
    text, expected, table, seen = "", {}, (), 0
    for name, value, opens in entries:
        if opens:
            text += f"[[ {json.dumps(name, ensure_ascii=False)} ]]\n"
            table = (name, 0)
            seen += 1
        line = text.count("\n") + 1
        key = f"k{line}"
        text += f"{key} = {value}\n"
        expected[(*table, key)] = line
    tomllib.loads(text)
    lines = Lines(text)
    assert {path: lines.of(path) for path in expected} == expected
