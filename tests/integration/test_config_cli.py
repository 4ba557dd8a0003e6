"""`cockpit` and `cockpit config` as a user calls them."""

from __future__ import annotations

import importlib
import json
import os
import stat
import subprocess
import sys
import tomllib
from pathlib import Path

import jsonschema
import pytest

from cockpit.cli.main import SUBCOMMANDS


class Home:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environ = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "COCKPIT_STATE_DIR": str(folder / "state"),
            "LANG": "C.UTF-8",
        }

    def run(self, *args: object, **environ: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "cockpit", *map(str, args)],
            env={**self.environ, **environ}, cwd=self.folder, capture_output=True, text=True, timeout=60,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


def test_version_and_help_import_nothing_heavy(home: Home) -> None:
    code = (
        "import sys\nfrom cockpit.cli.main import cockpit\n"
        "for args in (['--version'], ['--help']):\n"
        "    cockpit.main(args, standalone_mode=False)\n"
        "print([m for m in ('textual', 'rich', 'yaml', 'httpx', 'asyncssh', 'sqlite3') if m in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, env=home.environ)
    assert result.stdout.startswith("cockpit ") and result.stdout.endswith("[]\n"), result
    assert "tasks" in result.stdout and "validate" not in result.stdout


def test_init_show_validate_schema_path(home: Home) -> None:
    (home.folder / ".ssh").mkdir()
    (home.folder / ".ssh" / "config").write_text("Host web1\n")
    (home.folder / ".kube").mkdir()
    (home.folder / ".kube" / "config").write_text(
        "current-context: b\ncontexts: [{name: a}, {name: b}]\nusers: [{name: u, user: {token: hunter2}}]\n"
    )
    path = home.folder / ".config" / "cockpit" / "config.toml"
    assert home.run("config", "path").stdout == f"{path}\n"
    assert home.run("config", "validate").returncode == 2
    found = tomllib.loads(home.run("config", "show").stdout)
    assert [pod["name"] for pod in found["pods"]] == ["b", "a"]
    assert found["fleet"]["inventories"] == ["~/.ssh/config"]

    made = home.run("config", "init")
    assert made.returncode == 0 and "config validate" in made.stdout
    assert stat.S_IMODE(path.stat().st_mode) == 0o600 and "hunter2" not in path.read_text()
    assert tomllib.loads(path.read_text())["pods"][0]["context"] == "b"
    assert home.run("config", "validate").stdout == f"{path}: ok\n"
    path.write_text('[ui]\ntheme = "mine"\n')
    again = home.run("config", "init")
    assert again.returncode == 1 and "--force" in again.stderr and "mine" in path.read_text()
    shown = tomllib.loads(home.run("config", "show", COCKPIT_UI__THEME="other").stdout)
    assert shown["ui"]["theme"] == "other"
    assert home.run("config", "init", "--force").returncode == 0 and "mine" not in path.read_text()
    assert sorted(file.name for file in path.parent.iterdir()) == ["config.toml"]

    schema = json.loads(home.run("config", "schema").stdout)
    jsonschema.validate(found, schema)
    assert "COCKPIT_UI__THEME" in schema["$comment"]


def test_config_may_stand_before_and_after_and_wins_over_the_variable(home: Home) -> None:
    for name in ("a", "b"):
        (home.folder / f"{name}.toml").write_text(f'[ui]\ntheme = "{name}"\n')
    for args in (["--config", "a.toml", "config", "show"], ["config", "show", "--config", "a.toml"]):
        result = home.run(*args, COCKPIT_CONFIG=str(home.folder / "b.toml"))
        assert tomllib.loads(result.stdout)["ui"]["theme"] == "a"
    result = home.run("config", "show", COCKPIT_CONFIG=str(home.folder / "b.toml"))
    assert tomllib.loads(result.stdout)["ui"]["theme"] == "b"
    result = home.run("--read-only", "config", "show", "--config", "a.toml")
    assert tomllib.loads(result.stdout)["ui"]["read_only"] is True


def test_key_bindings_are_validated_with_their_line(home: Home) -> None:
    file = home.folder / "c.toml"
    file.write_text('[keys]\n"pods.log" = "l"\n"app.zoom" = "nokey"\n"app.help" = "t"\n')
    result = home.run("config", "validate", "--config", file)
    assert result.returncode == 2 and result.stdout == ""
    said = result.stderr.replace(str(file), "c.toml").splitlines()
    assert said[0] == "cockpit: c.toml:2: keys.\"pods.log\": there is no binding 'pods.log'; did you mean 'pods.logs'?"
    assert said[1].startswith('cockpit: c.toml:3: keys."app.zoom": ') and "not a key" in said[1]
    assert any(line.startswith('cockpit: c.toml:4: keys."app.help": ') and "app.tasks" in line for line in said[2:])


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (["--config", "none.toml", "--snapshot"], "there is no such file"),
        (["confg"], "Did you mean 'config'?"),
        (["--snapshot", "--format", "pdf"], "'pdf' is not one of"),
        ([], "cockpit --snapshot"),
        (["--timeout", "0", "--snapshot"], "--timeout"),
    ],
)
def test_bad_usage_is_exit_2_without_a_traceback(home: Home, args: list[str], says: str) -> None:
    result = home.run(*args)
    assert result.returncode == 2 and says in result.stderr and "Traceback" not in result.stderr
    assert result.stdout == ""


