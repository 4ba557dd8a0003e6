"""The shell's Tab on SELECTION: as bash, zsh and fish ask, with nothing run and nothing said but the offers."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

CONFIG = """\
[fleet]
inventories = ["ssh_config", "command:./program", "hosts.csv", "inv", "gone.toml", "broken.toml"]
[[fleet.hosts]]
name = "here"
roles = ["web"]
transport = "local"
"""
FILES = {
    "ssh_config": 'Match exec "touch ran"\n Port 2\nHost web1 db*\n User u\n',
    "program": "#!/bin/sh\ntouch ran\necho other\n",
    "hosts.csv": "name,roles,rack\nweb2,db,b7\n",
    "inv/hosts": "[lab]\nlab[1:2]\n",
    "inv/program": '#!/bin/sh\ntouch ran\necho "{}"\n',
    "broken.toml": "[[hosts]\n",
}

Ask = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def ask(tmp_path: Path) -> Ask:
    """`ask("bash_complete", COMP_LINE=...)` runs cockpit as a shell does at a Tab; `ask("", PROGRAM)` another."""
    for name, text in {**FILES, "cockpit.toml": CONFIG}.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        path.chmod(0o755 if path.name == "program" else 0o644)
    program = tmp_path / "bin" / "cockpit"
    program.parent.mkdir()
    program.write_text(f"#!{sys.executable}\nfrom cockpit.cli.main import main\nmain()\n")
    program.chmod(0o755)

    def run(instruction: str, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        environment = {
            **os.environ,
            "PATH": f"{program.parent}:{os.environ['PATH']}",
            "COCKPIT_STATE_DIR": str(tmp_path / "state"),
            "COCKPIT_CONFIG": str(tmp_path / "cockpit.toml"),
            **({"_COCKPIT_COMPLETE": instruction} if instruction else {}),
            **variables,
        }
        ran = subprocess.run(
            arguments or [str(program)], capture_output=True, text=True, env=environment, cwd=tmp_path, timeout=60
        )
        assert ran.stderr == "" and not (tmp_path / "ran").exists()
        return ran

    return run


@pytest.fixture
def tab(ask: Ask, need: Callable[[str, str], str]) -> Callable[[str, str], list[str]]:
    """What bash puts in the place of a part of the line: `tab("cockpit fleet list last:f", "f")`."""
    bash = need("bash", "apt-get install bash")

    def press(line: str, part: str) -> list[str]:
        script = """
            compopt() { echo "compopt $*"; }
            eval "$(_COCKPIT_COMPLETE=bash_source cockpit)"
            complete -p cockpit >/dev/null || exit
            COMP_LINE=$1 COMP_POINT=${#1}
            _cockpit_completion cockpit "$2"
            printf '%s\\n' "${COMPREPLY[@]}"
        """
        said = ask("", bash, "--norc", "-c", script, "bash", line, part).stdout
        return [offer for offer in said.split("\n") if offer]

    return press


def keep_a_run(tmp_path: Path) -> None:
    folder = tmp_path / "state" / "fleet" / "runs" / "a1"
    folder.mkdir(parents=True)
    (folder / "run.jsonl").write_text("{}\n")


def test_bash_is_offered_what_the_inventories_name(tab: Callable[[str, str], list[str]], tmp_path: Path) -> None:
    names = ["here", "web1", "web2", "lab1", "lab2"]
    assert tab("cockpit fleet exec ", "") == [*names, "@web", "@db", "@lab"]
    assert tab("cockpit fleet list we", "we") == ["web1", "web2"]
    assert tab("cockpit fleet shell --yes 2 web1,lab", "web1,lab") == ["web1,lab1", "web1,lab2"]
    keep_a_run(tmp_path)
    assert tab("cockpit fleet facts last:f", "f") == ["failed"]
    assert tab("cockpit fleet runs rerun a1 run:a1:ti", "ti") == ["timeout"]


@pytest.mark.parametrize(
    ("line", "part", "offers"),
    [
        ("cockpit fleet put rack=", "", ["b7"]),
        ("cockpit fleet get web1,@d", "@d", ["@db"]),
        ("cockpit fleet sync 'web1,!@d", "web1,!@d", ["web1,!@db"]),
        ("cockpit fleet trust 'web1 @d", "web1 @d", ["web1 @db"]),
        (r"cockpit fleet list lab\[1\],we", r"lab\[1\],we", ["lab[1],web1", "lab[1],web2"]),
        ("cockpit fleet put @db ./ho", "./ho", ["compopt -o default"]),
        ("cockpit fleet exec @db -- we", "we", []),
    ],
)
def test_bash_takes_words_apart(tab: Callable[[str, str], list[str]], line: str, part: str, offers: list[str]) -> None:
    """At `:`, `=` and `@`, and it keeps quotes to itself."""
    assert tab(line, part) == offers


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_zsh_and_fish_are_offered_whole_words(ask: Ask, shell: str) -> None:
    words = "cockpit fleet exec web1,@d"
    ran = ask(f"{shell}_complete", COMP_WORDS=words, COMP_CWORD="3" if shell == "zsh" else "web1,@d")
    assert ran.stdout.split() == (["plain", "web1,@db", "_"] if shell == "zsh" else ["plain,web1,@db"])
    if shell == "fish":
        assert 'string split -m 1 "," $completion' in ask("fish_source").stdout


@pytest.mark.parametrize("option", ["cockpit --config {} fleet list we", "cockpit fleet list --config {} we"])
def test_another_configuration_is_the_one_that_is_asked(ask: Ask, tmp_path: Path, option: str) -> None:
    other = tmp_path / "other.toml"
    other.write_text('[[fleet.hosts]]\nname = "west"\ntransport = "local"\n')
    assert ask("bash_complete", COMP_LINE=option.format(other), COMP_PART="we").stdout == "plain,west\n"


@pytest.mark.parametrize("text", ["[fleet\n", "[fleet]\nno_such_key = 1\n", None])
def test_a_broken_configuration_says_nothing_into_the_line(ask: Ask, tmp_path: Path, text: str | None) -> None:
    path = tmp_path / "cockpit.toml"
    path.unlink()
    if text is not None:
        path.write_text(text)
    assert ask("bash_complete", COMP_LINE="cockpit fleet exec we", COMP_PART="we").stdout == "\n"
    assert ask("zsh_complete", COMP_WORDS="cockpit fleet exec we", COMP_CWORD="3").stdout == "\n"
