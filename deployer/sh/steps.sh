# Runs the steps of a program, one after the other; only one program at a time. POSIX sh, coreutils and util-linux only.
# Needs: the prelude, upload.sh and watch.sh.
# shellcheck shell=sh disable=SC2034,SC2154
lock_wait=60

# Only one program at a time changes a host, and only if its run has the lease (lease.sh). The kernel releases the lock when the
# process that holds it ends, and no step inherits it. The lease is checked under the lock: so the result stays valid until then.
steps_open() {
  [ -n "$blobs" ] || blobs_open || return 1
  [ "$own_uid" -eq 0 ] || return 0
  command -v flock >/dev/null || { why="flock (util-linux) is not installed"; return 1; }
  exec 8<"$run_dir"
  flock -n 8 || {
    lease_holds || return 1
    end_own_upload
    flock -w "$lock_wait" 8 || {
      held "another run is changing this host, and has not ended in $lock_wait s" "$run_dir/holder"
      return 1
    }
  }
  lease_holds || return 1
  locked=yes
  printf '%s\t%s\t%s\n' "$run" "$$" "$blobs" >"$run_dir/holder"
}

# end_own_upload: kill a program of this run that still receives a file: its connection is dead.
end_own_upload() {
  { IFS='	' read -r who pid place <"$run_dir/holder" && read -r at _ <"$place/doing"; } 2>/dev/null || return 0
  [ "$who" != "$run" ] || [ "$at" != receive ] || fell "$pid"
}

# doing KIND LABEL: write down what the program does now, for other programs that wait for it and for watch.sh.
doing() {
  read -r now _ </proc/uptime
  printf '%s %s %s\n' "$1" "${now%.*}" "$2" >"$blobs/doing" || :
}

# say TEXT: send output before the step's end, if the program was started with hears; it is no error if the connection is lost.
say() { printf '%s said 0 %s\n%s' "$marker" "${#1}" "$1" >&6 2>/dev/null || :; }

# read_only LOG: if a step failed because of a read-only file system, print the usual cause and what helps.
read_only() {
  ! grep -qs 'Read-only file system$' "$1" || echo "a file system of this host is read-only: findmnt -O ro lists them. The" \
    "kernel makes one so when its disk fails (journalctl -k); mount -o remount,rw it when that is mended, and run again"
}

# step INDEX KIND LABEL: run one step with its output in a file, then report. The result is in $failed, because testing its
# status with || would switch off set -e inside the step. KIND is own (of the engine) or people (a user's command).
step() {
  [ -z "$leased" ] || lease_holds || refuse
  doing "$2" "$3"
  ( exec 8>&-; [ -n "$hears" ] || exec 6>&-; set -eu; "fragment_$1" ) 6>&1 >"$blobs/log" 2>&1; failed=$?
  doing told "$3"
  [ ! -e "$blobs/gone" ] || exit 1
  said=''
  if [ "$failed" -eq 0 ] && [ ! -s "$blobs/log" ]; then frame "$1" 0 '' || failed=1; return 0; fi
  said=$(tail -c 65536 "$blobs/log"; [ "$failed" -eq 0 ] || grep -qs 'has run out of' "$blobs/log" || full "$run_dir" "$home" /etc /tmp
    [ "$failed" -eq 0 ] || read_only "$blobs/log")
  frame "$1" "$failed" "$said" || failed=1
}

# people SECONDS USER TEXT: run a user's command as a login would: default signals, the login's umask, its own process group;
# and with a deadline, after which all its processes are killed, even detached ones. USER may be empty.
people() {
  user=
  [ -z "$2" ] || known_as "$2"
  step_id=${run%% *}.$$ seconds=$1 text=$3
  read -r began _ </proc/uptime
  set +e
  printf '%s\n' "$text" 2>/dev/null | (
    trap - HUP PIPE
    umask "$mask"
    exec 6>&-
    cd /
    DEPLOYER_STEP=$step_id
    export DEPLOYER_STEP
    bound=$seconds
    [ -z "$user" ] || as_that_user /bin/sh -eus
    exec timeout -k 5 "$bound" /bin/sh -eus
  )
  code=$?
  read -r ended _ </proc/uptime
  [ $((${ended%.*} - ${began%.*})) -lt "$seconds" ] || case $code in 124 | 137) overdue ;; esac
  exit "$code"
}

# overdue: kill all processes that are left of a step after its deadline, and name those that cannot be killed.
overdue() {
  for round in 1 2 3 4 5; do
    left=$(grep -lzxs -e "DEPLOYER_STEP=$step_id" /proc/[0-9]*/environ | cut -d / -f 3)
    [ -n "$left" ] || break
    # shellcheck disable=SC2086
    kill -KILL $left 2>/dev/null
    sleep "0.$round"
  done
  echo "it did not end in $seconds s, its deadline (timeout:), and was killed"
  for pid in $left; do
    echo "process $pid ($(cat "/proc/$pid/comm")) of it cannot be killed: it waits for a disk or a file server"
  done 2>/dev/null
}