def test_hostile_text_in_a_file_is_printable(home: Home) -> None:
    (home.folder / "c.toml").write_text('"\\u001b]52;c;eA==\\u0007" = 1\n')
    result = home.run("config", "validate", "--config", "c.toml")
    assert result.returncode == 2 and "\x1b" not in result.stderr and "\x07" not in result.stderr


def test_an_unexpected_failure_is_one_line_and_a_private_log(home: Home) -> None:
    code = (
        "import sys\nimport cockpit.cli.main as m\n"
        "from cockpit.cli.setup import Setup\n"
        "def broken(self): raise RuntimeError('boom\\nx')\n"
        "Setup.settings = broken\nsys.argv = ['cockpit', 'config', 'show']\nm.main()"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, env=home.environ)
    log = home.folder / "state" / "cockpit.log"
    assert result.returncode == 1
    assert result.stderr == f"cockpit: RuntimeError: boom x; see {log}\n"
    assert "Traceback" in log.read_text() and stat.S_IMODE(log.stat().st_mode) == 0o600


def test_an_unwritable_state_folder_is_no_obstacle(home: Home) -> None:
    (home.folder / "file").write_text("")
    result = home.run("--debug", "config", "path", COCKPIT_STATE_DIR=str(home.folder / "file"))
    assert result.returncode == 0 and result.stderr == ""


def test_every_subcommand_is_there_and_says_the_same_as_the_help() -> None:
    for name, said in SUBCOMMANDS.items():
        command = importlib.import_module(f"cockpit.cli.{name}").command
        assert command.name == name and command.get_short_help_str(200) in (said, said.removesuffix("."))


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_closed_stream_is_an_empty_one(home: Home, closed: str) -> None:
    for arguments, code in (("tasks list", 0), ("", 2), ("demo", 2)):
        command = f"{sys.executable} -m cockpit {arguments} {closed}"
        result = subprocess.run(
            ["/bin/sh", "-c", command], env=home.environ, capture_output=True, text=True, timeout=60, cwd=home.folder
        )
        assert (result.returncode, "Error: this is no terminal" in result.stderr) == (
            code,
            code == 2 and "2>" not in closed,
        )
    assert not (home.folder / "state" / "cockpit.log").exists()


@pytest.mark.parametrize("arguments", [("config", "schema"), ("--help",), ("tasks", "list")])
def test_a_full_disk_is_one_line(home: Home, arguments: tuple[str, ...]) -> None:
    with open("/dev/full", "w") as full:
        result = subprocess.run(
            [sys.executable, "-m", "cockpit", *arguments], env=home.environ, stdout=full, stderr=subprocess.PIPE,
            text=True, timeout=60, cwd=home.folder,
        )  # fmt: skip
    assert result.returncode == 1
    assert (
        result.stderr
        == "cockpit: nothing more can be written to the output: No space left on device; make room there\n"
    )


@pytest.mark.parametrize("arguments", [(), ("demo",)])
@pytest.mark.parametrize("lacks", ["stdin", "stdout", "stderr", "cursor"])
def test_what_is_no_terminal_is_not_drawn_on(home: Home, arguments: tuple[str, ...], lacks: str) -> None:
    ours, theirs = os.openpty()
    with open(home.folder / "elsewhere", "w+") as elsewhere:
        streams = {name: elsewhere if name == lacks else theirs for name in ("stdin", "stdout", "stderr")}
        code = subprocess.run(
            [sys.executable, "-m", "cockpit", *arguments], timeout=60, cwd=home.folder, start_new_session=True,
            env={**home.environ, "TERM": "dumb" if lacks == "cursor" else "xterm-256color"}, **streams,
        ).returncode  # fmt: skip
        elsewhere.seek(0)
        said = (
            elsewhere.read() + os.read(ours, 4096).decode(errors="replace") if lacks != "stderr" else elsewhere.read()
        )
    os.close(ours)
    os.close(theirs)
    assert code == 2 and "terminal" in said and "--snapshot" in said and "\x1b" not in said


def test_debug_says_what_was_read_and_done_and_no_secret(home: Home) -> None:
    secret = "hunter2-of-this-test"
    config = home.folder / "c.toml"
    config.write_text(
        '[[metrics]]\nname = "nowhere"\nurl = "http://127.0.0.1:9"\ntoken_env = "SECRET"\n'
        '[[fleet.hosts]]\nname = "here"\ntransport = "local"\n'
    )
    home.run("--debug", "--config", config, "--snapshot", "--pane", "metrics", "--timeout", "5", SECRET=secret)
    home.run("--debug", "--config", config, "fleet", "exec", "here", "--", "true", SECRET=secret)
    said = (home.folder / "state" / "cockpit.log").read_text()
    assert "cockpit.feeds.feed: nowhere: Stale" in said and "fleet.exec: succeeded" in said and "on Python 3" in said
    assert secret not in said
