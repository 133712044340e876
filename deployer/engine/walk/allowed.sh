# Prints what the current user lacks for a task, between two GS characters, before the probe's own output. Needs the prelude.
# shellcheck shell=sh disable=SC2154

lacks_nothing() { :; }

lacks_of_root() { [ "$own_uid" -eq 0 ] || printf '\035is not root\035'; }

# lacks_of_files PATH...: fine is a file that the user owns, a directory he may write in, or a path whose closest existing parent he may write in.
lacks_of_files() {
  for place; do
    while [ "${place%/}" != "$place" ]; do place=${place%/}; done
    if [ -O "$place" ] || { [ -d "$place" ] && [ -w "$place" ]; }; then continue; fi
    above=${place%/*}
    while [ -n "$above" ] && [ ! -e "$above" ] && [ ! -L "$above" ]; do above=${above%/*}; done
    [ -w "${above:-/}" ] || { printf '\035may not write in %s\035' "${above:-/}"; return 0; }
  done
}
