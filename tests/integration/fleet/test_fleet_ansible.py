"""Inventories of ansible, as `ansible-inventory --list` itself reads them: groups, hosts and variables."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cockpit.fleet.inventory.ansible.folder import Reading, programs
from cockpit.fleet.inventory.ansible.sshargs import arguments as options
from cockpit.fleet.inventory.ssh import Call, Ssh
from cockpit.model.user import user_name

INI = """\
# comment
; another
bare
10.0.0.1 ansible_user=root
[web]
web[01:03] http_port=80 ansible_host=10.0.0.[1]   # trailing
web[10:20:5].example.com:2222
edge ansible_host=192.0.2.7 note="two words" list=[1,2,'x'] map={'a':1} none=None yes=True word=yes n=007 f=1.5 neg=-3
edge2 s='quoted # no comment' e=a=b hex=0x1f exp=1e3 under=1_000 tuple=(1,) date=2024-01-01 dot=.5 plus=+2 w=True_ url=http://x/?a=b#frag
[db]
db-[a:c].example[1:2]
"db quoted" x=1
db-a.example1 late=1
[db:vars]
port = 5432
quoted = "a b"
spaced = some words here # not a comment here
literal = [1, 2] # a comment
ansible_group_priority = 5
[south:children]
web   # the group
east
[east]
edge
[east:vars]
where=east
shared=east
[south:vars]
where=south
shared=south
[north:children]
east
[north:vars]
shared=north
[zone:children]
north
south
[zone:vars]
only=zone
[bracket]
[2001:db8::1]:2200
2001:db8::2
host:22
odd_:22
[empty]
"""

YAML = """\
all:
  vars: {top: 1, ratio: 1.50, when: 2024-05-06, at: 2024-05-06 07:08:09, octal: 0755, sexagesimal: 12:30:45, no: no}
  hosts:
    alone:
      ansible_host: 10.1.1.1
    "h[1:3].x":
      n: ~
  children:
    web:
      hosts:
        web[01:02]: &shared
          a: [1, {b: 2}]
          s: "1"
        web03: *shared
        h1.x: {late: true, n: 5}
        "db:22":
      vars:
        top: 2
        empty:
      children:
        edge:
          hosts: edge1
          vars:
            top: 3
            ansible_group_priority: 2
        deep:
          children:
            edge:
            deeper:
              hosts:
                edge1:
              vars: {top: 4, m: {x: 1}}
    none:
other:
  hosts: {edge1: {own: yes}, web01: {a: overridden}}
  vars: {top: 9}
"""

SCRIPT = """\
#!/bin/sh
[ "$1" = --list ] && cat <<'JSON'
{"web": {"hosts": ["w1", "w2"], "vars": {"a": 1}, "children": ["inner"]}, "inner": ["i1"], "list": ["w1"],
 "h9": {"x": 1}, "_meta": {"hostvars": {"w1": {"ansible_host": "10.0.0.1", "n": null}, "i1": {"a": 2}}}}
