# Prints a crash dump, read as the node's user as in `theirs`, but without a time limit; 64 GiB at most.
# Needs: dump; the functions of files.sh.
# shellcheck shell=sh disable=SC2154
whose_file "$dump" || { echo "there is no crash dump at $dump" >&2; exit 1; }
exec setpriv --euid="${whose% *}" --egid="${whose#* }" --clear-groups --no-new-privs --bounding-set=-all dd if="$file" \
  iflag=nofollow,nonblock bs=65536 count=1048576 status=none
