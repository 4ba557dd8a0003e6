"""What can be done to the units of a host. systemctl's word is not taken for it: the unit is looked at afterwards."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from msgspec import Struct

from cockpit.fleet.facts.drilled import machine_of
from cockpit.fleet.facts.effect import effect
from cockpit.fleet.facts.units import Unit, is_name
from cockpit.fleet.host import Host
from cockpit.fleet.roster import Roster
from cockpit.model import errors
from cockpit.tasks.action import Action, Job, Progress, Risk, State, Target

LANE = "fleet"
TIMEOUT_SECONDS = 200.0
"""A unit may take 90 s to stop and 90 s to start (DefaultTimeoutStopSec, DefaultTimeoutStartSec)."""
_SETTLE_SECONDS = 1
"""Between a start and the look whether it stays up."""
_SCRIPT = f"""
verb=$1; shift
[ -d /run/systemd/system ] || {{ tell nosystemd; exit; }}
for unit; do
  tell did "$unit"; $as systemctl --no-ask-password --no-pager "$verb" -- "$unit"; tell code "$unit" $?
done
case $verb in start|restart) sleep {_SETTLE_SECONDS} ;; esac
for unit; do
  tell is "$unit"; systemctl show --no-pager --property=ActiveState,SubState,Result,Type -- "$unit"
done
tell end
"""
_NOT_ALLOWED = re.compile(
    r"^sudo: |^Sorry, user|authentication (is )?required|access denied|permission denied|not permitted", re.I | re.M
)


class Verb(Struct, frozen=True):
    """One thing that systemctl does."""

    word: str
    title: str
    key: str
    risk: Risk


VERBS = (
    Verb("restart", "Restart", "R", Risk.DISRUPTIVE),
    Verb("reload", "Reload", "L", Risk.DISRUPTIVE),
    Verb("start", "Start", "s", Risk.DISRUPTIVE),
    Verb("stop", "Stop", "S", Risk.DESTRUCTIVE),
    Verb("reset-failed", "Forget the failure", "F", Risk.DISRUPTIVE),
)


class Came(Struct):
    """What came of it for one unit."""

    code: int | None = None
    """Exit status of systemctl."""
    said: str = ""
    state: dict[str, str] = {}
    """ActiveState, SubState, Result, Type."""

    @property
    def now(self) -> str:
        return f"{self.state.get('ActiveState', 'unknown')} ({self.state.get('SubState', '?')})"


def unit_actions(roster: Roster, host: Host) -> tuple[Action[Unit], ...]:
    """The catalogue of a host's units."""

    def bound(verb: Verb) -> Action[Unit]:
        return Action(
            id=f"units.{verb.word}",
            title=verb.title,
            key=verb.key,
            risk=verb.risk,
            bind=lambda units, _: unit_job(roster, host, units, verb),
            disabled=lambda units: _why_not(units, verb),
        )

    return tuple(bound(verb) for verb in VERBS)


def unit_target(host: Host, unit: Unit) -> Target:
    """As locks, questions and the journal know it."""
    return Target(f"fleet/{host.name}/unit/{unit.name}", unit.name, host.production, host.read_only)


def unit_job(roster: Roster, host: Host, units: Sequence[Unit], verb: Verb) -> Job:
    """Raises errors.Refused for what is no unit's name, or where the verb makes no sense."""
    if why := _why_not(units, verb):
        raise errors.Refused(why)
    names = [unit.name for unit in units]

    async def run(progress: Progress) -> None:
        in_doubt = "systemd may go on with it: look at the unit"
        told = await effect(roster.pool, machine_of(roster, host), _SCRIPT, (verb.word, *names), in_doubt=in_doubt)
        if ["nosystemd"] in told:
            raise errors.Refused(f"no systemd on {host.name}")
        for name, came in gathered(told, names).items():
            state, why = judged(verb.word, name, came, host.name)
            for line in came.said.splitlines():
                progress.say(line, target=name)
            progress.say(f"{why}", target=name)
            progress.outcome(name, state, why)

    shown = names[0] if len(names) == 1 else f"{len(names)} units"
    targets = tuple(unit_target(host, unit) for unit in units)
    return Job(
        action=f"units.{verb.word}",
        sentence=f"{verb.title} {shown} on {host.name}",
        targets=targets,
        run=run,
        risk=verb.risk,
        lane=LANE,
        timeout_seconds=TIMEOUT_SECONDS,
        stop_seconds=20.0,
        exclusive=frozenset(target.key for target in targets),
        preview=tuple(f"{host.name}: systemctl {verb.word} {name}" for name in names),
    )


def gathered(told: Sequence[Sequence[str]], names: Sequence[str]) -> Mapping[str, Came]:
    """What `_SCRIPT` said, by unit."""
    found = {name: Came() for name in names}
    current, looking = Came(), False
    for word, *words in told:
        if word in ("did", "is") and words:
            current, looking = found.get(words[0], Came()), word == "is"
        elif word == "code" and len(words) == 2 and words[1].isdigit():
            current.code = int(words[1])
        elif word == "output" and looking:
            key, _, value = words[0].partition("=")
            current.state = {**current.state, key: value}
        elif word == "output":
            current.said = f"{current.said}{words[0]}\n"
    return found


def judged(verb: str, name: str, came: Came, host: str) -> tuple[State, str]:
    """How it ended, and why, for one unit."""
    first = next(iter(came.said.splitlines()), "")
    active = came.state.get("ActiveState", "")
    if came.code is None or not active:
        return State.UNKNOWN, "the host did not say what came of it"
    if came.code and _NOT_ALLOWED.search(came.said):
        step = f"log in as root, or let sudo run `systemctl {verb} {name}` there without a password"
        return State.FAILED, f"not allowed on {host}: {first}; {step}"
    if came.code:
        return State.FAILED, f"{first or f'systemctl ended with {came.code}'}; it is {came.now}"
    match verb:
        case "stop":
            good = active in ("inactive", "failed")
        case "reset-failed":
            good = active != "failed"
        case _:
            ran = came.state.get("Type") == "oneshot" and came.state.get("Result") == "success"
            good = active in ("active", "reloading") or (ran and active == "inactive")
    if good:
        return State.SUCCEEDED, f"it is {came.now}"
    result = came.state.get("Result", "success")
    because = f", {result}" if result not in ("success", "") else ""
    return State.FAILED, f"systemctl succeeded, but it is {came.now}{because}; look at its journal"


def _why_not(units: Sequence[Unit], verb: Verb) -> str | None:
    for unit in units:
        if not is_name(unit.name):
            return f"{unit.name!r} is no name of a unit"
        if verb.word == "reset-failed" and unit.active != "failed":
            return f"{unit.name} has not failed"
        if verb.word == "stop" and unit.active in ("inactive", "failed"):
            return f"{unit.name} does not run"
        if verb.word != "reset-failed" and unit.load in ("masked", "not-found"):
            return f"{unit.name} is {unit.load}"
    return None
