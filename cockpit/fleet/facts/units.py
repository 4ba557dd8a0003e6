"""The units of one host's systemd, every few seconds over one channel.

Names and states come from `systemctl list-units --plain --no-legend --full` (systemctl(1)): its JSON form is younger
(systemd 246) than many hosts are. Since when a unit is in its state comes from `systemctl show`, which costs systemd a
call for each unit: asked every half minute, and at once when a state has changed.
"""

from __future__ import annotations

import re

from msgspec import Struct

from cockpit.fleet.facts.details import sections_of
from cockpit.fleet.facts.dialogue import PREPARE, loop
from cockpit.fleet.facts.sample import number, whole
from cockpit.model import clock

_STAMPS = tuple(f"{state}{way}TimestampMonotonic" for state in ("Active", "Inactive") for way in ("Enter", "Exit"))
"""When it last went into and out of being active; the latest is what `systemctl status` calls "since"."""
SCRIPT = loop(
    PREPARE,
    f"""
list() {{
  prepare
  echo "$mark begin"
  if [ -d /run/systemd/system ]; then
    echo "= systemd"
    found=$($limit systemctl list-units --all --full --plain --no-legend --no-pager) &&
      {{ echo "= units"; echo "$found"; }}
    if [ "$words" = since ]; then
      read -r up rest </proc/uptime; echo "= up"; echo "$up"
      echo "= since"; ${{limit:+timeout 15}} systemctl show --all --no-pager --property=Id,{",".join(_STAMPS)} '*'
    fi
  fi
  echo "$mark end"
}}
""",
    answers="units) list ;;",
)
MOST_BYTES = 4 * 2**20
_DULL = frozenset({"device"})
"""Kinds that are left out: hundreds, and nothing can be done to them."""
_NAME = re.compile(r"[A-Za-z0-9:_.\\@-]{1,255}\.[a-z]+")
"""What systemd allows (unit_name_is_valid): no blank, no glob."""
_MARKS = "●○↻×x*"
"""What an old systemctl puts before a name all the same."""


class Unit(Struct, frozen=True, gc=False):
    """One unit as systemd has loaded it."""

    key: str
    """Its name."""
    load: str
    """loaded, not-found, masked, bad-setting ..."""
    active: str
    """active, inactive, failed, activating, deactivating, reloading"""
    sub: str
    """As its kind has it: running, exited, dead, mounted, waiting ..."""
    description: str
    since_at: float | None = None
    """Unix seconds; None: never in another state, or not known."""

    @property
    def name(self) -> str:
        return self.key

    @property
    def kind(self) -> str:
        """service, timer, socket, mount ..."""
        return self.key.rpartition(".")[2]


class Answer(Struct, frozen=True):
    """What a host says of its units."""

    systemd: bool
    """Whether it is the init system there."""
    units: tuple[Unit, ...] | None
    """None: systemctl did not answer."""
    since: dict[str, float] | None = None
    """Unix seconds by name, where it was asked."""


def parse(answer: bytes) -> Answer:
    """Any bytes are allowed; lines that make no sense are left out."""
    sections = dict(sections_of(answer))
    units = None
    if "units" in sections:
        units = tuple(unit for line in sections["units"] if (unit := _unit(line)) is not None)
    since = None
    if "since" in sections and "up" in sections:
        up = number((sections["up"] or [""])[0].encode())
        since = _since(sections["since"], clock.wall() - up) if up is not None else None
    return Answer("systemd" in sections, units, since)


def is_name(name: str) -> bool:
    """Whether systemctl would take it for one unit, and a shell for one word."""
    return _NAME.fullmatch(name) is not None


def _unit(line: str) -> Unit | None:
    words = line.split(None, 4)
    if words and words[0] in _MARKS:
        words = line.split(None, 5)[1:]
    if len(words) < 4 or not is_name(words[0]):
        return None
    name, load, active, sub = words[:4]
    unit = Unit(name, load, active, sub, words[4] if len(words) > 4 else "")
    return None if unit.kind in _DULL else unit


def _since(lines: list[str], booted_at: float) -> dict[str, float]:
    """Blocks of "Property=value", each begun by Id (the first of org.freedesktop.systemd1.Unit's properties).

    The monotonic clock of the stamps stands still while a machine sleeps, which servers do not.
    """
    found: dict[str, float] = {}
    name = ""
    for line in lines:
        key, _, value = line.partition("=")
        if key == "Id":
            name = value
        elif name and key in _STAMPS and (stamp := whole(value.encode())):
            found[name] = max(found.get(name, 0.0), booted_at + stamp / 1e6)
    return found
