"""File, variables and flags; every mistake with its file, line, key and mend."""

from __future__ import annotations

import tomllib
from pathlib import Path

import msgspec
import pytest

from cockpit.config.load import ConfigError, load, variables, with_environment
from cockpit.config.problems import masked
from cockpit.config.render import toml
from cockpit.config.settings import Fleet, Host, MetricsSource, PodsSource, Settings, Ui
from cockpit.config.template import EXAMPLES, HEADER

NOTHING: dict[str, str] = {}


def read(folder: Path, text: str, environ: dict[str, str] | None = None) -> Settings:
    path = folder / "c.toml"
    path.write_text(text)
    return load(path, environ=NOTHING if environ is None else environ)


def complaint(folder: Path, text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        read(folder, text)
    return str(caught.value).replace(f"{folder}/", "")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            '\n[[pods]]\nname = "a"\ncontxt = "x"',
            "c.toml:4: pods[0].contxt: there is no key 'contxt'; did you mean 'context'?",
        ),
        ("[uii]", "c.toml:1: uii: there is no key 'uii'; did you mean 'ui'?"),
        ('[[pods]]\ncontext = "x"', "c.toml:1: pods[0]: the key 'name' is missing"),
        ('[ui]\nread_only = "yes"', "c.toml:2: ui.read_only: expected `bool`, got `str`"),
        ('[ui]\n\nnotify = "bel"', "c.toml:3: ui.notify: 'bel' is not one of bell, osc9, off; did you mean 'bell'?"),
        ("pods = 3", "c.toml:1: pods: expected `array`, got `int`"),
        ('[keys]\n"pods.logs" = 3', 'c.toml:2: keys."pods.logs": expected `str`, got `int`'),
        (
            '[server]\ntoken = "hunter2"',
            "c.toml:2: server.token: a secret does not stand in the file; "
            "write token_env (a variable's name), token_file or token_command",
        ),
        ('[[pods]]\nname="a"\n[[pods]]\nname="a"', "c.toml:4: pods[1].name: the name 'a' is taken by pods[0]"),
        (
            '[[server.repositories]]\nname="a/b"\nurl="x"\n[[server.repositories]]\nname="a/b"\nurl="y"',
            "c.toml:5: server.repositories[1].name: the name 'a/b' is taken by server.repositories[0]",
        ),
        ('[[fleet.hosts]]\nname="a"\nport=70000', "c.toml:3: fleet.hosts[0].port: 70000 is no port; write 1 to 65535"),
        (
            '[fleet]\ninventories = ["~/c",\n "ansibel:hosts"]',
            "c.toml:2: fleet.inventories[1]: there is no format 'ansibel'; did you mean 'ansible'?",
        ),
        (
            '[fleet]\ninventories = ["https://x"]',
            "c.toml:2: fleet.inventories[0]: there is no format 'https'; there are ansible, csv, toml",
        ),
        ('[fleet]\ninventories = [""]', "c.toml:2: fleet.inventories[0]: '' names no file"),
        ('[fleet]\ninventories = ["a\\u0000"]', "c.toml:2: fleet.inventories[0]: 'a\\x00' can be no path"),
        ('[fleet]\ninventories = ["command:"]', "c.toml:2: fleet.inventories[0]: 'command:' names no program"),
        ('[fleet]\ninventories = ["command:a \'"]', 'c.toml:2: fleet.inventories[0]: "command:a \'": no closing'),
        ("[fleet]\ninterval = nan", "c.toml:2: fleet.interval: nan is no interval; write seconds above 0"),
        (
            '[[metrics]]\nname="m"\nurl="http://u:hunter2@:9"',
            "c.toml:3: metrics[0].url: 'http://u:***@:9' is no url; write one such as http://localhost:9090",
        ),
        (
            '[[metrics]]\nname="m"\nurl="http://h:99999"',
            "c.toml:3: metrics[0].url: 'http://h:99999' is no url; write one such as http://localhost:9090",
        ),
        ('[server]\nlisten = "8420"', "c.toml:2: server.listen: '8420' is no address; write one such as 127.0.0.1:"),
        (
            '[server]\ntoken_env = "A"\ntoken_file = "b"',
            "c.toml:3: server.token_file: only one of token_env and token_file can be; remove the other",
        ),
        ("a = " + "[" * 5000, "c.toml: its arrays are nested too deep"),
        ("[ui", "c.toml:1: Expected ']' at the end of a table declaration"),
    ],
)
def test_mistakes(tmp_path: Path, text: str, expected: str) -> None:
    said = complaint(tmp_path, text)
    assert said.startswith(expected)
    assert "hunter2" not in said


def test_all_mistakes_of_a_file_are_told_at_once(tmp_path: Path) -> None:
    assert complaint(tmp_path, "[ui]\na = 1\nthem = 2\n[fleet]\ninterval = 'x'").count("\n") == 2


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such file; make one with: cockpit config init"):
        load(tmp_path / "none.toml")
    with pytest.raises(ConfigError, match="Is a directory"):
        load(tmp_path)
    (tmp_path / "latin").write_bytes(b'a = "\xe9"')
    with pytest.raises(ConfigError, match="not UTF-8"):
        load(tmp_path / "latin")


