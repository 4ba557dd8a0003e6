from __future__ import annotations

import os
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cockpit.config.settings import Fleet
from cockpit.fleet.inventory import read as inventory
from cockpit.fleet.inventory import sshconfig
from cockpit.fleet.inventory.sshconfig import lines
from cockpit.fleet.inventory.sshconfig.jumps import Hop, hops
from cockpit.fleet.inventory.sshconfig.machines import Machines
from cockpit.fleet.inventory.sshconfig.outside import Outside
from cockpit.fleet.inventory.sshconfig.parse import parse
from cockpit.fleet.inventory.sshconfig.tokens import Local
from cockpit.fleet.machine import GLOBAL_KNOWN_HOSTS, Machine
from cockpit.fleet.trust.knownhosts import stamp
from cockpit.model import errors
from cockpit.model.user import home, user_name

HOME = home()


@pytest.fixture
def hosts(tmp_path: Path) -> Callable[[str], dict[str, Machine]]:
    """The machines of a configuration, by name."""

    def read(text: str) -> dict[str, Machine]:
        path = tmp_path / "config"
        path.write_text(text)
        return {machine.name: machine for machine in sshconfig.read(path, "ssh")[0]}

    return read


Hosts = Callable[[str], dict[str, Machine]]


def test_the_first_value_wins_and_wildcards_give_no_host(hosts: Hosts) -> None:
    found = hosts(
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
        """
    )
    assert list(found) == ["web1", "web2", "db1"]
    web = found["web1"]
    assert (web.address, web.port, web.user) == ("10.0.0.1", 2200, "ops")
    db = found["db1"]
    assert (db.address, db.port, db.user) == ("db1.example.com", 2200, "nobody")
    assert db.identities == (f"{HOME}/.ssh/nobody_key", "/keys/db1.example.com")
    assert db.known_hosts == (f"{HOME}/kh", "/etc/k h")
    assert not db.notes and not db.unsupported


def test_a_negated_pattern_leaves_a_host_out_of_a_block(hosts: Hosts) -> None:
    found = hosts("Host web1 web2\n Port 1\nHost * !web1\n User only-two\n")
    assert found["web2"].user == "only-two"
    assert found["web1"].user == user_name()
    assert list(hosts("Host a b !b *.example\n Port 1\nHost !c\n Port 2\n")) == ["a"]


def test_what_is_not_honoured_is_said_in_one_line(hosts: Hosts) -> None:
    machine = hosts(
        """
        Host a
          StrictHostKeyChecking off
          ServerAliveInterval 5
          ForwardAgent yes
          ControlMaster auto
          AddressFamily inet6
          SetEnv TOKEN=secret OTHER=x
          SendEnv LANG LC_* FOO
          RemoteCommand tmux new -A
          Ciphers aes128-ctr
          RequestTTY no
          GSSAPIAuthentication yes
        """
    )["a"]
    assert machine.notes == (
        "not honoured: ForwardAgent, ControlMaster auto, AddressFamily inet6, SetEnv TOKEN OTHER, RemoteCommand, "
        "Ciphers, SendEnv FOO",
        "StrictHostKeyChecking no: cockpit asks all the same",
    )
    assert machine.unknown_keys == "ask"
    assert not machine.unsupported


def test_an_unknown_keyword_is_noted_with_its_place_unless_it_may_be_ignored(hosts: Hosts, tmp_path: Path) -> None:
    found = hosts(
        "Host a b\n UseKeychain yes\nHost a\n IgnoreUnknown Use*,later\nHost *\n UseMore 1\n Later 2\n Other 3\n"
    )
    where = f"({tmp_path}/config line"
    assert found["a"].notes == (f"UseKeychain {where} 2) is unknown", f"Other {where} 8) is unknown")
    assert found["b"].notes[1:] == tuple(
        f"{keyword} {where} {line}) is unknown" for keyword, line in (("UseMore", 6), ("Later", 7), ("Other", 8))
    )


def test_includes_are_read_in_place_and_inside_their_block(hosts: Hosts, tmp_path: Path) -> None:
    (tmp_path / "conf.d").mkdir()
    (tmp_path / "conf.d" / "a").write_text("Host inner1\n Port 1\nHost outer\n User included\n")
    (tmp_path / "conf.d" / "b").write_text("Host inner2\n Port 2\n")
    (tmp_path / "only").write_text("User only-outer\nHost never\n Port 3\nHost out*\n HostName x\n")
    found = hosts(
        f"Include {tmp_path}/conf.d/*\nHost outer\n Include {tmp_path}/only\n Port 7\nHost *\n Port 9\n User rest\n"
    )
    assert list(found) == ["inner1", "outer", "inner2"]
    assert (found["outer"].user, found["outer"].port, found["outer"].address) == ("included", 7, "x")
    assert (found["inner1"].user, found["inner1"].port) == ("rest", 1)


def test_what_includes_look_at_is_watched(tmp_path: Path) -> None:
    folder, missing, path = tmp_path / "conf.d", tmp_path / "missing", tmp_path / "config"
    folder.mkdir()
    path.write_text(f"Include {folder}/*.conf {missing}\n")
    for added in (folder / "a.conf", missing):
        os.utime(folder, ns=(1, 1))
        watched = sshconfig.read(path, "ssh")[1]
        before = stamp(watched)
        added.write_text("Host x\n Port 1\n")
        assert stamp(watched) != before


@pytest.mark.parametrize(
    ("condition", "asks"),
    [
        ("Host a", False),
        ("Match final host a", False),
        ("Match exec true", True),
        ("Match localnetwork 10.0.0.0/8", True),
        ("CanonicalizeHostname yes", True),
        ("CanonicalizeHostname no", False),
    ],
)
async def test_what_no_file_tells_of_is_asked_again_after_a_while(tmp_path: Path, condition: str, asks: bool) -> None:
    path = tmp_path / "config"
    path.write_text(f"{condition}\n Port 1\nHost a\n User u\n")
    contents = await inventory.read(Fleet(inventories=[str(path)]), str(path))
    assert [machine.name for machine in contents.machines] == ["a"]
    assert (contents.until is not None) is asks and not contents.changed()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Host\n", "line 1: Host has no value"),
        ("Include {path}\n", "nested Includes"),
        ("Host a\n\nPort\n", "line 3"),
        ("Host a\n Port 70000\n", "line 2: Port wants a port from 1 to 65535, not '70000'"),
        ("HostName a b\n", "line 1: HostName wants one value"),
        ("StrictHostKeyChecking maybe\n", "StrictHostKeyChecking wants yes, no, ask or accept-new, not 'maybe'"),
        ("User 'a\n", "line 1: a quote (') is left open"),
        ("Match\n", "has no value"),
        ("Match # nothing\n", "has no criterion"),
        ("Match host\n", "has nothing after `host`"),
        ("Match host a user b all\n", "wants `all` alone"),
        ("Match exec %Z\n", "has %Z in its command"),
        ("Match localnetwork 10.0.0.1/8\n", "bad network"),
        ("ProxyJump a,,b\n", "wants hops"),
        ("ProxyJump a:b:c\n", "a hop with a bad port"),
        ("ProxyJump ssh://a/path\n", "wants hops"),
        ("ConnectTimeout soon\n", "wants a time such as 30 or 1m30s"),
        ("UserKnownHostsFile a none\n", "wants `none` alone"),
        ("SendEnv A=b\n", "wants names of variables"),
        ("SetEnv A\n", "wants NAME=VALUE"),
        ("IdentityAgent $A-B\n", "wants the name of a variable"),
        ("Host a ''\n", "has an empty pattern"),
        ("Include ''\n", "has an empty value"),
    ],
)
def test_a_broken_file_is_a_malformed_source(hosts: Hosts, tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(errors.Malformed) as caught:
        hosts(text.format(path=tmp_path / "config"))
    assert said in str(caught.value) and str(caught.value).startswith(str(tmp_path))


def test_a_missing_inventory_is_told_from_one_that_others_can_write(hosts: Hosts, tmp_path: Path) -> None:
    with pytest.raises(errors.NotFound, match="does not exist"):
        sshconfig.read(tmp_path / "none", "ssh")
    included = tmp_path / "included"
    included.write_text("Host a\n")
    included.chmod(0o666)
    with pytest.raises(errors.Denied, match="chmod go-w"):
        hosts(f"Include {included}\n")


def test_a_thousand_hosts_in_a_thousand_blocks(hosts: Hosts) -> None:
    text = "".join(f"Host h{n}\n HostName 10.0.{n // 256}.{n % 256}\n" for n in range(1000)) + "Host *\n User all\n"
    found = hosts(text)
    assert len(found) == 1000
    assert (found["h999"].address, found["h999"].user) == ("10.0.3.231", "all")


def test_keys_agents_and_files_of_known_hosts(hosts: Hosts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEYS", "/keys")
    monkeypatch.setenv("MY_AGENT", "/run/agent")
    monkeypatch.delenv("NO_AGENT", raising=False)
    found = hosts(
        """
        Host none
          IdentityFile none
          IdentityAgent none
          UserKnownHostsFile none
          GlobalKnownHostsFile none
        Host several
          IdentityFile ${KEYS}/%h%%
          IdentityFile none
          IdentityFile ~/id
          IdentityFile ~/id
          CertificateFile ~/id-%i-cert.pub
          IdentitiesOnly yes
          IdentityAgent $MY_AGENT
          GlobalKnownHostsFile /etc/one /etc/two
          HostKeyAlias Alias
          UserKnownHostsFile ~/known/%k
          HashKnownHosts yes
          StrictHostKeyChecking accept-new
          ConnectTimeout 1m5s
          Tag rack7
        Host agent
          IdentityAgent %d/agent
          ConnectTimeout 0
        Host variable
          IdentityAgent $NO_AGENT
        """
    )
    none, several = found["none"], found["several"]
    assert (none.identities, none.usual_keys, none.agent) == ((), False, "")
    assert (none.known_hosts, none.global_known_hosts) == ((), ())
    assert several.identities == ("/keys/several%", f"{HOME}/id")
    assert several.certificates == (f"{HOME}/id-{os.getuid()}-cert.pub",)
    assert several.identities_only and several.agent == "/run/agent"
    assert several.global_known_hosts == ("/etc/one", "/etc/two")
    assert (several.host_key_alias, several.known_hosts) == ("alias", (f"{HOME}/known/alias",))
    assert several.hash_known_hosts and several.unknown_keys == "accept"
    assert (several.connect_seconds, several.labels) == (65.0, (("tag", "rack7"),))
    assert (found["agent"].agent, found["agent"].connect_seconds) == (f"{HOME}/agent", None)
    assert found["agent"].known_hosts == (f"{HOME}/.ssh/known_hosts", f"{HOME}/.ssh/known_hosts2")
    assert found["agent"].global_known_hosts == GLOBAL_KNOWN_HOSTS and found["agent"].usual_keys
    assert found["variable"].agent == ""


@pytest.mark.parametrize(
    ("option", "why"),
    [
        ("IdentityFile ~/%z", f"IdentityFile {HOME}/%z: %z is no token here"),
        ("IdentityFile ${COCKPIT_NOT_SET}/id", "IdentityFile ${COCKPIT_NOT_SET}/id: $COCKPIT_NOT_SET is not set"),
        ("UserKnownHostsFile ~nobody-at-all/k", "UserKnownHostsFile ~nobody-at-all/k: there is no user nobody-at-all"),
        ("HostName %r", "%r is no token here"),
        ("ProxyCommand nc %d", "ProxyCommand nc %d: %d is no token here"),
        (
            "ProxyCommand -",
            "ProxyCommand -: cockpit's own input is no connection; use a command that makes one",
        ),
        (
            "ProxyCommand nc\n ProxyUseFdpass yes",
            "ProxyUseFdpass: cockpit takes no socket; use a ProxyCommand that carries the bytes itself",
        ),
        ("RefuseConnection 'use the other one'", "RefuseConnection: use the other one"),
        ("CanonicalizeHostname yes\n CanonicalizeFallbackLocal no", "a is in none of the CanonicalDomains"),
    ],
)
def test_what_ssh_refuses_or_cockpit_cannot_is_never_connected(hosts: Hosts, option: str, why: str) -> None:
    found = hosts(f"Host a\n {option}\nHost b\n Port 1\n")
    assert found["a"].unsupported == why
    assert not found["b"].unsupported


def test_of_proxy_jump_and_proxy_command_the_first_counts(hosts: Hosts) -> None:
    found = hosts(
        """
        Host a
          ProxyCommand nc %h %p "%r" # for the shell
          ProxyJump b
        Host c
          ProxyJump b
          ProxyCommand nc
        Host d
          ProxyCommand none
        Host e
          ProxyJump none
        Host *
          User me
        Host a c d
          ProxyJump z
        """
    )
    assert (found["a"].proxy_command, found["a"].jumps) == ('nc a 22 "me" # for the shell', ())
    assert [hop.name for hop in found["c"].jumps] == ["b"] and not found["c"].proxy_command
    assert (found["d"].jumps, found["d"].proxy_command) == ((), "")
    assert (found["e"].jumps, found["e"].proxy_command) == ((), "")


def test_only_the_first_hop_has_hops_of_its_own(hosts: Hosts) -> None:
    found = hosts(
        """
        Host far
          ProxyJump first,ops@second:2200
        Host first
          HostName 10.0.0.1
          ProxyJump gate
        Host second
          HostName 10.0.0.2
          User nobody
          ProxyJump elsewhere
        Host gate
          ProxyCommand dial %h
        Host *
          User me
          IdentityFile ~/%n
        """
    )
    gate, first, second = found["far"].jumps
    assert [hop.name for hop in found["far"].jumps] == ["gate", "first", "second"]
    assert all(not hop.jumps for hop in found["far"].jumps)
    assert (first.address, first.port, first.user) == ("10.0.0.1", 22, "me")
    assert (second.address, second.port, second.user) == ("10.0.0.2", 2200, "ops")
    assert (gate.proxy_command, first.proxy_command, second.proxy_command) == ("dial gate", "", "")
    assert second.identities == (f"{HOME}/second",)
    assert [hop.name for hop in found["second"].jumps] == ["elsewhere"]


def test_hops_that_go_round_in_a_circle_are_refused(hosts: Hosts) -> None:
    found = hosts(
        """
        Host a
          ProxyJump b
        Host b
          ProxyJump c
        Host c
          ProxyJump b
        Host same
          HostName gate
          ProxyJump gate
        Host grows
          ProxyJump x%h
        Host *grows
          ProxyJump x%h
        Host free
          Port 1
        """
    )
    for name in ("a", "b", "c", "same", "grows"):
        assert "circle" in found[name].unsupported, name
        assert not found[name].jumps
    assert not found["free"].unsupported


def test_a_host_behind_an_impossible_hop_is_impossible(hosts: Hosts) -> None:
    found = hosts("Host a\n ProxyJump b:2222\nHost b\n ProxyCommand -\n HostName 10.0.0.9\n")
    assert found["a"].unsupported.startswith("ProxyJump b:2222: ProxyCommand -: ")
    assert found["b"].address == "10.0.0.9"


def test_tokens_of_hops_are_those_of_the_host_behind_them(hosts: Hosts) -> None:
    found = hosts("Host a\n User u\n ProxyJump %r@gate-%n,%%x\nHost b\n ProxyJump %d\n")
    assert [(hop.name, hop.user) for hop in found["a"].jumps] == [("gate-a", "u"), ("%x", user_name())]
    assert "%d is no token here" in found["b"].unsupported


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("none", ()),
        ("NONE # said", ()),
        ("a", (Hop("a"),)),
        ('"a"', (Hop("a"),)),
        ("u@a:22,b", (Hop("a", "u", "22"), Hop("b"))),
        ("u@x@a", (Hop("a", "u@x"),)),
        ("[::1]:22", (Hop("::1", "", "22"),)),
        ("u@[fe80::1]", (Hop("fe80::1", "u"),)),
        ("a:ssh", (Hop("a", "", "22"),)),
        ("a:", (Hop("a"),)),
        ("ssh://u;x=y@a:99/", (Hop("a", "u", "99"),)),
        ("ssh://u%40v@a.b,c", (Hop("a.b", "u@v"), Hop("c"))),
    ],
)
def test_hops_are_read_as_ssh_reads_them(text: str, found: tuple[Hop, ...]) -> None:
    assert hops(text) == found


@pytest.mark.parametrize("text", ["", "@a", "a:0", "a:x y", "a/b", "::1", "ssh://-a", "ssh://@a", "ssh://u%zz@a", "[a"])
def test_what_is_no_hop_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"hop"):
        hops(text)


def test_what_newer_versions_of_openssh_have(hosts: Hosts, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "more").write_text("Host included\n Port 1\n")
    monkeypatch.setenv("WHERE", str(tmp_path))
    found = hosts(
        """
        Include ${WHERE}/more
        Host a
          Tag blue
          User %u-%n
          Include ~/.ssh/%n.conf
          ObscureKeystrokeTiming interval:80
          ChannelTimeout session=5m
          VersionAddendum x y
        Match tagged blue,green
          Port 10
        Match !tagged "" localnetwork 127.0.0.0/8,192.0.2.0/24
          HostName here
        Match localnetwork 203.0.113.0/24
          HostName elsewhere
        Match sessiontype exec exec 'test "%h" = \\'here\\''
          Compression yes
          ConnectTimeout 7
        Match command "tar *"
          Port 11
        Match weather=sunny
          Port 12
        """
    )
    assert list(found) == ["included", "a"]
    a = found["a"]
    assert (a.port, a.address, a.user, a.connect_seconds) == (10, "here", f"{user_name()}-a", 7.0)
    assert [note.partition(f" ({tmp_path}")[0] for note in a.notes] == [
        "Include ~/.ssh/%n.conf",
        'Match command "tar *"',
        "Match weather=sunny",
    ]


def test_a_match_sees_what_stands_before_it(hosts: Hosts) -> None:
    found = hosts(
        """
        Host web*
          HostName %h.corp
        Match host *.CORP,!web2.* originalhost WEB* user !root,*
          Port 1
        Match user late
          Port 2
        Host *
          User late
        Match user late !host web2.corp
          ConnectTimeout 3
        Host web1 web2
          User later
        """
    )
    me = 1 if user_name() != "root" else 22
    assert [(found[name].port, found[name].connect_seconds) for name in ("web1", "web2")] == [(me, 3.0), (22, None)]


def test_the_second_pass_has_the_name_that_the_first_one_found(hosts: Hosts) -> None:
    found = hosts(
        """
        Host short
          HostName Long.Example
        Host long.example
          User second
        Match final host long.example
          Port 5
        Match canonical all
          ConnectTimeout 9
        """
    )
    short = found["short"]
    assert (short.address, short.user, short.port, short.connect_seconds) == ("long.example", "second", 5, 9.0)


def test_addresses_are_put_in_their_usual_form(hosts: Hosts) -> None:
    found = hosts("".join(f"Host {name}\n HostName {name}\n" for name in ("127.1", "0:0::1", "0x7f.0.0.2", "UP")))
    assert [machine.address for machine in found.values()] == ["127.0.0.1", "::1", "127.0.0.2", "up"]


def test_without_an_answer_of_dns_the_name_stays_and_the_host_says_so(tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_text(
        "CanonicalizeHostname yes\nCanonicalDomains example.invalid\nHost web\n User u\nMatch canonical all\n Port 9\n"
    )
    parsed = parse(path, Local.here())
    (machine,) = Machines(parsed, "s", local=Local.here(), outside=Outside(reading_seconds=0)).all(parsed.names)
    assert (machine.address, machine.port) == ("web", 9)
    assert machine.notes == ("DNS did not answer for web, which is therefore not canonicalized",)


def test_a_host_that_is_not_listed_is_resolved_too(tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_text("Host *.corp\n User ops\n ProxyJump gate\nHost gate\n Port 2\n")
    local = Local.here()
    machine = Machines(parse(path, local), "csv", local=local, outside=Outside()).machine("web9.corp")
    assert (machine.source, machine.name, machine.user) == ("csv", "web9.corp", "ops")
    assert [(hop.name, hop.port) for hop in machine.jumps] == [("gate", 2)]


@given(st.lists(st.text(st.characters(codec="ascii", exclude_characters="\0\r\n"), min_size=1), min_size=1))
def test_quoted_arguments_come_back_as_they_were(words: list[str]) -> None:
    quoted = " ".join('"' + word.replace("\\", "\\\\").replace('"', '\\"') + '"' for word in words)
    assert lines.arguments(quoted) == words
    if all(word.isalnum() for word in words):
        assert lines.arguments(shlex.join(words)) == words


_SCRAPS = st.sampled_from(
    ["Host", "Match", "Include", "ProxyJump", "Port", "IdentityFile", "User", " ", "=", '"', "'", "\\", "#", "\n", "*",
     "!", "%", "${", "}", "~", ",", ":", "@", "[", "]", "ssh://", "all", "host", "exec", "final", "22", "a", "none",
     "\r", "\t", "\f", "\0", "é", "/dev/null", "/nonexistent/*", "HostName", "IgnoreUnknown", "SetEnv", "\n Host a\n"]
)  # fmt: skip


@given(st.lists(_SCRAPS, max_size=40))
def test_whatever_stands_in_a_file_there_are_hosts_or_a_reason(
    tmp_path_factory: pytest.TempPathFactory, scraps: list[str]
) -> None:
    path = tmp_path_factory.getbasetemp() / "scraps"
    path.write_text("".join(scraps).replace("exec", "exe"))
    try:
        machines, files, _ = sshconfig.read(path, "ssh")
    except errors.Malformed as error:
        assert str(path) in str(error)
    else:
        assert str(path) in files
        assert len({machine.name for machine in machines}) == len(machines)
