"""How the nodes of a release are switched on a host, and how they go back: sh text that must not be interrupted."""

from __future__ import annotations

from collections.abc import Sequence

from deployer.errors import Reverted
from deployer.modules._ledger import RECORD
from deployer.modules._unit import LAST_WORDS
from deployer.sh import Sh, lines, sh

POINT = Sh(
    r"""
aim() { # ID: a link to it lies ready, so that the switch itself needs no room on the disk
  for left in "$root"/.current.*; do rm -f -- "$left"; done
  ln -s -- "versions/$1" "$root/.current.$$"
}

swing() { # what was aimed at becomes the current release, in one rename
  mv -T -- "$root/.current.$$" "$root/current" && sync -- "$root"
}
"""
)
"""Making a release current."""

_NODES = Sh(
    r"""
# mark_bad ID WHY: on a full disk it may take a second try, when going back has freed the room that was kept.
marked=
mark_bad() {
  [ "$marked" != "$1" ] || return 0
  inscribe "$root/ledger/bad/$1" "$2" && remember bad "$1" "$2" && rm -f -- "$root/ledger/good/$1" && marked=$1
}

hold_room() { # keep as much as a way back needs, whatever fills the disk until then
  room=$root/ledger/room
  [ ! -e "$room/link" ] || return 0
  mkdir -p -- "$room" && head -c 262144 /dev/zero >"$room/bytes" && touch -- "$room/file" "$room/files" "$room/link"
}

is_good() { # ID: it was judged good, and is there whole
  [ -e "$root/ledger/good/$1" ] && [ -f "$root/versions/$1/.complete" ]
}

restore() { # ID: put back the files that it was judged good with
  saved=$root/ledger/config/$1
  [ -d "$saved" ] || return 0
  (cd -- "$saved" && find . -type f) | while IFS= read -r file; do
    file=${file#.}
    if cp -a -- "$saved$file" "$file.new" && mv -T -- "$file.new" "$file"; then continue; fi
    rm -f -- "$file.new"
    exit 1
  done
}

halt() { # UNIT...: stop them, and wait until EPMD ($epmd: its port, or nothing) has dropped $names
  systemctl stop -- "$@" || return 1
  [ -n "$epmd" ] && [ -x /usr/local/lib/beam/epmd ] || return 0
  tries=0
  while /usr/local/lib/beam/epmd -port "$epmd" -names 2>/dev/null | grep -qE "^name ($names) at port"; do
    tries=$((tries + 1))
    [ "$tries" -lt 100 ] || { echo "EPMD still has one of $names: another process holds the name"; return 1; }
    sleep 0.1
  done
}

run_nodes() { # UNIT...: start them; each start ends when all applications run
  systemctl daemon-reload || return 1
  systemctl reset-failed --quiet -- "$@" 2>/dev/null || :
  systemctl start -- "$@"
}

tell_dead() { # UNIT...: the last words of those that do not run
  for unit; do
    systemctl --quiet is-active -- "$unit" || last_words
  done
}

go_back() { # ID UNIT...: link, files and nodes become what they were when the release was judged good
  to=$1
  shift
  # What runs is stopped only when there is a way back, and the room for its files is freed only when nobody fills it.
  rm -f -- "$root/ledger/room/link"
  aim "$to" || { full "$root"; return 1; }
  halt "$@" || :
  rm -rf -- "$root/ledger/room"
  if restore "$to" && swing && run_nodes "$@"; then rm -f -- "$root/ledger/untried"; return 0; fi
  full "$root"
  return 1
}
"""
)

_SWITCH = """
root={0} id={1} epmd={2} names={3}
before=$(readlink -- "$root/current" || :)
before=${{before#versions/}}
[ -f "$root/versions/$id/.complete" ] || {{ echo "$root/versions/$id is not whole (any more): deploy again"; exit 1; }}
# What needs room on the disk, while the old nodes run.
prepare() {{
  [ -z "$before" ] || hold_room || return 1
  [ "$before" = "$id" ] || {{ aim "$id" && remember switch "$id" "from ${{before:-nothing}}"; }} || return 1
  mkdir -p -- "$root/ledger" && inscribe "$root/ledger/untried" "$id"
}}
wrong=
switch() {{
  halt {4} || return 1
  [ "$before" = "$id" ] || swing || return 1
  wrong='it did not start'
  run_nodes {4}
}}
prepare || {{ full "$root"; rm -f -- "$root/.current.$$"; echo "nothing was stopped"; exit 1; }}
if switch; then exit 0; fi
tell_dead {4}
judge() {{ [ "$before" = "$id" ] || [ -z "$wrong" ] || mark_bad "$id" "$wrong" || :; }}
judge
if [ -z "$before" ] || ! is_good "$before"; then
  echo "there is no good release to go back to"
  exit 1
fi
if go_back "$before" {5}; then
  judge
  remember back "$before" "from $id" || :
  echo "went back to $before, with the files it was last good with"
  exit {6}
fi
tell_dead {5}
echo "and going back to $before failed too"
exit 1
"""

_GO_BACK = """
root={0} epmd={1} names={2} from={3} to={4} why={5}
is_good "$to" || {{ echo "$to was never good here, or is not whole any more"; exit 1; }}
[ -z "$why" ] || mark_bad "$from" "$why" || :
if go_back "$to" {6}; then
  [ -z "$why" ] || mark_bad "$from" "$why" || :
  remember back "$to" "from $from" || :
  exit 0
fi
tell_dead {6}
exit 1
"""


def switch(
    root: str, release: str, epmd_port: int | None, names: Sequence[str], due: Sequence[str], units: Sequence[str]
) -> Sh:
    """Return the step that stops units, links the release and starts them; when one does not start, all go back.

    It exits with `Reverted`'s code when every node runs again as before, with 1 when nothing could be gone back to.

    Args:
        root: the release's directory on the host.
        release: its id.
        epmd_port: port of the EPMD that has to drop the stopped names first; None without EPMD.
        names: of the nodes that are stopped and started.
        due: their units.
        units: all units of the release, which go back together.
    """
    text = sh(_SWITCH, root, release, epmd_port or "", "|".join(names), due, units, Reverted.exit_code)
    return lines(LAST_WORDS, RECORD, POINT, _NODES, text)


def back(
    root: str, release: str, to: str, epmd_port: int | None, names: Sequence[str], units: Sequence[str], why: str
) -> Sh:
    """Return the step that leaves a release for one that was good, with the files it was good with.

    It fails, before anything is stopped, when ``to`` was never good or is not whole.

    Args:
        root: the release's directory on the host.
        release: id of what is left.
        to: id of what comes back.
        epmd_port: port of the EPMD that has to drop the names first; None without EPMD.
        names: of all nodes of the release.
        units: their units.
        why: marks what is left bad; empty leaves it unjudged.
    """
    text = sh(_GO_BACK, root, epmd_port or "", "|".join(names), release, to, why, units)
    return lines(LAST_WORDS, RECORD, POINT, _NODES, text)
