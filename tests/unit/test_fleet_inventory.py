from __future__ import annotations

import base64
import hmac
import os
from pathlib import Path

import pytest

from cockpit.config.settings import Fleet, Host
from cockpit.fleet.inventory import read as inventory
from cockpit.fleet.inventory import sshconfig
from cockpit.fleet.machine import Machine
from cockpit.fleet.roster import Roster
from cockpit.fleet.trust import knownhosts
from cockpit.model import errors
from cockpit.model.user import user_name

HOME = os.path.expanduser("~")
KEY = base64.b64encode(b"\0\0\0\x0bssh-ed25519one").decode()
OTHER = base64.b64encode(b"\0\0\0\x0bssh-ed25519two").decode()


def hosts(tmp_path: Path, text: str) -> dict[str, Machine]:
    path = tmp_path / "config"
    path.write_text(text)
    return {machine.name: machine for machine in sshconfig.read(path, "ssh")[0]}


def test_the_first_value_wins_and_wildcards_give_no_host(tmp_path: Path) -> None:
    found = hosts(
        tmp_path,
        """
        # comment
        Port 2200
        Host web1 web2 !web3
            HostName = 10.0.0.1
            User ops   # trailing comment
        host "db1"
            hostname %h.example.com
            Port 99
            IdentityFile ~/.ssh/%r_key
            IdentityFile /keys/%h
        Host web* *
            User nobody
            HostName later
            UserKnownHostsFile ~/kh "/etc/k h"
        """,
    )
    assert list(found) == ["web1", "web2", "db1"]
    web = found["web1"]
    assert (web.address, web.port, web.user) == ("10.0.0.1", 2200, "ops")
    db = found["db1"]
    assert (db.address, db.port, db.user) == ("db1.example.com", 2200, "nobody")
    assert db.identities == (f"{HOME}/.ssh/nobody_key", "/keys/db1.example.com")
    assert db.known_hosts == (f"{HOME}/kh", "/etc/k h")
    assert not db.notes and not db.unsupported


def test_a_negated_pattern_leaves_a_host_out_of_a_block(tmp_path: Path) -> None:
    found = hosts(tmp_path, "Host web1 web2\n Port 1\nHost * !web1\n User only-two\n")
    assert found["web2"].user == "only-two"
    assert found["web1"].user == user_name()


def test_what_is_not_honoured_is_said(tmp_path: Path) -> None:
    found = hosts(
        tmp_path,
        """
        Host jump
          ProxyJump bastion
        Host proxy
          ProxyCommand nc %h %p
        Host direct
          ProxyJump none
          StrictHostKeyChecking no
          ServerAliveInterval 5
          HostKeyAlias other
          Port 70000
        Match host *.example exec "true"
          User matched
        Match all
          User everyone
        """,
    )
    assert found["jump"].unsupported == "ProxyJump"
    assert found["proxy"].unsupported == "ProxyCommand"
    assert found["direct"].unsupported == "Port 70000"
    notes = found["direct"].notes
    assert "StrictHostKeyChecking no is not honoured" in notes
    assert "HostKeyAlias other is not honoured" in notes
    assert any(note.startswith("Match host *.example exec true (") for note in notes)
    assert not any("ServerAlive" in note for note in notes)
    assert found["direct"].user == "everyone"


def test_includes_are_read_in_place_and_inside_their_block(tmp_path: Path) -> None:
    (tmp_path / "conf.d").mkdir()
    (tmp_path / "conf.d" / "a").write_text("Host inner1\n Port 1\nHost outer\n User included\n")
    (tmp_path / "conf.d" / "b").write_text("Host inner2\n Port 2\n")
    (tmp_path / "only").write_text("User only-outer\n")
    found = hosts(
        tmp_path,
        f"Include {tmp_path}/conf.d/*\nHost outer\n Include {tmp_path}/only\n Port 7\nHost *\n Port 9\n User rest\n",
    )
    assert list(found) == ["inner1", "outer", "inner2"]
    assert (found["outer"].user, found["outer"].port) == ("included", 7)
    assert (found["inner1"].user, found["inner1"].port) == ("rest", 1)


