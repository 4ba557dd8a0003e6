"""The script that ends the processes of a command on its host, and looks that none is left.

It is read by /bin/sh from its input, so that no login shell has to quote it, and uses nothing but what POSIX shells
have built in: where a command has forked until no process can be had, it still works. For a pause it waits for a line
of its input, which the other side sends in time.

The tree of a command is its first process, what runs in the session that sshd made for it, and every descendant of
these, also one that made a session of its own (setsid, script, su, sudo with use_pty). What was detached before, so
that init or a subreaper is its parent, is left alone. Everything is stopped as it is found, so that nothing can fork
out of sight; then it gets SIGTERM and time, then SIGKILL. A process is known by number and start time, and never
another is signalled in its place.
"""

from __future__ import annotations

import re

from msgspec import Struct

from cockpit.fleet.engine.announce import Announced

TERM_ROUNDS, KILL_ROUNDS = 10, 20
"""Pauses from SIGTERM to SIGKILL, and from there to giving up."""

SECONDS = 10
"""The longest it works, whatever happens to whoever began it."""

_SCRIPT = r"""
look() {
  text=
  { while read -r part; do text=$text$part; done <"$1/stat"; } 2>/dev/null
  name=${text#*"("} name=${name%")"*}
  set -- ${text##*")"}
  [ $# -ge 20 ] || return 1
  state=$1 parent=$2 session=$4 born=${20}
}
refresh() { set -- [0-9]*; all=$*; }
take() { look "$1"; }
clock() { { read -r now _ <uptime; } 2>/dev/null && now=${now%.*} || now=$(date +%s); }

# Without /proc: a table of ps, where the process group stands for the session.
ps_refresh() {
  all=$(
    ps -A -o pid= -o ppid= -o pgid= -o stat= -o lstart= -o comm= 2>/dev/null |
      while read -r a b c d e f g h i j; do echo "$a:$b:$c:$d:$e.$f.$g.$h.$i:${j##*/}"; done | tr '\t ' '__'
  )
}
ps_take() {
  IFS=:
  set -- $1
  IFS=$blanks
  parent=$2 session=$3 state=$4 born=$5 name=$6
}
ps_look() {
  case $nl$all in *"$nl$1:"*) ;; *) return 1 ;; esac
  text=$nl$all text=${text#*"$nl$1:"}
  ps_take "$1:${text%%"$nl"*}"
}

is_dead() { case $state in [ZX]*) return 0 ;; esac; return 1; }
pause() { read -r _ || sleep 0.1 2>/dev/null || sleep 1; }

is_late() { clock; [ "$now" -gt "$deadline" ]; }

# Forget those of the tree that have ended. While one of the group lives, its number is nobody else's.
prune() {
  kept=" " held=
  for entry in $tree; do
    look "${entry%%:*}" && [ "$born" = "${entry#*:}" ] && ! is_dead || continue
    kept="$kept$entry "
    [ "$session" = "$group" ] && held=yes
  done
  tree=$kept
}
# Take in what has come to the tree; false when nothing has.
sweep() {
  refresh; prune; new=
  for item in $all; do
    pid=${item%%:*}
    case $tree$mine in *" $pid:"*) continue ;; esac
    take "$item" && ! is_dead || continue
    case $tree in *" $parent:"*) ;; *) [ "$session" = "$group" ] || continue ;; esac
    [ $freeze = 0 ] || kill -STOP "$pid" 2>/dev/null
    [ "$name" = sudo ] && sudo=yes
    tree=" $pid:$born$tree" new=1
  done
  [ -n "$new" ]
}
settle() { while sweep && ! is_late; do :; done; }
# The group as a whole too: who forks and ends faster than one looks is caught by that alone.
signal() {
  refresh; prune
  [ -z "$held" ] || kill -s "$1" -- "-$group" 2>/dev/null
  for entry in $tree; do
    look "${entry%%:*}" && [ "$born" = "${entry#*:}" ] && kill -s "$1" "${entry%%:*}" 2>/dev/null
  done
}
hold() { [ $freeze = 0 ] || signal STOP; settle; }

# The session of the first process, when sshd made it for this command alone: our own is another.
find_group() {
  group=none leader=$session pid=$root
  case $theirs in *" $leader "*) return ;; esac
  while [ "$pid" != "$leader" ] && look "$pid" && [ "$parent" -gt 1 ]; do pid=$parent; done
  [ "$pid" = "$leader" ] && group=$leader
}
# Never what began this script, and never what all began from. Without a start time it is ours if whoever began this
# script began it.
is_root() {
  case $mine in *" $root:"*) return 1 ;; esac
  look "$root" && ! is_dead || return 1
  if [ -n "$start" ]; then [ "$born" = "$start" ]; return; fi
  case $parent in 0|1) return 1 ;; esac
  case $mine in *" $parent:"*) return 0 ;; esac
  return 1
}
orphans() {
  round=0
  while
    refresh; left=
    for item in $all; do take "$item" && [ "$session" = "$root" ] && ! is_dead && left="$left ${item%%:*}"; done
    [ -n "$left" ] && [ $round -lt $patience ] && ! is_late
  do pause; round=$((round+1)); done
  if [ -n "$left" ]; then echo "$mark orphans ::$left"; else echo "$mark absent :$hidden:"; fi
}
# Who is left, and whether they are another user's.
count() {
  denied= left=
  for entry in $tree; do
    pid=${entry%%:*}
    look "$pid" || continue
    kill -0 "$pid" 2>/dev/null || denied=denied
    left="$left $pid"
  done
}

main() {
  trap '' HUP INT PIPE TERM
  export LC_ALL=C
  blanks=$IFS nl='
' tree=" " mine=" 0: 1: " theirs=" 0 1 " here= hidden= sudo= group=none held=
  cd "$proc" 2>/dev/null
  if look $$; then
    [ -r sys/kernel/random/boot_id ] && read -r here <sys/kernel/random/boot_id
    look 1 || hidden=hidden
  else
    look() { ps_look "$@"; }
    take() { ps_take "$@"; }
    clock() { now=$(date +%s); }
    refresh() { ps_refresh; }
    refresh
    look $$ || { echo "$mark blind ::"; return; }
  fi
  if [ -n "$boot" ] && [ "$boot" != "$here" ]; then echo "$mark elsewhere ::"; return; fi
  echo "$mark ready ::"
  clock
  deadline=$((now+seconds))
  pid=$$
  while [ "$pid" -gt 1 ] && look "$pid"; do mine="$mine$pid: " theirs="$theirs$session " pid=$parent; done
  is_root || { orphans; return; }
  tree=" $root:$born "
  [ "$name" = sudo ] && sudo=yes
  find_group
  hold
  if [ $ask = 1 ] && [ -n "$sudo" ] && count && [ -n "$denied" ]; then
    echo "$mark denied ::"
    while read -r answer && [ -z "$answer" ]; do :; done
  fi
  signal TERM; signal CONT
  round=0
  while refresh; prune; [ "$tree" != " " ] && [ $round -lt $terms ] && ! is_late; do pause; round=$((round+1)); done
  rounds=0
  while hold; [ "$tree" != " " ]; do
    signal KILL
    if [ $rounds -ge $kills ] || is_late; then signal CONT; count; echo "$mark left $denied::$left"; return; fi
    pause; rounds=$((rounds+1))
  done
  echo "$mark gone :$hidden:"
}
main; exit
"""


