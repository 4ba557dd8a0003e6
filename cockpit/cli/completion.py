"""Completion where click's own takes words apart: bash has three in `last:failed`, fish loses what follows a comma."""

from __future__ import annotations

import os
from typing import ClassVar

from click.shell_completion import BashComplete, CompletionItem, FishComplete, add_completion_class, split_arg_string

_BASH = """\
%(complete_func)s() {
    local offer
    COMPREPLY=()
    while IFS= read -r offer; do
        case $offer in
            dir,*) compopt -o dirnames ;;
            file,*) compopt -o default ;;
            plain,*) COMPREPLY+=("${offer#plain,}") ;;
        esac
    done < <(env COMP_LINE="${COMP_LINE:0:COMP_POINT}" COMP_PART="$2" %(complete_var)s=bash_complete "$1" 2>/dev/null)
}
complete -o nosort -F %(complete_func)s %(prog_name)s
"""


class Bash(BashComplete):
    """It is told the line up to the cursor, and which part of the last word bash puts the offer in place of."""

    source_template: ClassVar[str] = _BASH

    def get_completion_args(self) -> tuple[list[str], str]:
        *words, last = split_arg_string(f"{os.environ['COMP_LINE']}_")  # a word is begun, whatever stands before it
        return words[1:], last[:-1]

    def format_completion(self, item: CompletionItem) -> str:
        _, typed = self.get_completion_args()
        part = os.environ["COMP_PART"]
        if not typed.endswith(part):
            part = "".join(split_arg_string(part))  # it has quotes, or backslashes
        return f"{item.type},{item.value.removeprefix(typed.removesuffix(part))}"


class Fish(FishComplete):
    """Its script, with the type of an offer set apart at the first comma alone."""

    source_template: ClassVar[str] = FishComplete.source_template.replace('string split ","', 'string split -m 1 ","')


def register() -> None:
    """Take the place of click's."""
    add_completion_class(Bash)
    add_completion_class(Fish)
