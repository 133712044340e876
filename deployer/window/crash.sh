# Prints a summary of a crash dump, read as the node's user; only the first part of a large dump.
# Needs: dump; the functions of the prelude.
# shellcheck shell=sh disable=SC2154
if [ ! -f "$dump" ] || [ -L "$dump" ]; then exit 0; fi
emit size "$(stat -c '%s %Y' -- "$dump")"
emit head "$(theirs "$dump" 4096 | head -n 12)"
emit told "$(theirs "$dump" 268435456 |
  grep -a -E '^(=proc:|=memory|=end|Name: |Spawned as: |Message queue length: |Stack\+heap: |OldHeap: |Reductions: |State: |Program counter: |Current |(total|processes|system|atom|binary|code|ets): [0-9]+$)' |
  head -c 8388608)"
