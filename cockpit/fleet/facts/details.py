"""What is dear to ask of a Linux host, once a minute: it forks, and takes half a second for the processes.

Pending reboot: the file that Debian's unattended-upgrades and update-notifier leave (/run/reboot-required), openSUSE's
(/run/reboot-needed), and `needs-restarting -r` of dnf-utils, which costs a second and so is asked rarely. Failed units:
`systemctl list-units` where systemd is the init system (sd_booted(3)). The processes: two looks at /proc/*/stat, since
what ps calls %CPU is an average over the life of a process.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from msgspec import Struct

from cockpit.fleet.facts.sample import number, ratio, whole

TOP = 3
"""Processes by each measure."""
MOST_DISKS = 20
MOST_UNITS = 200
NAME_CHARS = 256

_DISKS = f"""
disks() {{
  dirs= devices= count=0
  while read -r device dir type rest; do
    case $type in squashfs|iso9660|udf) continue ;; esac
    case $device in
      /dev/loop*) continue ;;
      /dev/*) ;;
      *) [ "$type" = zfs ] || continue ;;
    esac
    case " $devices " in *" $device "*) continue ;; esac
    [ "$dir" != / ] && [ -d "$dir" ] || continue
    count=$((count + 1))
    [ $count -gt {MOST_DISKS} ] && break
    devices="$devices $device" dirs="$dirs $dir"
  done </proc/mounts
  $limit df -Pk / $dirs
}}
"""
"""Local file systems alone: df would hang on a dead NFS server. One line for each device."""
_REBOOT = """
reboot() {
  for file in /run/reboot-required /var/run/reboot-required /run/reboot-needed; do
    [ -e $file ] && echo yes && return
  done
  if [ "$words" = rare ] && command -v needs-restarting >/dev/null; then
    ${limit:+timeout 15} needs-restarting -r >/dev/null
    case $? in 0) rare=no ;; 1) rare=yes ;; *) rare= ;; esac
  fi
  if [ "$rare" ]; then echo $rare; elif [ -e /etc/debian_version ]; then echo no; fi
}
"""
_TOP = """
look() { cat /proc/uptime /proc/[0-9]*/stat; }
top() {
  { look; sleep 0.5 || sleep 1; look; } | awk -v own="$own" -v TOP=COUNT '
NF == 2 { phase++; at[phase] = $1; next }
{
  match($0, /.*[)]/); split(substr($0, RLENGTH + 2), f, " ")
  if (f[4] == own) next
  key = $1 " " f[20]; ticks = f[12] + f[13]
  if (phase == 1) { old[key] = ticks; next }
  head = index($0, "("); name[key] = substr($0, head + 1, RLENGTH - head - 1)
  used[key] = ticks - old[key]; size[key] = f[22] + 0
}
function say(kind, key,   word) { split(key, word, " "); print kind, word[1], used[key], size[key], name[key] }
END {
  print "over", at[2] - at[1]
  for (n = 0; n < TOP; n++) {
    best = ""; most = 0
    for (key in used) if (!(key in said) && used[key] > most) { best = key; most = used[key] }
    if (best != "") { said[best] = 1; say("cpu", best) }
  }
  for (n = 0; n < TOP; n++) {
    best = ""; most = 0
    for (key in size) if (!(key in told) && size[key] > most) { best = key; most = size[key] }
    if (best != "") { told[best] = 1; say("memory", best) }
  }
}'
}
""".replace("COUNT", str(TOP))
_ALL = f"""
details() {{
  prepare
  echo "$mark begin"
  echo "= system"; uname -sr
  echo "= cpus"; nproc || grep -c ^processor /proc/cpuinfo
  for file in /etc/os-release /usr/lib/os-release; do
    [ -r $file ] || continue
    echo "= os"
    while IFS== read -r key value; do [ "$key" = PRETTY_NAME ] && echo "$value"; done <$file
    break
  done
  echo "= reboot"; reboot
  if [ -d /run/systemd/system ]; then
    found=$($limit systemctl list-units --state=failed --full --plain --no-legend --no-pager) &&
      {{ echo "= units"; echo "$found" | head -n {MOST_UNITS}; }}
  fi
  command -v who >/dev/null && {{ echo "= users"; who | head -n 200; }}
  echo "= disks"; disks
  echo "= measures"; echo "$page $tick"
  echo "= top"; top
  echo "$mark end"
}}
"""
SCRIPT = _DISKS + _REBOOT + _TOP + _ALL
ANSWER = "details) details ;;"


class Disk(Struct, frozen=True, gc=False):
    """A file system as df counts it: what users may fill."""

    mount: str
    used_ratio: float
    size_bytes: int


class TopProcess(Struct, frozen=True, gc=False):
    """One of the processes that take most."""

    pid: int
    name: str
    """As /proc/PID/stat has it: 15 bytes at most."""
    cpu_ratio: float | None
    """Of one processor, during half a second."""
    memory_bytes: int
    """Resident set size."""


class Details(Struct, frozen=True, gc=False):
    """What the host did not say is None."""

    system: str = ""
    """Kernel and release: "Linux 6.1.0-18-amd64"."""
    os: str = ""
    """PRETTY_NAME of os-release(5)."""
    cpus: int | None = None
    reboot: bool | None = None
    """None: this distribution has no mark of it that we know."""
    failed_units: tuple[str, ...] | None = None
    """None: no systemd, or it did not answer."""
    users: tuple[str, ...] | None = None
    """Logged in, each once."""
    disks: tuple[Disk, ...] = ()
    """The root file system first, then the other local ones."""
    top_cpu: tuple[TopProcess, ...] = ()
    top_memory: tuple[TopProcess, ...] = ()


def parse(answer: bytes) -> Details:
    """Any bytes are allowed; what makes no sense is left out."""
    sections = dict(sections_of(answer))
    top = _top(sections.get("top", []), sections.get("measures", []))
    cpus = whole(_only(sections, "cpus").encode())
    return Details(
        system=_only(sections, "system"),
        os=_unquoted(_only(sections, "os")),
        cpus=cpus if cpus and cpus < 1_000_000 else None,
        reboot={"yes": True, "no": False}.get(_only(sections, "reboot")),
        failed_units=_units(sections["units"]) if "units" in sections else None,
        users=_users(sections["users"]) if "users" in sections else None,
        disks=tuple(disk for line in sections.get("disks", []) if (disk := _disk(line)) is not None),
        top_cpu=top["cpu"],
        top_memory=top["memory"],
    )


def sections_of(answer: bytes) -> Iterator[tuple[str, list[str]]]:
    """(name, lines) of what stands after each "= name"."""
    name, lines = "", list[str]()
    for line in answer.decode("utf-8", "replace").split("\n"):
        if line.startswith("= "):
            yield name, lines
            name, lines = line[2:].strip(), []
        elif line.strip():
            lines.append(line.rstrip("\r"))
    yield name, lines


def _only(sections: dict[str, list[str]], name: str) -> str:
    lines = sections.get(name) or [""]
    return lines[0].strip()[:NAME_CHARS]


def _unquoted(value: str) -> str:
    """A value of os-release(5): quoted as a shell would."""
    try:
        return " ".join(shlex.split(value))
    except ValueError:
        return value.strip("\"'")


def _units(lines: list[str]) -> tuple[str, ...]:
    """The first word of each line; a systemctl that knows no --plain puts a dot before it."""
    words = [line.split() for line in lines]
    return tuple(line[1 if line[0] in "●*×" and len(line) > 1 else 0][:NAME_CHARS] for line in words if line)


def _users(lines: list[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(line.split()[0][:NAME_CHARS] for line in lines))


def _disk(line: str) -> Disk | None:
    """POSIX df -P: name, blocks, used, available, capacity, mount point. Names may hold blanks."""
    head, percent, mount = line.rpartition("% ")
    words = head.split()[-4:]
    counts = [whole(word.encode()) for word in words[:3]]
    if not percent or len(words) < 4 or None in counts:
        return None
    total, used, free = (count or 0 for count in counts)
    share = ratio(used, used + free)
    return None if share is None else Disk(mount.strip()[:NAME_CHARS], share, total * 1024)


def _top(lines: list[str], measures: list[str]) -> dict[str, tuple[TopProcess, ...]]:
    words = measures[0].encode().split() if measures else []
    page, tick = (*map(whole, words), None, None)[:2]
    found: dict[str, list[TopProcess]] = {"cpu": [], "memory": []}
    seconds = 0.0
    for line in lines:
        kind, _, rest = line.partition(" ")
        parts = rest.split(" ", 3)
        if kind == "over":
            seconds = number(rest.encode()) or 0.0
        elif kind in found and len(parts) == 4:
            pid, ticks, pages = whole(parts[0].encode()), number(parts[1].encode()), number(parts[2].encode())
            if pid is not None and ticks is not None and pages is not None:
                share = ticks / (tick or 100) / seconds if seconds > 0 else None
                size = int(pages) * (page or 4096)
                found[kind].append(TopProcess(pid, parts[3][:NAME_CHARS], share, size))
    return {kind: tuple(some[:TOP]) for kind, some in found.items()}
