"""What inventories say of machines: TOML, CSV and the variables of ansible, and what ssh_config adds."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cockpit.config.settings import Fleet, Host
from cockpit.fleet.inventory import csvfile, tomlfile
from cockpit.fleet.inventory.ansible import ini
from cockpit.fleet.inventory.ansible.machines import hosts
from cockpit.fleet.inventory.ansible.sshargs import arguments
from cockpit.fleet.inventory.ansible.tree import Tree
from cockpit.fleet.inventory.ansible.values import Vaulted
from cockpit.fleet.inventory.said import Said, machines
from cockpit.fleet.inventory.ssh import Ssh
from cockpit.fleet.machine import Machine
from cockpit.model import errors
from cockpit.model.user import home, user_name

Found = dict[str, Machine]


def resolved(said: Any, ssh: Ssh | None = None, fleet: Fleet | None = None) -> Found:
    return {each.name: each for each in machines(said, "src", fleet or Fleet(), ssh or Ssh("none"))}


def from_toml(*given: Host, **fleet: Any) -> Found:
    return resolved(tomlfile.said(given), fleet=Fleet(**fleet))


def from_csv(folder: Path, text: str, config: str = "") -> Found:
    (folder / "hosts.csv").write_text(text)
    return resolved(csvfile.read(folder / "hosts.csv"), configured(folder, config))


def from_ini(folder: Path, text: str, config: str = "") -> Found:
    tree = Tree()
    ini.read(text, tree)
    tree.settle()
    return resolved(hosts(tree, tree.variables({}, {})), configured(folder, config))


def configured(folder: Path, text: str) -> Ssh:
    (folder / "ssh_config").write_text(text)
    return Ssh(str(folder / "ssh_config"))


def hop(machine: Machine) -> tuple[str, str, int]:
    return machine.user, machine.address, machine.port


def test_a_host_of_the_configuration_is_taken_as_it_stands() -> None:
    found = from_toml(
        Host(
            name="a",
            address="::1",
            port=2222,
            user="ops",
            roles=["web"],
            groups=["site", "web"],
            env="prod",
            labels={"rack": "b7", "age": "3"},
            identity="~/key",
            certificate="/c",
            known_hosts="/kh",
            production=True,
        ),
        Host(name="b"),
        Host(name="here", transport="local"),
        Host(name="odd", port=0),
        read_only=True,
    )
    a, b = found["a"], found["b"]
    assert (a.source, a.address, a.port, a.user, a.env) == ("src", "::1", 2222, "ops", "prod")
    assert (a.roles, a.labels) == (("web", "site"), (("age", "3"), ("rack", "b7")))
    assert (a.identities, a.certificates, a.known_hosts) == ((f"{home()}/key",), ("/c",), ("/kh",))
    assert (a.production, a.read_only, b.production, b.read_only) == (True, True, False, True)
    assert (b.address, b.port, b.user, b.known_hosts) == ("b", 22, user_name(), (f"{home()}/.ssh/known_hosts",))
    assert (found["here"].address, found["here"].transport) == ("localhost", "local")
    assert found["odd"].unsupported == "port 0"


def test_jumps_are_names_of_other_hosts_or_addresses() -> None:
    found = from_toml(
        Host(name="far", jump="mid", identity="/k", known_hosts="/kh"),
        Host(name="mid", address="10.0.0.2", user="m", jump="ops@outer:2200"),
        Host(name="two", jump="root@mid:99,[::1]", identity="/k"),
        Host(name="direct", jump="none"),
    )
    assert [hop(each) for each in found["far"].jumps] == [("ops", "outer", 2200), ("m", "10.0.0.2", 22)]
    assert [hop(each) for each in found["two"].jumps] == [
        ("ops", "outer", 2200),
        ("root", "10.0.0.2", 99),
        (user_name(), "::1", 22),
    ]
    assert found["two"].jumps[2].identities == ("/k",), "a hop that is nobody's name has the host's key"
    assert found["direct"].jumps == ()
    assert all(not each.jumps for machine in found.values() for each in machine.jumps)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ([Host(name="")], "a host has an empty name"),
        ([Host(name="a"), Host(name="a")], "the host 'a' is there twice"),
        ([Host(name="a", jump="b"), Host(name="b", jump="a")], "the host 'a' is to be reached through itself: a b a"),
        ([Host(name="a", jump="a")], "through itself: a a"),
        ([Host(name="a", jump="b:0x1")], "a jump has a hop with a bad port"),
    ],
)
def test_hosts_that_cannot_be(given: list[Host], said: str) -> None:
    with pytest.raises(errors.Malformed) as caught:
        from_toml(*given)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[[hosts]]\nnam = 1\n", "nam"),
        ("[[hosts\n", "line 1"),
        pytest.param("a = " + "[" * 5000, "its arrays are nested too deep", id="deep"),
        ("x = 1", "x"),
    ],
)
def test_a_bad_toml_file(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "h.toml").write_text(text)
    with pytest.raises(errors.Malformed, match=said):
        tomlfile.read(tmp_path / "h.toml")


def test_a_table_of_hosts(tmp_path: Path) -> None:
    found = from_csv(
        tmp_path,
        "\ufeffName, Address ,port,user,roles,groups,env,production,rack,DB password,jump\n"
        'w1,10.0.0.1,2222,ops,"web, edge",site,prod,yes,b7,hunter2,w2\n'
        "\n"
        'w2,,,,,,,,"b 8, left",,\n'
        "w3\n",
    )
    w1, w2 = found["w1"], found["w2"]
    assert (w1.address, w1.port, w1.user, w1.roles, w1.env) == (
        "10.0.0.1",
        2222,
        "ops",
        ("web", "edge", "site"),
        "prod",
    )
    assert (w1.production, w1.labels, w2.labels) == (True, (("rack", "b7"),), (("rack", "b 8, left"),))
    assert [each.name for each in w1.jumps] == ["w2"] and found["w3"].address == "w3"


def test_semicolons_and_tabs_part_cells_too(tmp_path: Path) -> None:
    assert from_csv(tmp_path, "name;roles\na;x,y\n")["a"].roles == ("x", "y")
    assert from_csv(tmp_path, "name\track\na\t1,2\n")["a"].labels == (("rack", "1,2"),)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "line 1: there is no column name"),
        ("host,port\n", "line 1: there is no column name; write a header line such as name,address,port,user,rack"),
        ("name,,x\n", "line 1: the column 2 has no name"),
        ("name,rack,rack\n", "line 1: the column 'rack' is there twice"),
        ("name,port\na,1\nb,x\n", "line 3, column port: 'x' is no port; write 1 to 65535"),
        ("name,port\na,70000\n", "line 2, column port: '70000' is no port"),
        ("name,production\na,perhaps\n", "line 2, column production: 'perhaps' is neither yes nor no"),
        ("name,transport\na,telnet\n", "column transport: 'telnet' is neither ssh nor local"),
        ("name,jump\na,b:x\n", "line 2, column jump: a jump has a hop with a bad port"),
        ("name,port\n,1\n", "line 2, column name: it is empty"),
        ("name,port\na,1\na,2\n", "line 3, column name: 'a' is there twice"),
        ("name,port\na,1,2\n", "line 2: 3 cells, but there are 2 columns"),
        ('name,x\na,"b\n', "line 2: "),
    ],
)
def test_a_bad_table_says_line_and_column(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(errors.Malformed) as caught:
        from_csv(tmp_path, text)
    assert said in str(caught.value)


def test_variables_of_ansible(tmp_path: Path) -> None:
    found = from_ini(
        tmp_path,
        "a ansible_host=10.0.0.1 ansible_ssh_host=10.0.0.2 ansible_user=u ansible_port=2222 rack=b7 n=1 yes=True "
        "l=[1] env=prod api_token=hunter2 production=true none=None\n"
        "b ansible_connection=local\n"
        "c ansible_connection=docker\n"
        "d ansible_become=yes ansible_password=hunter2 ansible_python_interpreter=/usr/bin/python3\n"
        "[web]\na\n[site:children]\nweb\n[site:vars]\nsite=x\n",
    )
    a, d = found["a"], found["d"]
    assert (a.name, hop(a)) == ("a", ("u", "10.0.0.2", 2222))
    assert (a.roles, a.env, a.production) == (("web", "site"), "prod", False)
    assert a.labels == (("n", "1"), ("production", "true"), ("rack", "b7"), ("site", "x"), ("yes", "true"))
    assert (found["b"].transport, found["b"].address) == ("local", "localhost")
    assert found["c"].unsupported.startswith("ansible_connection docker: cockpit goes by ssh")
    assert d.notes == ("ansible_become is not honoured", "ansible_password is not honoured") and d.labels == ()


@pytest.mark.parametrize(
    ("variables", "unsupported"),
    [
        (
            {"ansible_host": "{{ inventory_hostname }}.x"},
            "the template of ansible_host is not evaluated; write down what it comes to",
        ),
        ({"ansible_ssh_common_args": "-J {{ bastion }}"}, "the template of ansible_ssh_common_args"),
        ({"ansible_user": Vaulted()}, "the vaulted value of ansible_user is not opened; write down what it comes to"),
        ({"ansible_ssh_common_args": "-o Foo=bar"}, "its options for ssh: Foo is unknown"),
        ({"ansible_ssh_common_args": "-J a:b:c"}, "its options for ssh: ProxyJump has a hop"),
        ({"ansible_ssh_extra_args": "-F /no/such"}, "ssh -F /no/such: /no/such does not exist"),
        ({"ansible_port": 70000}, "its options for ssh: Port wants a port"),
        ({"ansible_host": "$(reboot)"}, "its name or user has characters that a shell takes apart"),
        ({"ansible_user": "a;b"}, "its name or user has characters that a shell takes apart"),
        ({"note": "{{ x }}"}, ""),
    ],
)
def test_where_ansible_would_go_elsewhere_nobody_goes(variables: dict[str, Any], unsupported: str) -> None:
    tree = Tree()
    tree.add_host("web1", "all")
    tree.settle()
    (machine,) = resolved(hosts(tree, {"web1": variables})).values()
    assert machine.unsupported[: len(unsupported) or 1] == unsupported


def test_templates_that_decide_nothing_are_noted() -> None:
    tree = Tree()
    tree.add_host("web1", "all")
    tree.settle()
    (machine,) = resolved(hosts(tree, {"web1": dict.fromkeys("abcdefg", "{{ x }}")})).values()
    assert machine.notes == ("templates are not evaluated: a, b, c, d, e and 2 more",) and machine.labels == ()


@pytest.mark.parametrize("variables", [{"ansible_port": [1]}, {"ansible_user": True}, {"ansible_host": {"a": 1}}])
def test_connections_that_are_no_text_are_malformed(variables: dict[str, Any]) -> None:
    tree = Tree()
    tree.add_host("web1", "all")
    tree.settle()
    with pytest.raises(errors.Malformed, match="of the host 'web1' is no text"):
        resolved(hosts(tree, {"web1": variables}))


def test_arguments_of_ssh_in_the_order_in_which_ansible_puts_them(tmp_path: Path) -> None:
    found = from_ini(
        tmp_path,
        "a ansible_user=u ansible_ssh_private_key_file='/keys/a b' "
        "ansible_ssh_args='-C -o ControlMaster=auto -i /first -o \"User first\"' "
        "ansible_ssh_common_args='-J ops@bastion:2200 -oStrictHostKeyChecking=accept-new -p 99' "
        "ansible_ssh_extra_args='-o ProxyCommand=never -o UserKnownHostsFile=/kh -i /last -W x:1 word'\n"
        "b ansible_ssh_common_args='-o ProxyCommand=\"nc %h %p\"' ansible_host=10.0.0.9 ansible_port=23\n",
    )
    a, b = found["a"], found["b"]
    assert (a.user, a.port, a.identities) == ("first", 99, ("/first", "/keys/a b", "/last"))
    assert ([hop(each) for each in a.jumps], a.proxy_command) == ([("ops", "bastion", 2200)], "")
    assert (a.unknown_keys, a.known_hosts) == ("accept", ("/kh",))
    assert a.notes[:2] == ("ssh -W x:1 is not honoured", "ssh word is not honoured")
    assert b.proxy_command == "nc 10.0.0.9 23"


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ("-o Port=22 -oUser=x", ["Port=22", "User=x"]),
        ("-CAp 22 -Jx", ["Compression yes", "ForwardAgent yes", 'Port "22"', "ProxyJump x"]),
        ("-vvqi'a \"b'", ['IdentityFile "a \\"b"']),
        ("-o", [""]),
        ("", []),
    ],
)
def test_arguments_become_options(text: str, options: list[str]) -> None:
    assert list(arguments(text).options) == options


CONFIG = """\
Host web1 10.0.0.1
  HostName real.example
  User fromconfig
  Port 2200
  IdentityFile /config/key
  ProxyJump outer
