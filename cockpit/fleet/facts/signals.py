"""TERM and KILL to processes of a host. A pid that has gone to another process since is never hit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cockpit.fleet.facts.drilled import machine_of
from cockpit.fleet.facts.effect import effect
from cockpit.fleet.facts.processes import Process
from cockpit.fleet.host import Host
from cockpit.fleet.roster import Roster
from cockpit.model import errors
from cockpit.tasks.action import Action, Job, Progress, Risk, State, Target

LANE = "fleet"
SHOWN_CHARS = 120
"""Of a command line in a question."""
_ROUNDS = 25
"""Fifths of a second that a process is watched for its end."""
_SCRIPT = f"""
same() {{
  {{ read -r line </proc/$1/stat; }} 2>/dev/null || return 1
  start=$2; set -- ${{line##*) }}; state=$1
  [ "$state" != Z ] && [ "$state" != X ] && [ "${{20}}" = "$start" ]
}}
signal=$1; shift; pairs=$*; left=
for pair in $pairs; do
  pid=${{pair%/*}}
  if ! same $pid ${{pair#*/}}; then tell other $pair
  elif kill -s $signal $pid 2>/dev/null || {{ [ "$as" ] && $as kill -s $signal $pid; }}; then left="$left $pair"
  else tell refused $pair; fi
done
i=0
while [ "$left" ] && [ $i -lt {_ROUNDS} ]; do
  sleep 0.2 2>/dev/null || sleep 1
  i=$((i + 1)); now=$left; left=
  for pair in $now; do
    if same ${{pair%/*}} ${{pair#*/}}; then left="$left $pair"; else tell ended $pair; fi
  done
done
for pair in $left; do same ${{pair%/*}} ${{pair#*/}} && tell runs $pair $state || tell ended $pair; done
"""


def signal_actions(roster: Roster, host: Host) -> tuple[Action[Process], ...]:
    """The catalogue of a host's processes."""

    def bound(signal: str, risk: Risk) -> Action[Process]:
        def bind(processes: Sequence[Process], _: Mapping[str, str]) -> Job:
            return signal_job(roster, host, processes, signal, risk)

        return Action(
            id=f"processes.{signal.lower()}",
            title=f"Send {signal}",
            key=signal[0],
            risk=risk,
            bind=bind,
            disabled=_why_not,
        )

    return bound("TERM", Risk.DISRUPTIVE), bound("KILL", Risk.DESTRUCTIVE)


def process_target(host: Host, process: Process) -> Target:
    """As locks, questions and the journal know it."""
    return Target(f"fleet/{host.name}/process/{process.key}", process.label, host.production, host.read_only)


def signal_job(roster: Roster, host: Host, processes: Sequence[Process], signal: str, risk: Risk) -> Job:
    """Raises errors.Refused for a process that takes no signal."""
    if why := _why_not(processes):
        raise errors.Refused(why)
    names = {process.key: process.label for process in processes}

    async def run(progress: Progress) -> None:
        in_doubt = "look at the processes: some may have got the signal"
        told = await effect(roster.pool, machine_of(roster, host), _SCRIPT, (signal, *names), in_doubt=in_doubt)
        heard: set[str] = set()
        for word, *words in told:
            if word == "output":
                progress.say(words[0])
            elif words and (name := names.get(words[0])) is not None:
                heard.add(words[0])
                state, why = _meaning(word, signal, words[1:], host)
                progress.say(f"{name}: {why}", target=name)
                progress.outcome(name, state, why)
        for key in names.keys() - heard:
            progress.outcome(names[key], State.UNKNOWN, "the host did not say what came of it")

    first = processes[0]
    what = f"{first.label}: {first.command[:SHOWN_CHARS]}" if len(processes) == 1 else f"{len(processes)} processes"
    return Job(
        action=f"processes.{signal.lower()}",
        sentence=f"Send {signal} on {host.name} to {what}",
        targets=tuple(process_target(host, process) for process in processes),
        run=run,
        risk=risk,
        lane=LANE,
        exclusive=frozenset(process_target(host, process).key for process in processes),
        preview=tuple(
            f"{host.name}: kill -s {signal} {p.pid}  # {p.user} {p.command[:SHOWN_CHARS]}" for p in processes
        ),
    )


def _why_not(processes: Sequence[Process]) -> str | None:
    for process in processes:
        if process.pid == 1:
            return "process 1 is the host's init"
        if process.kernel:
            return f"{process.label} is a thread of the kernel, which takes no signal"
        if process.state == "Z":
            return f"{process.label} has ended; its parent {process.parent} has not taken note"
    return None


def _meaning(word: str, signal: str, words: Sequence[str], host: Host) -> tuple[State, str]:
    match word:
        case "ended":
            return State.SUCCEEDED, "it has ended"
        case "other":
            return State.FAILED, "it had ended before, or its pid is another process's now; nothing was sent"
        case "refused":
            who = f"log in to {host.name} as its user or as root, or allow `kill` by sudo without a password"
            return State.FAILED, f"it may not be signalled; {who}"
        case _:
            hangs = ": it waits in the kernel and cannot end before that" if words[:1] == ["D"] else ""
            return (
                State.FAILED,
                f"it got {signal} and still runs{hangs or ('; KILL ends it' if signal != 'KILL' else '')}",
            )
