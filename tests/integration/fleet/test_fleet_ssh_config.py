"""Our reading of OpenSSH configurations beside that of the installed ssh: `ssh -G`, and `ssh -v` for chains of hops."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import TypeAlias

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cockpit.fleet.inventory.sshconfig.directives import DIRECTIVES
from cockpit.fleet.inventory.sshconfig.machines import Machines
from cockpit.fleet.inventory.sshconfig.outside import Outside
from cockpit.fleet.inventory.sshconfig.parse import Segment, parse
from cockpit.fleet.inventory.sshconfig.resolve import Resolved, resolve
from cockpit.fleet.inventory.sshconfig.tokens import Local, Tokens, Unusable
from cockpit.fleet.machine import Machine
from cockpit.model import errors
from cockpit.model.user import home

INSTALL = "apt-get install openssh-client"
CORPUS = Path(__file__).with_name("ssh_config_corpus.txt")
AGENT = "/run/cockpit-agent"

Printed: TypeAlias = Mapping[str, list[str]]
"""Keyword in lower case -> the values of its lines."""

OTHERWISE = frozenset(
    {
        "addkeystoagent", "casignaturealgorithms", "ciphers", "controlpath", "controlpersist", "escapechar",
        "forwardagent", "hostbasedacceptedalgorithms", "hostkeyalgorithms", "ipqos", "kexalgorithms", "localcommand",
        "logverbose", "macs", "permitremoteopen", "pubkeyacceptedalgorithms", "rekeylimit", "remotecommand",
        "serveraliveinterval", "streamlocalbindmask", "syslogfacility", "tunneldevice", "updatehostkeys",
    }
)  # fmt: skip
"""ssh prints these in another form than they are written in, or expanded; we do not act on any of them."""
UNKNOWN = "(unknown)"
"""Ends the title of a case that ssh refuses because of a keyword or criterion that it does not know."""
WORDS = {"true": "yes", "false": "no"}
"""ssh prints some flags one way, some the other."""


@pytest.fixture(autouse=True)
def ssh(need: Callable[[str, str], str], monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("COCKPIT_AGENT", AGENT)
    monkeypatch.delenv("COCKPIT_NOT_SET", raising=False)
    return need("ssh", INSTALL)


def printed(*arguments: str) -> Printed | None:
    """What `ssh -G` says; None when it refuses."""
    ran = subprocess.run(["ssh", "-G", *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True)
    found: dict[str, list[str]] = {}
    for line in ran.stdout.splitlines():
        keyword, _, value = line.partition(" ")
        found.setdefault(keyword.lower(), []).append(value)
    return None if ran.returncode else found


@lru_cache
def defaults() -> Printed:
    return printed("-F", "/dev/null", "host.invalid") or {}


def differences(path: Path, host: str) -> list[str]:
    """Where we and ssh do not say the same of a host."""
    theirs = printed("-F", str(path), host)
    here, outside = Local.here(), Outside()
    try:
        parsed = parse(path, here)
        ours = resolve(parsed, host, Tokens.of_here(here), outside, Segment(()))
        machine = Machines(parsed, "ssh", local=here, outside=outside).machine(host)
    except (errors.SourceError, Unusable) as error:
        return [] if theirs is None else [f"{host}: we refuse it: {error}"]
    hops = "ProxyJump" in machine.unsupported  # `ssh -G` does not look at them
    if theirs is None:
        return [] if machine.unsupported else [f"{host}: ssh refuses it"]
    found = [f"{host}: we refuse it: {machine.unsupported}"] if machine.unsupported and not hops else []
    for keyword in sorted({*theirs, *ours.values, "proxyjump", "proxycommand"} - {"proxy"} - OTHERWISE):
        mine = said(keyword, ours, machine)
        if mine is not None and mine != as_words(theirs.get(keyword, [])) and not hops:
            found.append(f"{host}: {keyword} is {theirs.get(keyword)}, not {mine}")
    return found


def as_words(values: list[str]) -> list[str]:
    return [WORDS.get(value, value) for value in values]


def said(keyword: str, ours: Resolved, machine: Machine) -> list[str] | None:
    """As `ssh -G` would print it; None: it depends on more than the configuration."""
    value = ours.values.get(keyword)
    match keyword:
        case "host":
            return [ours.given]
        case "hostname":
            return [machine.address]
        case "user":
            return [machine.user]
        case "port":
            return [str(machine.port)]
        case "userknownhostsfile":
            return [" ".join(machine.known_hosts) or "none"]
        case "globalknownhostsfile":
            return [" ".join(machine.global_known_hosts) or "none"]
        case "hostkeyalias":
            return [machine.host_key_alias] if machine.host_key_alias else []
        case "hashknownhosts":
            return ["yes" if machine.hash_known_hosts else "no"]
        case "identitiesonly":
            return ["yes" if machine.identities_only else "no"]
        case "connecttimeout":
            return ["none" if value is None else value[0]]
        case "identityagent" if value is not None and value[0].startswith("$") and value[0][1] != "{":
            assert machine.unsupported or machine.agent == os.environ[value[0][1:]]
            return list(value)
        case "identityagent":
            return [machine.agent or "none"] if value else []
        case "proxycommand":
            return [ours.proxy_command] if ours.proxy_command else []
        case "proxyjump":
            return [_jumps(ours)] if ours.jumps else []
        case "canonicalizepermittedcnames" if value is not None:
            return [" ".join("*:*" if rule == "*" else rule for rule in value)]
        case "dynamicforward" | "localforward" | "remoteforward" | "identityfile" | "certificatefile" | "sendenv":
            return list(value) if value else defaults().get(keyword, [])
        case "setenv":
            return list(value or ())
    if value is None or value == ("none",):
        return as_words(defaults().get(keyword, []))
    return as_words([" ".join(value)])


def _jumps(ours: Resolved) -> str:
    """All but the last as they are written."""
    written, last = ours.values["proxy"][1], ours.jumps[-1]
    number = ":" in last.host or not last.host.strip("0123456789.")
    place = (
        f"{last.user}@" * bool(last.user)
        + (f"[{last.host}]" if number else last.host)
        + f":{last.port}" * bool(last.port)
    )
    return written[: written.rfind(",") + 1] + place


def cases() -> list[tuple[str, list[str], str]]:
    """Title, hosts, text."""
    found = []
    with CORPUS.open(newline="") as file:
        for part in file.read().split("\n=== ")[1:]:
            head, _, text = part.partition("\n")
            title, _, hosts = head.partition(": ")
            found.append((title, hosts.split(), text))
    return found


@pytest.mark.parametrize(("title", "hosts", "text"), [pytest.param(*case, id=case[0]) for case in cases()])
def test_a_configuration_says_to_us_what_it_says_to_ssh(
    tmp_path: Path, title: str, hosts: list[str], text: str
) -> None:
    """But for keywords and criteria that nobody knows: ssh then refuses all hosts, we tell those that it concerns."""
    config, *others = text.replace("{folder}", str(tmp_path)).split("\n--- ")
    for name, content in (("config", config), *(other.split("\n", 1) for other in others)):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        with (tmp_path / name).open("w", newline="") as file:
            file.write(content)
    found = [line for host in hosts for line in differences(tmp_path / "config", host)]
    assert found == ([f"{host}: ssh refuses it" for host in hosts] if title.endswith(UNKNOWN) else [])


def test_the_corpus_is_large() -> None:
    assert len(cases()) > 80 and sum(len(hosts) for _, hosts, _ in cases()) > 160


def test_every_keyword_that_ssh_prints_is_known() -> None:
    assert {*defaults()} - {"host"} <= set(DIRECTIVES)


names = st.sampled_from(["web1", "web2", "db1", "Web1", "a.example.com", "10.0.0.1", "real"])
patterns = st.sampled_from(
    [
        "*",
        "web*",
        "?eb1",
        "web1",
        "web2",
        "!web1",
        "!web2",
        "!*1",
        "*.example.com",
        "10.*",
        "real",
        "Web1",
        "!db*",
        "w*1",
    ]
)
pattern_lists = st.lists(patterns, min_size=1, max_size=3)
options = st.one_of(
    st.sampled_from(["%h.corp", "Real", "10.1.2.3", "127.1", "%%x", "web2", "::1"]).map("HostName {}".format),
    st.sampled_from(["bob", "alice", "root", '"b b"']).map("User {}".format),
    st.sampled_from(["22", "2222", "ssh"]).map("Port={}".format),
    st.sampled_from(["~/.ssh/%h", "/k/%r", "none", '"/k/with space"']).map("IdentityFile {}".format),
    st.sampled_from(["none", "gate", "bob@b1:23,b2", "ssh://u@b3:99", "[::1]:22"]).map("ProxyJump {}".format),
    st.sampled_from(["none", "nc %h %p", "sh -c \"nc '%h'\" # all of it"]).map("ProxyCommand {}".format),
    st.sampled_from(["none", "~/kh /etc/kh", "~/.ssh/%h_%p_%r_%n_%k"]).map("UserKnownHostsFile {}".format),
    st.sampled_from(["yes", "no", "off", "ask", "accept-new"]).map("StrictHostKeyChecking {}".format),
    st.sampled_from(["none", "SSH_AUTH_SOCK", "~/agent-%r", "$COCKPIT_AGENT"]).map("IdentityAgent {}".format),
    st.sampled_from(["LANG LC_*", "FOO", "-F* -LC_*"]).map("SendEnv {}".format),
    st.sampled_from(["A=b C=d", "X=1 X=2"]).map("SetEnv {}".format),
    st.sampled_from(["yes", "no", "always"]).map("CanonicalizeHostname {}".format),
    st.sampled_from(["none", "corp.invalid a.invalid"]).map("CanonicalDomains {}".format),
    st.sampled_from(["5", "1m", "none"]).map("ConnectTimeout {}".format),
    st.sampled_from(
        ["HostKeyAlias Alias", "IgnoreUnknown Foo*", "IdentitiesOnly yes", "CertificateFile ~/c", "# x", ""]
    ),
)
criteria = st.builds(
    "{}{}".format,
    st.sampled_from(["", "", "!"]),
    st.one_of(
        st.sampled_from(["final", "canonical", "exec true", "exec false", 'exec "test %n = web1"', "localuser *"]),
        st.builds("{} {}".format, st.sampled_from(["host", "originalhost"]), pattern_lists.map(",".join)),
        st.sampled_from(["root", "bob", "b*,!bob", "!root,*"]).map("user={}".format),
    ),
)
heads = st.one_of(
    pattern_lists.map(" ".join).map("Host {}".format),
    st.lists(criteria, min_size=1, max_size=3).map(" ".join).map("Match {}".format),
    st.sampled_from(["Match all", "Match final all", "Match !all"]),
)
blocks = st.lists(st.one_of(heads, options, options), max_size=12)


@settings(max_examples=40)
@given(
    top=blocks, included=blocks, deeper=blocks, after=blocks, hosts=st.lists(names, min_size=1, max_size=2, unique=True)
)
def test_any_configuration_says_to_us_what_it_says_to_ssh(
    tmp_path_factory: pytest.TempPathFactory,
    top: list[str],
    included: list[str],
    deeper: list[str],
    after: list[str],
    hosts: list[str],
) -> None:
    folder = tmp_path_factory.getbasetemp()
    first, second, config = folder / "included", folder / "deeper", folder / "config"
    second.write_text("\n".join(deeper))
    first.write_text("\n".join([*included, f"Include {second}", *after[:2]]))
    config.write_text("\n".join([*top, f"Include {first}", *after]))
    assert [line for host in hosts for line in differences(config, host)] == []


@pytest.mark.parametrize("host", ["far", "second", "direct", "uri", "tokens"])
def test_the_hops_are_those_that_ssh_goes_through(tmp_path: Path, host: str) -> None:
    """Each ssh says what it runs to get to the next one; the last of them connects, where nobody listens."""
    path = tmp_path / "config"
    path.write_text(
        """
        Host far
          HostName 127.9.0.1
          ProxyJump first,ops@second:7
        Host first
          HostName 127.9.0.2
          Port 3
          ProxyJump gate
        Host second
          HostName 127.9.0.3
          Port 9
          ProxyJump nowhere
        Host gate
          HostName 127.9.0.4
          Port 5
        Host uri
          HostName 127.9.0.5
          ProxyJump ssh://me@gate:6
        Host tokens
          HostName 127.9.0.6
          Port 4
          User gate
          ProxyJump %r
        Host direct
          HostName 127.9.0.7
          Port 1
        Host nowhere
          HostName 127.9.0.8
        Host *
          ConnectTimeout 5
        """
    )
    ran = subprocess.run(
        ["ssh", "-v", "-F", str(path), "-o", "BatchMode=yes", host, "true"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
    )
    wanted = re.findall(r"Executing proxy command: .* -W '\[(\S+)\]:(\d+)'", ran.stderr)
    wanted += re.findall(r"Connecting to \S+ \[(\S+)\] port (\d+)", ran.stderr)
    here = Local.here()
    machine = Machines(parse(path, here), "ssh", local=here, outside=Outside()).machine(host)
    assert [(each.address, str(each.port)) for each in (*machine.jumps, machine)] == wanted[::-1]


Sandbox: TypeAlias = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def sandbox(tmp_path: Path, need: Callable[[str, str], str]) -> Sandbox:
    """`sandbox(files, words...)` runs a command where some files of the machine are others: its path -> their text."""
    program = need("bwrap", "apt-get install bubblewrap")
    if subprocess.run([program, "--dev-bind", "/", "/", "true"], capture_output=True).returncode:
        pytest.skip("bwrap may not mount here")

    def run(files: Mapping[str, str], *words: str) -> subprocess.CompletedProcess[str]:
        binds: list[str] = []
        for number, (place, text) in enumerate(files.items()):
            (tmp_path / f"bound{number}").write_text(text)
            binds += ["--ro-bind", str(tmp_path / f"bound{number}"), place]
        command = [program, "--dev-bind", "/", "/", *binds, *words]
        return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)

    return run


OURS = """
import json, sys
from pathlib import Path
from cockpit.fleet.inventory.sshconfig.machines import Machines
from cockpit.fleet.inventory.sshconfig.outside import Outside
from cockpit.fleet.inventory.sshconfig.parse import parse
from cockpit.fleet.inventory.sshconfig.tokens import Local
here = Local.here()
machines = Machines(parse(Path(sys.argv[1]), here), "ssh", local=here, outside=Outside()).all(sys.argv[2:])
print(json.dumps([[m.user, m.address, str(m.port), m.unsupported] for m in machines]))
"""


def both(run: Sandbox, files: Mapping[str, str], path: Path, hosts: list[str], *how: str) -> list[tuple[str, ...]]:
    """User, host and port of each, which must be the same by ssh and by us."""
    ran = run(files, sys.executable, "-c", OURS, str(path), *hosts)
    assert ran.returncode == 0, ran.stderr
    ours = json.loads(ran.stdout)
    for host, mine in zip(hosts, ours, strict=True):
        ran = run(files, "ssh", "-G", *how, host)
        theirs = dict(re.findall(r"^(user|hostname|port) (.*)$", ran.stdout, re.MULTILINE))
        if ran.returncode == 0:
            assert mine == [theirs["user"], theirs["hostname"], theirs["port"], ""]
        else:
            assert mine[3] or "not resolve hostname" in ran.stderr
    return [tuple(mine) for mine in ours]


RESOLVER = {
    "/etc/hosts": """