Host outer
  HostName 192.0.2.1
  User jumper
Host *
  UserKnownHostsFile /config/kh
"""


def test_what_an_inventory_leaves_out_is_as_ssh_has_it_for_that_name(tmp_path: Path) -> None:
    found = from_ini(tmp_path, "web1\nby_address ansible_host=10.0.0.1 ansible_port=7 ansible_user=u\nother\n", CONFIG)
    web1, by_address, other = found["web1"], found["by_address"], found["other"]
    assert (web1.name, web1.source, hop(web1)) == ("web1", "src", ("fromconfig", "real.example", 2200))
    assert web1.identities == ("/config/key",) and [hop(each) for each in web1.jumps] == [("jumper", "192.0.2.1", 22)]
    assert hop(by_address) == ("u", "real.example", 7), "ssh looks up what it is called with"
    assert (hop(other), other.known_hosts) == ((user_name(), "other", 22), ("/config/kh",))
    table = from_csv(tmp_path, "name,user,jump\nweb1,u,\nfar,,outer\n", CONFIG)
    assert (hop(table["web1"]), len(table["web1"].jumps)) == (("u", "real.example", 2200), 1)
    assert [hop(each) for each in table["far"].jumps] == [("jumper", "192.0.2.1", 22)]


def test_a_configuration_of_its_own_is_read_for_a_host(tmp_path: Path) -> None:
    (tmp_path / "own").write_text("Host a\n HostName own.example\n")
    found = from_ini(tmp_path, f"a ansible_ssh_common_args='-F {tmp_path}/own'\nb\n", "Host *\n User config\n")
    assert (found["a"].address, found["a"].user, found["b"].user) == ("own.example", user_name(), "config")


names = st.sampled_from(
    ["ansible_host", "ansible_port", "ansible_user", "ansible_connection", "ansible_ssh_args", "env"]
)
scalars = st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.sampled_from(["-J a", "-o", "-i x -F"])


@given(st.dictionaries(names | st.text(max_size=4), scalars | st.lists(scalars, max_size=2), max_size=4))
def test_any_variables_give_a_machine_or_are_malformed(variables: dict[str, Any]) -> None:
    tree = Tree()
    tree.add_host("web1", "all")
    tree.settle()
    try:
        (machine,) = resolved(hosts(tree, {"web1": variables})).values()
    except errors.Malformed as error:
        assert str(error)
    else:
        assert machine.name == "web1" and (machine.unsupported or 0 < machine.port < 65536)


@given(st.text("-oJFip =ab'\"\\\n:@%{}$", max_size=20))
def test_any_arguments_are_taken(text: str) -> None:
    (machine,) = resolved([Said(name="a", options=arguments(text).options)]).values()
    assert machine.name == "a"


@given(st.lists(st.lists(st.text(max_size=6), max_size=4), max_size=4))
def test_any_table_is_read_or_malformed(rows: list[list[str]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "t.csv")
        path.write_text("\n".join(",".join(row) for row in [["name", "port", "x"], *rows]), errors="replace")
        try:
            resolved(csvfile.read(path))
        except errors.Malformed as error:
            assert str(error)
