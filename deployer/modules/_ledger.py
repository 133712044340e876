"""What a host remembers of its releases, as sh functions: which proved good, which failed, and how to go back.

``ROOT/ledger`` is root's alone (0700):

    history       one line an event, fields apart by tabs: number, seconds, event, release, run, detail
    good/ID       the release was seen healthy; its number in the history, so that the order needs no clock
    bad/ID        the release failed here, and why; ID is never both
    config/ID/    the files its nodes were started with when it was last judged good, below their own paths
    migrated/ID   the release's migration has run, here or on another host of the cluster; its number in the history
    migrations/   what the migrations that ran here have printed, ID.log
    untried       there while what its nodes were last started with has not been judged
    room/         nothing: as much of the disk as a way back needs, kept for it
"""

from __future__ import annotations

from deployer.sh import Sh

RECORD = Sh(
    r"""
remember() { # EVENT ID DETAIL: add a line to the history and leave its number in $number
  mkdir -p -- "$root/ledger/good" "$root/ledger/bad" "$root/ledger/config" || return 1
  chmod 0700 -- "$root/ledger" || return 1
  touch -- "$root/ledger/history" || return 1
  number=$(wc -l <"$root/ledger/history")
  # What a full disk or a lost host has cut is no line.
  truncate -s "$(head -n "$number" "$root/ledger/history" | wc -c)" -- "$root/ledger/history" || return 1
  number=$((number + 1))
  printf '%s\t%s\t%s\t%s\t%s\t%s\n' "$number" "$(date +%s)" "$1" "$2" "$run" "$(printf '%s' "$3" | tr '\t\n' '  ')" \
    >>"$root/ledger/history" && sync -- "$root/ledger/history"
}

inscribe() { # FILE TEXT: write a small file in one rename
  printf '%s\n' "$2" >"$root/ledger/.new" && mv -T -- "$root/ledger/.new" "$1"
}
"""
)
"""Adding to the record. All functions read ``$root``, and ``$run`` (which run this is, and whose); 1: not done."""

GOOD = Sh(
    r"""
mark_good() { # ID FILE...: it was seen healthy with these files
  judged=$1
  shift
  remember good "$judged" '' || return 1
  rm -rf -- "$root/ledger/config/.new" || return 1
  mkdir -- "$root/ledger/config/.new" || return 1
  for file; do
    [ -f "$file" ] || continue
    mkdir -p -- "$root/ledger/config/.new${file%/*}" && cp -a -- "$file" "$root/ledger/config/.new$file" || return 1
  done
  rm -rf -- "$root/ledger/config/$judged" || return 1
  mv -T -- "$root/ledger/config/.new" "$root/ledger/config/$judged" || return 1
  inscribe "$root/ledger/good/$judged" "$number" && rm -f -- "$root/ledger/bad/$judged" "$root/ledger/untried"
}

running() { [ -n "$(find /proc/[0-9]*/exe -maxdepth 0 -lname "$1/*" 2>/dev/null | head -n 1)" ]; }

# prune KEEP: what is current, what runs, KEEP good ones and in any case the last good one before stay; so does what was
# unpacked after the current one and has not been judged yet, because its turn may be to come.
prune() {
  current=$(readlink -- "$root/current" || :)
  current=${current#versions/} stays=' ' count=0 before=
  for one in $(cd -- "$root/ledger/good" && grep -H '' -- * | sort -t : -k 2,2nr | cut -d : -f 1); do
    count=$((count + 1))
    if [ "$count" -le "$1" ] || [ -z "$before" ]; then stays="$stays$one "; fi
    [ "$one" = "$current" ] || before=$one
  done
  for place in "$root"/versions/* "$root"/versions/.old.*; do
    name=${place##*/}
    case "$stays$current " in *" $name "*) continue ;; esac
    if [ ! -d "$place" ] || running "$place"; then continue; fi
    if [ ! -e "$root/ledger/bad/$name" ] && [ ! -e "$root/ledger/good/$name" ] &&
      [ -n "$(find "$place/.complete" -newer "$root/versions/$current/.complete" 2>/dev/null)" ]; then continue; fi
    # Without the mark it is no release any more, whenever this is interrupted.
    rm -f -- "$place/.complete"
    rm -rf -- "$place" "$root/ledger/config/$name" "$root/ledger/good/$name"
  done
}
"""
)
"""Judging a release good, and removing those that nobody will go back to; `RECORD` stands before it."""
