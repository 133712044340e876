# What whoever this runs as lacks for a task; it says so first, between two GS. Given: the prelude.
# shellcheck shell=sh disable=SC2154

lacks_nothing() { :; }

lacks_of_root() { [ "$own_uid" -eq 0 ] || printf '\035is not root\035'; }

# lacks_of_files PATH...: a file is put into its directory, unless it is this user's own already; what is put into a directory needs that one.
lacks_of_files() {
  for place; do
    while [ "${place%/}" != "$place" ]; do place=${place%/}; done
    if [ -O "$place" ] || { [ -d "$place" ] && [ -w "$place" ]; }; then continue; fi
    above=${place%/*}
    while [ -n "$above" ] && [ ! -e "$above" ] && [ ! -L "$above" ]; do above=${above%/*}; done
    [ -w "${above:-/}" ] || { printf '\035may not write in %s\035' "${above:-/}"; return 0; }
  done
}
