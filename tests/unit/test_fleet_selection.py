from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cockpit.fleet.fold import expand, fold
from cockpit.fleet.machine import Machine
from cockpit.fleet.results.outcome import Outcome
from cockpit.fleet.selection import ENDS, select
from cockpit.model import errors

RACKS = {"web01": "b7", "web02": "b7", "db1": "b 8"}


def fleet(*odd: str) -> dict[str, Machine]:
    hosts = [(f"web{n:02}", ("web",), "prod" if n < 3 else "staging") for n in range(1, 6)]
    hosts += [("db1", ("db", "sql"), "prod"), ("db2", ("db",), "staging"), ("app-a", (), ""), ("web", (), "")]
    hosts += [(name, (), "") for name in odd]
    labels = {name: (("rack", rack),) for name, rack in RACKS.items()}
    return {
        name: Machine("config", name, name, roles=roles, env=env, labels=labels.get(name, ()))
        for name, roles, env in hosts
    }


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
        ("rack=b7", "web01 web02"),
        ("rack=b*,&@db", "db1"),
        ('rack="b 8"', "db1"),
        ('"web01",!"web02"', "web01"),
        ("env=", "app-a web"),
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
        ("evn=prod", "no host has a field 'evn'; did you mean 'env'?; there are env, role, name, source, rack"),
        ("rakc=b7", "did you mean 'rack'?"),
        ("rack=b9", "no host has rack 'b9'; there are b7, b 8"),
        ('"web*"', 'unknown host "web*"'),
        ('"web01', "a quote without its pair"),
        ('we"b"', "a quote stands inside"),
        ("last:failed", "no runs are kept here"),
        ("last:faild", "did you mean 'failed'?"),
        ("last:changed", "needs a digest of 4 hex digits or more"),
        ("run:x:digest=abc", "needs a digest of 4 hex digits or more"),
        ("x*", "no host matches 'x*'"),
        ("!web01", "nothing stands before it"),
        ("@web,!wbe01", "unknown host wbe01"),
        ("db1,!db1", "leaves no host"),
        ("web[3-1]", "runs backwards"),
        ("web[a-b]", "is not a range"),
        ("web[", "a bracket without its pair"),
        ("web[1-99999999999]", "stands for more than 100000 hosts"),
        ("a[1-999]b[1-999]", "stands for more than 100000 hosts"),
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
        (["10.0.0.1", "10.0.0.2", "10.0.1.9"], "10.0.0.[1-2],10.0.1.9"),
        (["fe80::1", "fe80::2"], "fe80::[1-2]"),
        (["odd, name", "-x1", 'q"'], '"-x1","odd, name","q\\""'),
        (["host"], "host"),
        ([], ""),
    ],
)
def test_folding(names: list[str], folded: str) -> None:
    assert fold(names) == folded


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("web[1-3].example", "web1.example web2.example web3.example"),
        ("[2001:db8::1] [fe80::1%eth0],::1", "2001:db8::1 fe80::1%eth0 ::1"),
        ("r[1-2]n[01-02]", "r1n01 r1n02 r2n01 r2n02"),
    ],
)
def test_expanding(text: str, names: str) -> None:
    assert expand(text) == names.split()


names = st.from_regex(r"\A[a-z][a-z.-]{0,3}[0-9]{0,5}(-[a-z]{1,2}[0-9]{0,3})?(\.[a-z]{1,3}[0-9]{0,2})?\Z")


@settings(max_examples=120, deadline=None)
@given(st.sets(names, max_size=20))
def test_folding_and_expanding_is_a_round_trip(chosen: set[str]) -> None:
    assert sorted(expand(fold(chosen))) == sorted(chosen)


@settings(max_examples=300, deadline=None)
@given(st.sets(st.text('a1 ,[]-!&@=*?:"\\\n\0é', max_size=8), max_size=6))
def test_names_of_any_characters_fold_and_expand(chosen: set[str]) -> None:
    assert sorted(expand(fold(chosen))) == sorted(chosen)


@settings(max_examples=200, deadline=None)
@given(st.sets(st.text('a1 ,[]-!&@=*?:"\\\n\0é', min_size=1, max_size=8), min_size=1, max_size=6))
def test_a_folded_list_selects_these_hosts_and_no_other(chosen: set[str]) -> None:
    assert {machine.name for machine in select(fold(chosen), fleet(*chosen))} == chosen


@settings(max_examples=200, deadline=None)
@given(st.sets(st.integers(0, 300), min_size=1), st.integers(0, 4))
def test_numbered_hosts_fold_to_few_terms(numbers: set[int], width: int) -> None:
    chosen = {f"web{number:0{width}}" for number in numbers}
    folded = fold(chosen)
    assert sorted(expand(folded)) == sorted(chosen)
    assert folded.count("web") <= 4


@settings(max_examples=300, deadline=None)
@given(st.text('web0123[]-,!&@=*?:"\\ \n\0', max_size=20))
def test_any_expression_selects_or_is_refused(expression: str) -> None:
    try:
        assert select(expression, fleet())
    except errors.Refused as error:
        assert str(error)


class Runs:
    """Two runs: the last one, in which gone1 and gone2 took part, and "r1"."""

    def hosts(self, run_id: str | None, what: str, digest: str) -> list[str]:
        if run_id not in (None, "r1"):
            raise errors.NotFound(f"there is no run {run_id}")
        said = {"failed": ["web01", "db1"], "ok": ["web02", "gone1", "gone2"], "skipped": []}
        said |= {"changed": ["web03"] if digest == "1a2b" else []}
        return ["db2"] if run_id == "r1" else said[what]


@pytest.mark.parametrize(
    ("expression", "names"),
    [
        ("last:failed", "web01 db1"),
        ("last:failed,last:skipped", "web01 db1"),
        ("@web,&last:failed", "web01"),
        ("@db,!last:failed", "db2"),
        ("@web,!last:ok", "web01 web03 web04 web05"),
        ("last:changed=1A2B", "web03"),
        ("run:r1:failed", "db2"),
        ("last:ok,!gone[1-2]", "web02"),
        ("last:ok,!gone1,!gone2", "web02"),
        ("last:ok,&web*", "web02"),
    ],
)
def test_runs_that_were(expression: str, names: str) -> None:
    assert [machine.name for machine in select(expression, fleet(), Runs())] == names.split()


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("last:ok", "gone[1-2]: in that run, but no longer in the inventory; to go on without, add ,!gone[1-2]"),
        ("last:ok,!gone1", "gone2: in that run"),
        ("last:skipped", "leaves no host"),
        ("run:r2:failed", "there is no run r2"),
        ("@web,!gone1", "unknown host gone1"),
    ],
)
def test_runs_that_cannot_be_meant(expression: str, said: str) -> None:
    with pytest.raises(errors.Refused) as caught:
        select(expression, fleet(), Runs())
    assert said in str(caught.value)


def test_every_outcome_has_a_word_and_an_unknown_one_is_no_failure() -> None:
    assert frozenset().union(*ENDS.values()) == set(Outcome)
    assert Outcome.UNKNOWN_OUTCOME not in ENDS["failed"]
