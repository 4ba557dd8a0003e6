from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cockpit.fleet.machine import Machine
from cockpit.fleet.selection import expand, fold, select
from cockpit.model import errors


def fleet() -> dict[str, Machine]:
    hosts = [(f"web{n:02}", ("web",), "prod" if n < 3 else "staging") for n in range(1, 6)]
    hosts += [("db1", ("db", "sql"), "prod"), ("db2", ("db",), "staging"), ("app-a", (), ""), ("web", (), "")]
    return {name: Machine("config", name, name, roles=roles, env=env) for name, roles, env in hosts}


@pytest.mark.parametrize(
    ("expression", "names"),
    [
        ("web01", "web01"),
        ("web", "web"),
        ("app-a", "app-a"),
        ("web[01-03]", "web01 web02 web03"),
        ("web[01,04-05]", "web01 web04 web05"),
        ("db1,web02", "web02 db1"),
        ("db1 web02", "web02 db1"),
        ("@db", "db1 db2"),
        ("@sql", "db1"),
        ("@d*", "db1 db2"),
        ("env=prod", "web01 web02 db1"),
        ("role=web", "web01 web02 web03 web04 web05"),
        ("name=db?", "db1 db2"),
        ("web0[1-2]", "web01 web02"),
        ("web*", "web01 web02 web03 web04 web05 web"),
        ("*", "web01 web02 web03 web04 web05 db1 db2 app-a web"),
        ("@web,!web[01-03]", "web04 web05"),
        ("@web,-web01,-web02", "web03 web04 web05"),
        ("@db,&env=prod", "db1"),
        ("@web,!env=prod,db2", "web03 web04 web05 db2"),
    ],
)
def test_what_is_meant(expression: str, names: str) -> None:
    assert [machine.name for machine in select(expression, fleet())] == names.split()


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("", "no host is named"),
        ("  , ", "no host is named"),
        ("wbe01", "unknown host wbe01; did you mean 'web01'?"),
        ("web[05-08]", "unknown hosts web[06-08]"),
        ("@dbb", "no host has role 'dbb'; did you mean 'db'?"),
        ("env=prd", "no host has env 'prd'; did you mean 'prod'?"),
        ("evn=prod", "unknown field 'evn'; did you mean 'env'?"),
        ("x*", "no host matches 'x*'"),
        ("!web01", "nothing stands before it"),
        ("@web,!wbe01", "unknown host wbe01"),
        ("db1,!db1", "leaves no host"),
        ("web[3-1]", "runs backwards"),
        ("web[a-b]", "is not a range"),
        ("web[", "a bracket without its pair"),
        ("web[1-99999999999]", "is longer than"),
        ("a[1-200]b[1-200]", "stands for 40000 hosts"),
        ("web01,!", "stands alone"),
    ],
)
def test_a_mistake_says_what_and_the_nearest(expression: str, said: str) -> None:
    with pytest.raises(errors.Refused, match=r".+") as caught:
        select(expression, fleet())
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("names", "folded"),
    [
        (["web01", "web02", "web03", "web07", "db1"], "db1,web[01-03,07]"),
        (["n8", "n9", "n10", "n11"], "n[8-11]"),
        (["n08", "n09", "n10"], "n[08-10]"),
        (["n1", "n01"], "n01,n1"),
        (["web1.a", "web2.a", "web2.b"], "web2.b,web[1-2].a"),
        (["rack1-node3", "rack1-node4"], "rack1-node[3-4]"),
        (["host"], "host"),
        ([], ""),
    ],
)
def test_folding(names: list[str], folded: str) -> None:
    assert fold(names) == folded


def unfolded(folded: str) -> list[str]:
    """Every name of a folded list, by the selection's own way of splitting."""
    from cockpit.fleet.selection import _terms

    return [name for term in _terms(folded) for name in expand(term)]


names = st.from_regex(r"\A[a-z][a-z.-]{0,3}[0-9]{0,5}(-[a-z]{1,2}[0-9]{0,3})?(\.[a-z]{1,3}[0-9]{0,2})?\Z")


@settings(max_examples=120, deadline=None)
@given(st.sets(names, max_size=20))
def test_folding_and_expanding_is_a_round_trip(chosen: set[str]) -> None:
    back = unfolded(fold(chosen))
    assert sorted(back) == sorted(chosen)


@settings(max_examples=200, deadline=None)
@given(st.sets(st.integers(0, 300), min_size=1), st.integers(0, 4))
def test_numbered_hosts_fold_to_few_terms(numbers: set[int], width: int) -> None:
    chosen = {f"web{number:0{width}}" for number in numbers}
    folded = fold(chosen)
    assert sorted(unfolded(folded)) == sorted(chosen)
    assert folded.count("web") <= 4


@settings(max_examples=300, deadline=None)
@given(st.text("web0123[]-,!&@=*? \n\0", max_size=20))
def test_any_expression_selects_or_is_refused(expression: str) -> None:
    try:
        assert select(expression, fleet())
    except errors.Refused as error:
        assert str(error)
