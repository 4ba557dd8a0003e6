from __future__ import annotations

import base64
import hmac
from pathlib import Path

import pytest

from cockpit.config.settings import Fleet, Host
from cockpit.fleet.inventory import read as inventory
from cockpit.fleet.roster import Roster
from cockpit.fleet.trust import knownhosts
from cockpit.model import errors
from cockpit.model.user import user_name

KEY = base64.b64encode(b"\0\0\0\x0bssh-ed25519one").decode()
OTHER = base64.b64encode(b"\0\0\0\x0bssh-ed25519two").decode()


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
