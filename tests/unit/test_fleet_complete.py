"""How a selection that is being typed may go on."""

from __future__ import annotations

import pytest

from cockpit.fleet.complete import complete
from cockpit.fleet.inventory.said import Said
from cockpit.fleet.selection import ENDS

HOSTS = [
    Said(name="web1", roles=("web",), env="prod", labels=(("rack", "b7"), ("room", "odd, room"))),
    Said(name="web2", roles=("web", "odd role"), env="staging"),
    Said(name="odd, name"),
    Said(name="es\x1bcape"),
]
LAST = [f"last:{end}" for end in ENDS]


@pytest.mark.parametrize(
    ("typed", "offers"),
    [
        ("", ["web1", "web2", "@web", "env=prod", "env=staging", *LAST]),
        ("web", ["web1", "web2"]),
        ("@", ["@web"]),
        ("env=s", ["env=staging"]),
        ("ra", ["rack=b7"]),
        ("roo", []),
        ("last:t", ["last:timeout"]),
        ("run:a1:f", ["run:a1:failed"]),
        ("web1,@w", ["web1,@web"]),
        ("web1 , w", ["web1 , web1", "web1 , web2"]),
        ("web[1-9],!@w", ["web[1-9],!@web"]),
        ("@web,&env=p", ["@web,&env=prod"]),
        ("@web,-web1", ["@web,-web1"]),
        ('"odd, name",@', ['"odd, name",@web']),
        ('"odd, w', []),
        ("web[1,w", []),
        ("nothing", []),
    ],
)
def test_the_last_term_is_completed(typed: str, offers: list[str]) -> None:
    assert complete(typed, HOSTS, ["a1"]) == offers


def test_without_runs_nothing_looks_back() -> None:
    assert complete("last", HOSTS, []) == complete("run:", HOSTS, []) == []
