# Stops a migration that this run has begun on its host, and waits until migrate.sh there has recorded that.
# Given: root unit; of the prelude $run.
# shellcheck shell=sh disable=SC2154
place=$root/ledger/migrations
tries=0
while [ "$(cat -- "$place/now" 2>/dev/null)" = "$run" ]; do
  : >"$place/halt"
  systemctl stop -- "$unit" 2>/dev/null || :
  tries=$((tries + 1))
  [ "$tries" -lt 100 ] || { echo "$unit does not end"; exit 1; }
  sleep 0.3
done