def test_variables_win_over_the_file(tmp_path: Path) -> None:
    text = '[ui]\ntheme = "a"\n[fleet]\ninterval = 3\n[[fleet.hosts]]\nname = "h"'
    environ = {"COCKPIT_UI__THEME": "b", "COCKPIT_FLEET__INTERVAL": "7.5", "COCKPIT_SERVER__RUNNER__WORKERS": "4"}
    settings = read(tmp_path, text, {**environ, "COCKPIT_TOKEN": "x", "COCKPIT_STATE_DIR": "y", "HOME__X": "z"})
    assert (settings.ui.theme, settings.fleet.interval, settings.server.runner.workers) == ("b", 7.5, 4)
    assert settings.fleet.hosts[0].name == "h"


def test_variables_are_checked() -> None:
    with pytest.raises(ConfigError, match=r"COCKPIT_UI__THEM is no key.*did you mean COCKPIT_UI__THEME"):
        with_environment(Settings(), {"COCKPIT_UI__THEM": "x"})
    with pytest.raises(ConfigError, match="COCKPIT_UI__MOUSE: 'perhaps': expected `bool`"):
        with_environment(Settings(), {"COCKPIT_UI__MOUSE": "perhaps"})
    assert with_environment(Settings(), {"COCKPIT_UI__MOUSE": "false"}).ui.mouse is False
    assert all("__" in name for name, _ in variables())


def test_paths_are_relative_to_the_file_and_inventories_keep_their_names(tmp_path: Path) -> None:
    text = (
        '[[pods]]\nname = "a"\nkubeconfig = "kc:/etc/kc"\n[fleet]\ninventories = ["~/.ssh/config", "hosts.toml"]\n'
        '[[fleet.hosts]]\nname = "h"\n[[metrics]]\nname = "m"\nurl = "http://h"\ntoken_file = "t"'
    )
    settings = read(tmp_path, text)
    assert settings.pods[0].kubeconfig == f"{tmp_path}/kc:/etc/kc"
    assert settings.fleet.inventories == ["~/.ssh/config", f"{tmp_path}/hosts.toml"]
    assert settings.fleet.hosts[0].known_hosts == str(Path("~/.ssh/known_hosts").expanduser())
    assert settings.fleet.hosts[0].identity == ""
    assert settings.metrics[0].token_file == f"{tmp_path}/t"


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("hosts.csv", "{folder}/hosts.csv"),
        ("csv:table", "csv:{folder}/table"),
        ("ansible:~/inventory", "ansible:~/inventory"),
        ("ssh_config:/etc/c", "ssh_config:/etc/c"),
        ("command:./list --prod 'a b'", "command:{folder}/list --prod 'a b'"),
        ("command:ansible-inventory --list -i x/y", "command:ansible-inventory --list -i x/y"),
        ("command:~/bin/list", "command:~/bin/list"),
        ("./odd:name", "{folder}/odd:name"),
    ],
)
def test_inventories_keep_their_format_and_the_arguments_of_their_program(
    tmp_path: Path, written: str, meant: str
) -> None:
    settings = read(tmp_path, f'[fleet]\ninventories = ["{written}"]')
    assert settings.fleet.inventories == [meant.format(folder=tmp_path)]


SETTINGS = Settings(
    pods=[PodsSource(name='a"b\n\x7f\\é', namespaces=["x", "y"])],
    fleet=Fleet(
        hosts=[Host(name="h", roles=["web"], port=2222, labels={"rack": "b 7", "a.b": ""}), Host(name="i", jump="h")],
        interval=0.5,
    ),
    metrics=[MetricsSource(name="m", url="http://h", token_command=["pass", "show x"])],
    ui=Ui(mouse=False),
    keys={"pods.logs": "l", "a b": "ctrl+c"},
)


@pytest.mark.parametrize("whole", [True, False])
def test_what_is_shown_reads_back(whole: bool) -> None:
    assert msgspec.convert(tomllib.loads(toml(SETTINGS, whole=whole)), Settings) == SETTINGS


def test_a_password_in_a_url_is_masked() -> None:
    assert masked("http://u:p@ss@h/x") == "http://u:***@h/x"
    assert masked("https://ghp_token@git.example/a.git") == "https://***@git.example/a.git"
    assert masked("ssh://git@git.example/a.git") == "ssh://git@git.example/a.git"
    assert masked("http://h:9090/a:b@c") == "http://h:9090/a:b@c"
    shown = toml(Settings(metrics=[MetricsSource(name="m", url="https://me:hunter2@h")]))
    assert "hunter2" not in shown and "me:***@h" in shown


def test_the_template_is_valid_with_every_example_active(tmp_path: Path) -> None:
    active = "\n".join(
        [
            line[2:] if line.startswith("# ") and line[2:3] in '["abcdefghijklmnopqrstuvwxyz' else line
            for line in EXAMPLES.splitlines()
        ]
    )
    settings = read(tmp_path, active)
    assert settings.pods[0].production and settings.server.repositories[0].name == "acme/shop" and settings.keys
    assert read(tmp_path, HEADER + EXAMPLES) == load(tmp_path / "c.toml", environ=NOTHING)


def test_a_home_that_nobody_has_is_a_line(tmp_path: Path) -> None:
    file = tmp_path / "c.toml"
    for text in (
        '[[pods]]\nname = "a"\nkubeconfig = "~nobody-of-that-name/c"',
        '[fleet]\ninventories = ["~nobody-of-it/i"]',
    ):
        file.write_text(text)
        with pytest.raises(ConfigError, match="no such user here"):
            load(file, environ={})


def test_a_file_without_an_end_is_refused() -> None:
    with pytest.raises(ConfigError, match="larger than 64 MiB"):
        load(Path("/dev/zero"), environ={})
