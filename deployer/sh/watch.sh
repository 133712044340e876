# Ends a program when its run has gone. POSIX sh, coreutils only.
# Needs: the prelude.
# shellcheck shell=sh disable=SC2154
heartbeat=35
spared=

# fell PID: kill a process and its descendants; they are stopped first, so that none can start another one.
fell() {
  kill -STOP "$1" 2>/dev/null || return 0
  # shellcheck disable=SC2013
  for below in $(cat "/proc/$1/task"/*/children 2>/dev/null); do
    [ "$below" = "$spared" ] || fell "$below"
  done
  kill -KILL "$1" 2>/dev/null
}

# watch_open: start watching standard input, on which the run sends a heartbeat every few seconds from now on, and nothing else.
watch_open() {
  exec 5<&0 </dev/null
  ( watch ) <&5 >/dev/null 2>&1 5<&- 8>&- &
  watcher=$!
  exec 5<&-
}

# watch: when the run has gone, end the program; only a step of the engine itself is allowed to finish.
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

# end_unit: stop a unit that systemd runs for a step, which is not a descendant of our process; the step has written its name.
end_unit() {
  [ ! -s "$blobs/unit" ] || systemctl stop --no-block -- "$(cat -- "$blobs/unit")"
}

at_own_step() {
  [ -n "$blobs" ] && read -r kind _ <"$blobs/doing" && [ "$kind" = own ]
}