class Said(Struct, frozen=True):
    """What the script has found."""

    word: str
    """"ready"; perhaps "denied" (the command has used sudo, and what that began only root can end: all is held until
    somebody has, or an answer lets the script go on by itself); then one of "gone"; "absent" (the command has ended, or
    another machine answers); "orphans" (the first process has ended, others of its session are left alone); "left";
    "blind" (no way to see processes); "elsewhere" (not the machine of the command, or not since its last start)."""
    denied: bool = False
    """Some of those left are another user's."""
    hidden: bool = False
    """The host shows no processes of other users (hidepid)."""
    pids: tuple[int, ...] = ()


def script(
    who: Announced, mark: str, *, freeze: bool = True, again: bool = False, ask: bool = False, proc: str = "/proc"
) -> bytes:
    """The script for one command. With `again`, another may be at work on it, and is given its time.

    Without `freeze` nothing is stopped before it is ended: sudo would stop itself with its command, and only root could
    let it go on. With `ask`, it may say "denied".
    """
    values = {
        "root": str(who.pid), "start": who.born, "boot": who.boot, "mark": mark, "proc": proc,
        "freeze": str(int(freeze)), "ask": str(int(ask)), "patience": str(TERM_ROUNDS + KILL_ROUNDS if again else 0),
        "terms": str(TERM_ROUNDS), "kills": str(KILL_ROUNDS), "seconds": str(SECONDS),
    }  # fmt: skip
    return ("".join(f"{name}='{value}'\n" for name, value in values.items()) + _SCRIPT).encode()


def said(output: bytes, mark: str) -> list[Said]:
    """What the script has said so far."""
    lines = re.findall(re.escape(mark.encode()) + rb" (\w+) (\w*):(\w*):([\d ]*)\r?\n", output)
    return [
        Said(word.decode(), bool(denied), bool(hidden), tuple(map(int, pids.split())))
        for word, denied, hidden, pids in lines
    ]
