# Who asked has to be there: a program ends with the run that gave it up. POSIX sh, coreutils only.
# Given: the prelude.
# shellcheck shell=sh disable=SC2154
heartbeat=35
spared=

# fell PID: kill a process and all below it; they are stopped first, so that none starts another meanwhile.
fell() {
  kill -STOP "$1" 2>/dev/null || return 0
  # shellcheck disable=SC2013
  for below in $(cat "/proc/$1/task"/*/children 2>/dev/null); do
    [ "$below" = "$spared" ] || fell "$below"
  done
  kill -KILL "$1" 2>/dev/null
}

# watch_open: from here on the run says every few seconds that it is there; standard input is for nothing else.
watch_open() {
  exec 5<&0 </dev/null
  ( watch ) <&5 >/dev/null 2>&1 5<&- 8>&- &
  watcher=$!
  exec 5<&-
}

# watch: when the run has gone, everything here ends with it, but for a step of our own, which comes to its end.
watch() {
  read -r spared _ </proc/self/stat
  while timeout "$heartbeat" sh -c 'read -r beat'; do [ -z "$leased" ] || lease_renew || :; done
  [ -z "$blobs" ] || : >"$blobs/gone"
  while kill -0 "$$" && at_own_step; do
    end_unit
    sleep 0.5
  done
  end_unit
  fell "$$"
  clean
}

# end_unit: what a step has systemd run for it is no process below ours; the step has named the unit.
end_unit() {
  [ ! -s "$blobs/unit" ] || systemctl stop --no-block -- "$(cat -- "$blobs/unit")"
}

at_own_step() {
  [ -n "$blobs" ] && read -r kind _ <"$blobs/doing" && [ "$kind" = own ]
}
