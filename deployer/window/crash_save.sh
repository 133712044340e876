# Print a crash dump as the node's user reads it: as `theirs` does, and for as long as it takes.
# Given: dump.
# shellcheck shell=sh disable=SC2154
[ -f "$dump" ] && [ ! -L "$dump" ] || { echo "there is none at $dump" >&2; exit 1; }
whose=$(stat -c '%u %g' -- "${dump%/*}/")
exec setpriv --euid="${whose% *}" --egid="${whose#* }" --clear-groups --no-new-privs --bounding-set=-all dd if="$dump" \
  iflag=nofollow,nonblock bs=65536 count=65536 status=none