127.0.0.1 localhost
10.1.1.1 web1.corp.example. other.corp.example.
10.1.1.2 real.b.example alias.a.example.
10.1.1.3 dotted.sub.corp.example.
10.1.1.4 bare.b.example bare.a.example
10.1.1.5 far.c.example fern.a.example.
""",
    "/etc/nsswitch.conf": "hosts: files\npasswd: files\ngroup: files\nservices: files\n",
}


def test_names_are_canonicalized_as_by_ssh(sandbox: Sandbox, tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_text(
        """
        CanonicalDomains a.example Corp.Example
        CanonicalizePermittedCNAMEs *.a.example:*.b.example,*.d.example
        CanonicalizeMaxDots 1
        Host noproxy*
          ProxyJump none
        Host web1 proxied
          Port 1
        Host proxied
          HostName web1
          ProxyCommand x
        Host always
          HostName web1
          ProxyCommand x
          CanonicalizeHostname always
        Host *
          CanonicalizeHostname yes
        Match canonical host web1.corp.example
          User canonical
        Host real.b.example
          User real
        Host *.corp.example
          Port 9
        """
    )
    hosts = ["web1", "WEB1", "other", "alias", "dotted.sub", "dotted.sub.corp.example.", "bare.a.example", "fern",
             "proxied", "always", "noproxy", "localhost", "real.b.example", "nowhere", "10.1.1.1"]  # fmt: skip
    found = dict(zip(hosts, both(sandbox, RESOLVER, path, hosts, "-F", str(path)), strict=True))
    assert found["web1"] == ("canonical", "web1.corp.example", "1", "")
    assert found["alias"][:2] == ("real", "real.b.example")
    assert found["fern"][1] == "fern.a.example"
    assert found["nowhere"][1] == "nowhere"


def test_names_outside_of_the_domains_are_refused_where_that_is_asked(sandbox: Sandbox, tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_text("CanonicalizeHostname yes\nCanonicalDomains corp.example\nCanonicalizeFallbackLocal no\n")
    web, nowhere = both(sandbox, RESOLVER, path, ["web1", "nowhere"], "-F", str(path))
    assert web[1:] == ("web1.corp.example", "22", "")
    assert "none of the CanonicalDomains" in nowhere[3]


def test_the_systems_configuration_comes_after_the_users_own_and_only_then(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own, elsewhere = tmp_path / ".ssh" / "config", tmp_path / "elsewhere"
    own.parent.mkdir()
    for path in (own, elsewhere):
        path.write_text("Include more\nHost a\n User own\n")
    (own.parent / "more").write_text("Host b\n User more\n")
    files = {
        "/etc/passwd": users_at_home_in(tmp_path),
        "/etc/ssh/ssh_config": f"Include {tmp_path}/system\nHost a b c\n User system\n Port 7\n",
    }
    (tmp_path / "system").write_text("Host c\n User included\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    default = both(sandbox, files, own, ["a", "b", "c", "d"])
    chosen = both(sandbox, files, elsewhere, ["a", "b", "c"], "-F", str(elsewhere))
    assert [(user, port) for user, _, port, _ in default[:3]] == [("own", "7"), ("more", "7"), ("included", "7")]
    assert [(user, port) for user, _, port, _ in chosen[:2]] == [("own", "22"), ("more", "22")]


def users_at_home_in(folder: Path) -> str:
    """The user database, with another home for us."""
    lines = Path("/etc/passwd").read_text().splitlines(keepends=True)
    return "".join(line.replace(f":{home()}:", f":{folder}:") for line in lines)


def test_a_command_of_match_exec_is_run_once_and_stopped_when_it_hangs(
    tmp_path: Path, processes: Callable[[str], list[int]]
) -> None:
    ran, path = tmp_path / "ran", tmp_path / "config"
    seconds = "98765.4321"
    path.write_text(
        f"""
        Match host hang* exec "sleep {seconds} & sleep {seconds}"
          Port 1
        Match exec "echo x >> {ran}; false"
          Port 2
        Match !exec "exit 3"
          Port 3
        Match host killed exec "kill -9 $$"
          Port 4
        Host hang1 hang2 fine killed
          User u
        """
    )
    parsed = parse(path, Local.here())
    outside = Outside(question_seconds=0.3)
    machines = Machines(parsed, "ssh", local=Local.here(), outside=outside).all(parsed.names)
    found = {machine.name: machine for machine in machines}
    assert ran.read_text() == "x\n"
    assert (found["fine"].port, found["fine"].unsupported) == (3, "")
    for name in ("hang1", "hang2"):
        assert found[name].unsupported.endswith(f"({path} line 2) did not end within 0.3 s")
    assert found["killed"].unsupported.endswith("ended by signal 9")
    deadline = time.monotonic() + 20
    while processes(seconds):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_match_exec_is_run_by_the_users_shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in execute_in_shell (readconf.c); the command is not prefixed with exec there."""
    path, shell, said = tmp_path / "config", tmp_path / "shell", tmp_path / "said"
    shell.write_text(f'#!/bin/sh\nprintf "%s|" "$@" >> {said}\nexec /bin/sh "$@"\n')
    shell.chmod(0o755)
    path.write_text('Match exec "test %n = a"\n Port 1\nHost a\n User u\n')
    monkeypatch.setenv("SHELL", str(shell))
    parsed = parse(path, Local.here())
    (machine,) = Machines(parsed, "ssh", local=Local.here(), outside=Outside()).all(parsed.names)
    assert machine.port == 1 and said.read_text() == "-c|test a = a|"


def test_commands_that_hang_do_not_hold_up_the_reading_one_after_the_other(tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_text('Match exec "sleep 98766.4321; echo %n"\n Port 1\nHost a b c d e f g h i j k l\n User u\n')
    parsed = parse(path, Local.here())
    outside = Outside(question_seconds=30, reading_seconds=0.5)
    machines = Machines(parsed, "ssh", local=Local.here(), outside=outside).all(parsed.names)
    assert all("did not end" in machine.unsupported or "was not run" in machine.unsupported for machine in machines)