JSON
"""

CORPUS: dict[str, tuple[str, dict[str, str]]] = {
    "ini": ("hosts.ini", {"hosts.ini": INI}),
    "ini without a suffix": ("inventory", {"inventory": INI}),
    "ini: a child is declared later, and once more": (
        "hosts",
        {"hosts": "[a:children]\nb\nc\n[d:children]\na\n[c]\n[b:children]\nc\n[c]\nx\n[b:vars]\nv=1\n[d:vars]\nv=2\n"},
    ),
    "ini: a host has the name of a group": (
        "hosts",
        {"hosts": "[web]\nweb v=1\nother\n[all:vars]\nv=0\n[x]\nweb w=2\n"},
    ),
    "ini: ungrouped and grouped": ("hosts", {"hosts": "a\nb x=1\n[g]\na y=2\n[ungrouped]\nc\n[all]\nd\n"}),
    "ini: a long value": ("hosts", {"hosts": f"[g]\na v={'x' * 5000}\n"}),
    "yaml": ("hosts.yml", {"hosts.yml": YAML}),
    "yaml without a suffix": ("inventory", {"inventory": YAML}),
    "json": (
        "hosts.json",
        {"hosts.json": json.dumps({"g": {"hosts": {"a": {"b": [1, None, 1.5]}}, "vars": {"x": "\u00e9"}}})},
    ),
    "script": ("plain", {"plain": SCRIPT}),
    "variables beside a file": (
        "inv/hosts",
        {
            "inv/hosts": "[web]\nw1 own=inline both=inline\nw2\n[db]\nd1\n[site:children]\nweb\ndb\n"
            "[web:vars]\nlevel=ini-web\nfile=ini\n[site:vars]\nlevel=ini-site\n[all:vars]\nlevel=ini-all\nz=1\n",
            "inv/group_vars/all.yml": "level: file-all\nz: 2\nd: {a: 1}\n",
            "inv/group_vars/site": "level: file-site\n",
            "inv/group_vars/web/10-a.yml": "level: file-web\nfile: ten\nd: {b: 2}\n",
            "inv/group_vars/web/20-b": "---\nfile: twenty\n",
            "inv/group_vars/web/sub/x.json": '{"sub": [1]}',
            "inv/group_vars/web/ignored.txt": "file: no\n",
            "inv/group_vars/web/backup~": "file: no\n",
            "inv/group_vars/web/.hidden": "file: no\n",
            "inv/group_vars/db.yaml": "level: file-db\n",
            "inv/group_vars/db.json": '{"level": "not this one"}',
            "inv/group_vars/ungrouped.yml": "u: 1\n",
            "inv/host_vars/w1.yml": "both: file\n",
            "inv/host_vars/w2": "",
            "inv/host_vars/d1/a.yml": "level: host\n",
        },
    ),
    "a folder": (
        "inv",
        {
            "inv/01-hosts": "[web]\nw1 a=1\nw2\n",
            "inv/02.yml": "web:\n  hosts:\n    w2: {a: 2}\n    w3:\n  vars: {v: yaml}\ndb: {hosts: {d1: {}}}\n",
            "inv/03-script": SCRIPT,
            "inv/04-late": "[late:children]\nweb\n[web:vars]\nv=ini\n",
            "inv/ignored.ini": "nobody\n",
            "inv/ignored.bak": "nobody\n",
            "inv/.hidden": "nobody\n",
            "inv/nested/more": "[db]\nd2\n",
            "inv/group_vars/web.yml": "v2: file\n",
            "inv/host_vars/d2.yml": "h: 1\n",
            "inv/nested/group_vars/db.yml": "never: seen\n",
        },
    ),
}


def laid(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        path.chmod(0o755 if text.startswith("#!") else 0o644)


def ours(path: Path) -> dict[str, Any]:
    """In the form of `ansible-inventory --list`."""
    printed = {file: subprocess.run([str(file), "--list"], stdout=subprocess.PIPE).stdout for file in programs(path)}
    reading = Reading(path, printed)
    shown: dict[str, Any] = {}
    for group in reading.tree.groups.values():
        said = {"hosts": [] if group.name == "all" else list(group.hosts), "children": list(group.children)}
        said = {word: names for word, names in said.items() if names}
        if said:
            shown[group.name] = said
    variables = {host: own for host, own in reading.variables.items() if own}
    return {**shown, "_meta": {"hostvars": json.loads(json.dumps(variables, default=lambda each: each.isoformat()))}}


@pytest.mark.parametrize("case", CORPUS)
def test_groups_hosts_and_variables_are_those_of_ansible(
    case: str, tmp_path: Path, need: Callable[[str, str], str]
) -> None:
    program = need("ansible-inventory", "apt-get install ansible-core")
    name, files = CORPUS[case]
    laid(tmp_path, files)
    (tmp_path / "ansible.cfg").write_text("")
    ran = subprocess.run(
        [program, "--list", "-i", str(tmp_path / name)],
        capture_output=True,
        cwd=tmp_path,
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(tmp_path),
            "LC_ALL": "C.UTF-8",
            "ANSIBLE_CONFIG": str(tmp_path / "ansible.cfg"),
            "ANSIBLE_LOCAL_TEMP": str(tmp_path / "temp"),
        },
    )
    assert ran.returncode == 0 and b"Failed to parse" not in ran.stderr, ran.stderr.decode()
    theirs = json.loads(ran.stdout)
    mine = ours(tmp_path / name)
    assert mine["_meta"]["hostvars"] == theirs.pop("_meta")["hostvars"]
    mine.pop("_meta")
    assert mine == theirs


SSH_CONFIG = """\
Host web1
  HostName real.example
  User config
  Port 2200
  IdentityFile /config/key
  ProxyJump config-bastion
Match user special
  Port 77
Host *
  UserKnownHostsFile /config/kh
"""


@pytest.mark.parametrize(
    "arguments",
    [
        "",
        "-o Port=99 -l u -i FOLDER/k1 -i 'FOLDER/k 2'",
        "-p 5 -o Port=6 -o ProxyJump=ops@b:2222,c",
        "-J b -o 'ProxyCommand=nc %h %p'",
        "-o ProxyJump=none -oUserKnownHostsFile='/a /b' -o StrictHostKeyChecking=accept-new",
        "-CAq4 -o ControlMaster=auto -o ControlPersist=60s -o IdentitiesOnly=yes",
        "-l special",
        "-o HostName=other.example -o 'HostKeyAlias Alias'",
    ],
)
def test_arguments_of_ssh_mean_what_they_mean_to_ssh(
    arguments: str, tmp_path: Path, need: Callable[[str, str], str]
) -> None:
    ssh = need("ssh", "apt-get install openssh-client")
    config = tmp_path / "config"
    config.write_text(SSH_CONFIG)
    for name in ("k1", "k 2"):
        (tmp_path / name).write_text("")
    arguments = arguments.replace("FOLDER", str(tmp_path))
    ran = subprocess.run(
        [ssh, "-G", "-F", str(config), *shlex.split(arguments), "web1"], capture_output=True, text=True, check=True
    )
    theirs: dict[str, list[str]] = {}
    for line in ran.stdout.splitlines():
        word, _, value = line.partition(" ")
        theirs.setdefault(word, []).append(value)
    machine = Ssh(str(config)).machine(Call("web1", options(arguments).options))
    jumps = ",".join(
        [f"{hop.user}@{hop.address}:{hop.port}" if hop.user != user_name() else hop.address for hop in machine.jumps]
    )
    assert [machine.address] == theirs["hostname"]
    assert ([machine.user], [str(machine.port)]) == (theirs["user"], theirs["port"])
    assert list(machine.identities) == theirs["identityfile"]
    assert [" ".join(machine.known_hosts)] == theirs["userknownhostsfile"]
    assert [jumps] == theirs.get("proxyjump", [""])
    command = theirs.get("proxycommand", [""])[0]
    assert machine.proxy_command == command.replace("%h", machine.address).replace("%p", str(machine.port))
    assert (machine.unknown_keys == "accept") == (theirs["stricthostkeychecking"] == ["accept-new"])
    assert machine.identities_only == (theirs["identitiesonly"] == ["yes"])
    assert [machine.host_key_alias] == theirs.get("hostkeyalias", [""])