@pytest.mark.parametrize(
    ("text", "said"),
    [("Host\n", "line 1: Host has no value"), ("Include {path}\n", "nested Includes"), ("Host a\n\nPort\n", "line 3")],
)
def test_a_broken_file_is_a_malformed_source(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(errors.Malformed, match=r".+") as caught:
        hosts(tmp_path, text.format(path=tmp_path / "config"))
    assert said in str(caught.value)


def test_a_thousand_hosts_in_a_thousand_blocks(tmp_path: Path) -> None:
    text = "".join(f"Host h{n}\n HostName 10.0.{n // 256}.{n % 256}\n" for n in range(1000)) + "Host *\n User all\n"
    found = hosts(tmp_path, text)
    assert len(found) == 1000
    assert (found["h999"].address, found["h999"].user) == ("10.0.3.231", "all")


def test_toml_inventories_have_the_keys_of_the_configuration(tmp_path: Path) -> None:
    path = tmp_path / "hosts.toml"
    path.write_text('[[hosts]]\nname = "a"\nroles = ["web"]\nproduction = true\n[[hosts]]\nname = "b"\nport = 0\n')
    fleet = Fleet(inventories=[str(path)], read_only=True)
    a, b = inventory.read(fleet, str(path)).machines
    assert (a.name, a.address, a.roles, a.production, a.read_only, a.user) == (
        "a", "a", ("web",), True, True, user_name(),
    )  # fmt: skip
    assert b.unsupported == "port 0"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[[hosts]]\nnam = "a"\n', "nam"),
        ("[[hosts\n", "hosts.toml"),
        ('[[hosts]]\nname = "a"\n[[hosts]]\nname = "a"\n', "twice"),
    ],
)
def test_a_bad_toml_inventory_names_the_file_and_the_fault(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "hosts.toml"
    path.write_text(text)
    with pytest.raises(errors.Malformed, match=said):
        inventory.read(Fleet(inventories=[str(path)]), str(path))


async def test_of_two_inventories_the_first_owns_a_name_and_a_bad_one_spoils_nothing(tmp_path: Path) -> None:
    first, second, bad = tmp_path / "first", tmp_path / "second", tmp_path / "bad.toml"
    first.write_text("Host a b\n Port 1\n")
    second.write_text("Host b c\n Port 2\n")
    bad.write_text("no toml")
    roster = Roster(Fleet(inventories=[str(bad), str(first), str(second)], hosts=[Host(name="a")]))
    assert [machine.name for machine in await roster.read(str(second))] == ["c"]
    failures = await roster.load()
    assert len(failures) == 1 and "bad.toml" in failures[0]
    assert {name: machine.port for name, machine in roster.machines.items()} == {"a": 22, "b": 1, "c": 2}
    assert not await roster.changed(str(second))
    second.write_text("Host c d\n")
    assert await roster.changed(str(second))


def known(tmp_path: Path, text: str) -> list[str]:
    path = tmp_path / "known_hosts"
    path.write_text(text)
    return [str(path)]


def test_known_hosts_plain_port_pattern_hashed_and_marked(tmp_path: Path) -> None:
    salt = b"0123456789abcdefghij"
    digest = base64.b64encode(hmac.digest(salt, b"hidden", "sha1")).decode()
    files = known(
        tmp_path,
        f"""# comment
web1,10.0.0.1 ssh-ed25519 {KEY} note
[web1]:2222 ssh-ed25519 {OTHER}
*.example,!bad.example ssh-ed25519 {KEY}
|1|{base64.b64encode(salt).decode()}|{digest} ssh-ed25519 {KEY}
@revoked web9 ssh-ed25519 {KEY}
@cert-authority *.corp ssh-ed25519 {KEY}
garbage
web7 ssh-ed25519 ***
""",
    )
    assert [entry.line for entry in knownhosts.lookup(files, "WEB1", 22).trusted] == [2]
    assert [entry.line for entry in knownhosts.lookup(files, "web1", 2222).trusted] == [3]
    assert [entry.line for entry in knownhosts.lookup(files, "a.example", 22).trusted] == [4]
    assert not knownhosts.lookup(files, "bad.example", 22).trusted
    assert [entry.line for entry in knownhosts.lookup(files, "hidden", 22).trusted] == [5]
    assert [entry.line for entry in knownhosts.lookup(files, "web9", 22).revoked] == [6]
    assert [entry.line for entry in knownhosts.lookup(files, "x.corp", 22).authorities] == [7]
    assert knownhosts.lookup(files, "web7", 22) == knownhosts.Known()


def test_a_changed_file_is_read_again_and_a_missing_one_is_empty(tmp_path: Path) -> None:
    files = known(tmp_path, "")
    assert not knownhosts.lookup(files, "web1", 22).trusted
    known(tmp_path, f"web1 ssh-ed25519 {KEY}\n")
    assert knownhosts.lookup(files, "web1", 22).trusted
    assert not knownhosts.lookup([str(tmp_path / "none")], "web1", 22).trusted


def test_a_refused_key_says_how_to_go_on(tmp_path: Path) -> None:
    files = known(tmp_path, f"\n[h]:2 ssh-ed25519 {KEY}\n")
    entries = knownhosts.lookup(files, "h", 2)
    said = str(knownhosts.refusal(entries, files, "h", 2, "ssh-ed25519 SHA256:x"))
    assert f"{files[0]} line 2" in said and "ssh-keygen -f" in said and "-R '[h]:2'" in said
    said = str(knownhosts.refusal(knownhosts.Known(), files, "h", 2, "ssh-ed25519 SHA256:x"))
    assert "unknown" in said and f"ssh-keyscan -p 2 h >> {files[0]}" in said
