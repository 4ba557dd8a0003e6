"""What a host's /bin/sh is told (POSIX, GNU and BusyBox tools alike). All of it goes in over its input, as bytes.

So no name is ever read by the login shell, whatever that is, and a script that was cut off is never run: a shell reads
a `{ ...; }` to its end before it does any of it. When its input ends, by us or by a lost connection, it cleans up.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

WORDS_BYTES = 64 * 1024
"""Of the arguments of one command; Linux allows 128 KiB at least."""

PRELUDE = rb"""
LC_ALL=C; export LC_ALL; unset CDPATH
stage= link=
open_up() { find "$@" -type d ! -perm -700 -exec chmod u+rwx {} + ; }
clean() {
  [ -z "$link" ] || rm -f "$link"
  n=0
  while [ -n "$stage" ] && [ -e "$stage" ] && [ $n -lt 20 ]; do
    [ $n -eq 0 ] || { open_up "$stage"; sleep 0.2 || sleep 1; }
    rm -rf "$stage"
    n=$((n+1))
  done 2>/dev/null
}
trap clean EXIT
trap 'exit 143' HUP INT TERM
trap '' PIPE
real() { ( cd -P -- "$1" && pwd -P && echo / ); }
look() {
  here= state=none linked=no tar=plain
  [ ! -L "$1" ] || linked=yes
  if [ -d "$1" ]; then
    state=folder here=$(real "$1") || return
  elif [ -e "$1" ] || [ -L "$1" ]; then
    state=file
  fi
  [ -d "$2" ] || { echo "there is no folder $2" >&2; return 1; }
  up=$(real "$2") || return
  here=${here%??} up=${up%??}
  case $(tar --version 2>/dev/null) in *GNU*) tar=gnu ;; bsdtar*) tar=bsd ;; esac
  rsync=no; ! command -v rsync >/dev/null || rsync=yes
  printf '%s\0' "$state" "$linked" "$here" "$up" "$tar" "$rsync"
}
found() { [ -d "$1" ] || [ -f "$1" ] || { echo "there is no file or folder $1" >&2; return 1; } ; }
list() (
  cd -P -- "$1" || exit
  shift
  inner=
  [ $# -gt 0 ] || { set -- .; inner='-mindepth 1'; }
  for name; do
    shift
    if [ -e "$name" ] || [ -L "$name" ]; then set -- "$@" "$name"; fi
  done
  if find . -maxdepth 0 -printf x >/dev/null 2>&1; then
    printf 'gnu\0'
    [ $# -gt 0 ] || exit 0
    exec find "$@" -ignore_readdir_race $inner \( \
      -type d \( ! -readable -o ! -executable \) -printf 'u %m %s %T@ %p\0' -prune -o \
      -type l -printf 'l %m %s %T@ %p\0%l\0' -o -printf '%y %m %s %T@ %p\0' \)
  fi
  printf 'busybox\0'
  if [ $# -eq 0 ]; then printf '//\n'; exit 0; fi
  { find "$@" $inner -print0 || printf './.not-read\0'; } | xargs -0 -r stat -c '%f %s %Y %n//' || exit
  printf '//\n'
  find "$@" $inner -type l -print0 |
    xargs -0 -r sh -c 'for l; do t=$(readlink "$l"; echo /); printf "%s\0%s\0" "$l" "${t%??}"; done' sh
)
may_write() {
  for d; do [ -w "$d" ] || { echo "no permission to write in $d" >&2; return 1; }; done
}
unhook() {
  for l; do [ -e "$l" ] || rm -f "$l" || return; done
}
hold() {
  id=$1; shift
  for last; do :; done
  for up; do
    [ -w "$up" ] && [ "$(stat -c %d "$up")" = "$(stat -c %d "$last")" ] || continue
    mkdir -m 700 "$up/.cockpit-$id" || return
    stage=$up/.cockpit-$id
    mkdir "$stage/new" && printf '%s\0' "$stage"
    return
  done
  echo "no permission to write in $last" >&2
  return 1
}
"""


def quoted(word: bytes) -> bytes:
    """One word for /bin/sh."""
    return b"'" + word.replace(b"'", b"'\\''") + b"'"


def words(found: Iterable[bytes]) -> bytes:
    return b" ".join([quoted(word) for word in found])


def commands(command: bytes, arguments: Iterable[bytes], after: bytes = b"") -> Iterator[bytes]:
    """The command with as many arguments at a time as fit, a line each; `after` ends every line."""
    line: list[bytes] = []
    size = 0
    for argument in arguments:
        word = quoted(argument)
        if line and size + len(word) > WORDS_BYTES:
            yield b" ".join([command, *line, after]) + b"\n"
            line, size = [], 0
        line.append(word)
        size += len(word) + 1
    if line:
        yield b" ".join([command, *line, after]) + b"\n"
