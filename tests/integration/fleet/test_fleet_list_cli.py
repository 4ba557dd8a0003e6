"""`cockpit fleet list`, `doctor` and `config validate` over inventories of every kind, as a user runs them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

CONFIG = """\
[fleet]
inventories = ["hosts.csv", "inv/hosts", "command:./listing a", "hosts.toml"]
production_hosts = "@db,env=prod"
[[fleet.hosts]]
name = "here"
transport = "local"
"""
FILES = {
    "hosts.csv": "name,address,port,user,env,rack,jump\nweb1,10.0.0.1,2222,ops,prod,b7,web2\nweb2,10.0.0.2,22,j,,b8,\n",
    "inv/hosts": "[db]\ndb-[a:b] ansible_host=10.1.0.1 ansible_user=u ansible_become=yes\n[db:vars]\nansible_port=23\n",
    "inv/group_vars/db.yml": "$ANSIBLE_VAULT;1.1;AES256\n61\n",
    "hosts.toml": '[[hosts]]\nname = "odd, name"\n',
    "listing": "#!/bin/sh\necho n1; echo n2; echo n3\n",
}

Cockpit = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def cockpit(tmp_path: Path) -> Cockpit:
    """`cockpit("fleet", "list")` runs it on these inventories."""
    for name, text in {**FILES, "cockpit.toml": CONFIG}.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    (tmp_path / "listing").chmod(0o755)
    environment = {**os.environ, "COCKPIT_STATE_DIR": str(tmp_path / "state")}
    environment["COCKPIT_CONFIG"] = str(tmp_path / "cockpit.toml")

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        ran = subprocess.run(
            [sys.executable, "-m", "cockpit", *arguments], capture_output=True, text=True, env=environment, timeout=60
        )
        assert "Traceback" not in ran.stderr
        return ran

    return run


def test_names_and_folded_names(cockpit: Cockpit, tmp_path: Path) -> None:
    ran = cockpit("fleet", "list", "--format", "names")
    assert (ran.returncode, ran.stdout.splitlines()) == (
        0, ["here", "web1", "web2", "db-a", "db-b", "n1", "n2", "n3", "odd, name"],
    )  # fmt: skip
    assert ran.stderr == f"{tmp_path}/inv/hosts: {tmp_path}/inv/group_vars/db.yml is vaulted and was left out\n"
    assert cockpit("fleet", "list", "--fold").stdout == '"odd, name",db-a,db-b,here,n[1-3],web[1-2]\n'
    assert cockpit("fleet", "list", "rack=b7,@db,!db-a", "--fold").stdout == "db-b,web1\n"
    assert cockpit("fleet", "list", "n[1-2]", "--fold").stdout == "n[1-2]\n"
    assert cockpit("fleet", "list", '"odd, name"', "--format", "names").stdout == "odd, name\n"


def test_resolved_targets(cockpit: Cockpit, tmp_path: Path) -> None:
    ran = cockpit("fleet", "list", "web1,db-a,here", "--resolve", "--format", "json")
    here, web1, db = map(json.loads, ran.stdout.splitlines())
    assert (web1["user"], web1["address"], web1["port"], web1["via"]) == ("ops", "10.0.0.1", 2222, ["j@10.0.0.2:22"])
    assert (web1["labels"], web1["production"], web1["source"]) == ({"rack": "b7"}, True, f"{tmp_path}/hosts.csv")
    assert (db["user"], db["address"], db["port"], db["roles"]) == ("u", "10.1.0.1", 23, ["db"])
    assert db["production"] and "ansible_become is not honoured" in db["notes"]
    assert (here["transport"], here["production"]) == ("local", False)
    text = cockpit("fleet", "list", "web1", "--resolve").stdout
    assert text.startswith("web1: ops@10.0.0.1:2222 via j@10.0.0.2:22\n") and "labels:       rack=b7\n" in text


def test_what_the_inventories_say_without_a_look(cockpit: Cockpit) -> None:
    ran = cockpit("fleet", "list", "@db", "--no-connect")
    assert ran.stdout.splitlines()[0].split() == ["HOST", "ROLE", "ENV", "ADDRESS", "SOURCE", "ERROR"]
    assert "db-a" in ran.stdout and "10.1.0.1:23" in ran.stdout and "web1" not in ran.stdout
    ran = cockpit("fleet", "list", "@db", "--no-connect", "--format", "json")
    assert [json.loads(line)["state"] for line in ran.stdout.splitlines()] == ["not asked", "not asked"]


def test_what_cannot_be_read_is_said_and_the_rest_is_listed(cockpit: Cockpit, tmp_path: Path) -> None:
    (tmp_path / "hosts.csv").write_text("name,port\nweb1,x\n")
    (tmp_path / "listing").write_text("#!/bin/sh\necho no such cloud >&2; exit 4\n")
    ran = cockpit("fleet", "list", "--format", "names")
    assert ran.returncode == 3 and ran.stdout.splitlines() == ["here", "db-a", "db-b", "odd, name"]
    assert f"{tmp_path}/hosts.csv: line 2, column port: 'x' is no port" in ran.stderr
    assert f"{tmp_path}/listing failed with exit status 4: no such cloud" in ran.stderr
    assert "fleet.production_hosts: no host has env 'prod'" in ran.stderr
    ran = cockpit("fleet", "list", "--resolve", "--format", "json")
    assert all(json.loads(line)["production"] for line in ran.stdout.splitlines())
    ran = cockpit("doctor", "--timeout", "2")
    assert ran.returncode == 3
    assert f"BAD  fleet: {tmp_path}/hosts.csv" in ran.stdout and "BAD  fleet: production" in ran.stdout
    assert "ok   fleet: note" in ran.stdout


def test_mistakes_of_usage(cockpit: Cockpit) -> None:
    ran = cockpit("fleet", "list", "web9", "--fold")
    assert (ran.returncode, ran.stdout) == (2, "") and "unknown host web9; did you mean 'web" in ran.stderr
    assert cockpit("fleet", "list", "--fold", "--resolve").returncode == 2
    ran = cockpit("fleet", "list", "last:failed")
    assert ran.returncode == 2 and "no run is kept yet" in ran.stderr


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"hosts.csv"', '"cvs:hosts.csv"', "fleet.inventories[0]: there is no format 'cvs'; did you mean 'csv'?"),
        ('"hosts.csv"', '"csv:"', "fleet.inventories[0]: 'csv:' names no file"),
        ("./listing a", "./listing 'a", "fleet.inventories[2]: "),
        ("command:./listing a", "command: ", "names no program"),
        ("@db,env=prod", "web[3-1]", "fleet.production_hosts: "),
        ("@db,env=prod", "!web1", "fleet.production_hosts: '!web1' narrows a selection"),
        ('name = "here"', 'name = "here"\nlabels = { rack = 7 }', "fleet.hosts[0].labels.rack: expected `str`"),
    ],
)
def test_validate_says_the_line(cockpit: Cockpit, tmp_path: Path, old: str, new: str, said: str) -> None:
    file = tmp_path / "cockpit.toml"
    assert cockpit("config", "validate").returncode == 0
    file.write_text(CONFIG.replace(old, new))
    ran = cockpit("config", "validate")
    assert ran.returncode == 2 and said in ran.stderr and f"{file}:" in ran.stderr
