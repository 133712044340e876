# Every program starts with these functions. POSIX sh, coreutils only.
# An answer is MARKER INDEX RC LENGTH, a newline, and LENGTH bytes.
LC_ALL=C
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export LC_ALL PATH
umask 077
connection=${1:-}
home=/var/lib/deployer
blobs=
why=
lacking=
failed=0
lock_wait=60
code=1
: "${marker:?}" "${run:?}" "${hears?}" "${connection?}"

# full PLACE...: say which of their file systems have run out, and of what: bytes or inodes look the same to a program.
full() {
  df --output=avail,iavail,itotal,target -B1 -- "$@" 2>/dev/null | sort -u | while read -r bytes inodes most where; do
    [ -w "$where" ] || continue
    flag=''
    if [ "$most" -gt 0 ] && [ "$inodes" -lt 8 ]; then lacks=inodes flag=' --inodes'
    elif [ "$bytes" -lt 1048576 ]; then lacks=bytes
    else continue; fi
    echo "$where has run out of $lacks: $((bytes / 1024)) KiB and $inodes inodes are left. Make room there" \
      "(du -x$flag $where | sort -n tells where they are) and run again"
  done 2>/dev/null
}

# emit KEY VALUE: one record of a probe; records end with RS, which no sane value holds.
emit() { printf '%s=%s\036' "$1" "$2"; }

# unknown REASON: a probe's way to say "cannot know before an earlier task has run".
unknown() { printf '%s' "$1"; exit 3; }

# digest FILE: sha256 of its content in hex.
digest() {
  sum=$(sha256sum <"$1")
  printf '%s' "${sum%% *}"
}

# look PATH: emit what is there without following a link, and leave its kind in $type; nothing when there is nothing.
look() {
  type=
  if [ -L "$1" ]; then
    type='link'
    emit target "$(readlink -- "$1")"
  elif [ -f "$1" ]; then type='file'
  elif [ -d "$1" ]; then type='directory'
  elif [ -e "$1" ]; then type='other'
  else hidden "$1"; return 0; fi
  emit type "$type"
  emit at "$(stat -c '%U:%u:%G:%g:%a' -- "$1")"
}

# hidden PATH: a directory that this user may not enter hides what is in it; then "nothing there" is not to be believed.
hidden() {
  above=${1%/*}
  while [ -n "$above" ] && [ ! -d "$above" ]; do above=${above%/*}; done
  [ -x "${above:-/}" ] || { echo "may not look into $above"; exit 1; }
}

# units_read UNIT…: ask systemd about all of them before the first fragment; a systemctl costs a host as much as ten tests.
units=
blank='

'
properties=LoadState,ActiveState,SubState,UnitFileState,FragmentPath,DropInPaths,NeedDaemonReload,MainPID,NRestarts,Result
properties=$properties,ActiveEnterTimestampMonotonic,InactiveExitTimestampMonotonic,ControlGroup
units_read() { units_shown=$(systemctl show -p "$properties" -- "$@" 2>/dev/null) && units=$*; }

# unit_show UNIT: leave what systemd says of it in $shown, one NAME=VALUE a line, and its main process (0: none) in $pid.
unit_show() {
  shown='' rest=${units_shown:-}
  for known in $units; do
    [ "$known" != "$1" ] || { shown=${rest%%"$blank"*}; break; }
    rest=${rest#*"$blank"}
  done
  [ -n "$shown" ] || shown=$(systemctl show -p "$properties" -- "$1")
  pid=${shown#*MainPID=}
  pid=${pid%%[!0-9]*}
  pid=${pid:-0}
}

# frame INDEX RC TEXT
frame() { printf '%s %s %s %s\n%s' "$marker" "$1" "$2" "${#3}" "$3"; }

# as USER TEXT: run sh text as another user; it travels through a pipe, not through argv. The functions above are not there.
as() {
  id -u "$1" >/dev/null 2>&1 || unknown "the user $1 does not exist yet"
  cd /
  printf '%s\n' "$2" |
    runuser -u "$1" -- env HOME="$(getent passwd "$1" | cut -d : -f 6)" USER="$1" LOGNAME="$1" /bin/sh -eus
}

# ask INDEX: run a probe. One that fails oddly is asked again with its complaints, which is safe: probes only read.
ask() {
  answer=$( (set -eu; "fragment_$1") 2>/dev/null ); rc=$?
  [ "$rc" -eq 0 ] || [ "$rc" -eq 3 ] || answer=$( (set -eu; "fragment_$1") 2>&1 )
  frame "$1" "$rc" "$answer"
}

# What an earlier run left when it was killed: its name holds its pid.
sweep() {
  for left in "$run_dir"/run.* "$big_dir"/blob.*; do
    [ -e "$left" ] || continue
    pid=${left##*/}; pid=${pid#*.}; pid=${pid%%.*}
    kill -0 "$pid" 2>/dev/null || rm -rf -- "$left"
  done
  find "$home" -maxdepth 1 -name 'part.*' -mtime +1 -exec rm -f -- {} +
}

# Blobs land in a directory that only this user reads, on tmpfs when they are small, and leave with the program.
blobs_open() {
  run_dir=${TMPDIR:-/tmp} big_dir=${TMPDIR:-/tmp}
  if [ "$(id -u)" -eq 0 ]; then
    run_dir=/run/deployer big_dir=$home
    why="cannot make $run_dir or $big_dir"
    mkdir -p "$run_dir" "$big_dir" || return 1
    chmod 0700 "$run_dir" "$big_dir" || return 1
    sweep
  fi
  blobs=$(mktemp -d "$run_dir/run.$$.XXXXXXXX") || { why="cannot make a directory in $run_dir"; return 1; }
}

# blob INDEX SIZE SHA256 OFFSET: take one blob from standard input, but for the bytes that are here already, and prove it
# whole. Of a secret there is no digest (it could be guessed from one): "-" proves the length only, and the channel's own
# checks do the rest.
blob() {
  at=$run_dir place=$blobs/$1 size=$2
  if [ "$2" -gt 1048576 ]; then
    at=$big_dir
    if [ "$at" = "$home" ] && [ "$3" != - ]; then
      part "$3" "$4" || return 1
    else
      place=$(mktemp "$at/blob.$$.XXXXXXXX") || { why="cannot make a file in $at"; return 1; }
    fi
    size=$(($2 - $4))
  fi
  why=$( { head -c "$size" >>"$place"; } 2>&1 ) || {
    why="an upload of $2 bytes to $at failed: $why" lacking=$(full "$at")
    rm -f -- "$place"
    return 1
  }
  if [ "$3" = - ]; then proof=$(wc -c <"$place") wanted=$2; else proof=$(digest "$place") wanted=$3; fi
  if [ "$proof" != "$wanted" ]; then
    [ "$(wc -c <"$place")" -lt "$2" ] || rm -f -- "$place"
    why="an upload of $2 bytes to $at arrived damaged or cut"
    return 1
  fi
  [ "$place" = "$blobs/$1" ] || ln -s "$place" "$blobs/$1"
  exec 7>&-
}

# part SHA256 OFFSET: a large upload is named after its content, so that the next run sends only what a cut one has not.
part() {
  place=$home/part.$1
  touch -- "$place" || { why="cannot make $place"; return 1; }
  { exec 7>>"$place" && flock -n 7; } || { why="another run is sending the same file to this host" code=5; return 1; }
  [ "$(wc -c <"$place")" -ge "$2" ] || { why="$place has become shorter: run again"; return 1; }
  truncate -s "$2" -- "$place" || { why="cannot write $place"; return 1; }
}

# From here on the program changes the host; a vanished reader must not end it in mid-step. One program at a time does so:
# the kernel lets the lock go with the process that holds it, and no step inherits it.
steps_open() {
  trap '' HUP PIPE
  [ -n "$blobs" ] || blobs_open || return 1
  [ "$(id -u)" -eq 0 ] || return 0
  command -v flock >/dev/null || { why="flock (util-linux) is not installed"; return 1; }
  exec 8<"$run_dir"
  flock -w "$lock_wait" 8 || { why="another run is changing this host, and has not ended in $lock_wait s" code=5; return 1; }
}

# say TEXT: what a program that is listened to (hears) says before a step's end; that nobody listens any more stops nothing.
say() { printf '%s said 0 %s\n%s' "$marker" "${#1}" "$1" >&6 2>/dev/null || :; }

# step INDEX: run one step to its end with its output in a file, then report. It tells by $failed, because to test its
# status with || would switch off set -e inside of it.
step() {
  ( exec 8>&-; [ -n "$hears" ] || exec 6>&-; set -eu; "fragment_$1" ) 6>&1 >"$blobs/log" 2>&1; failed=$?
  said=$(tail -c 65536 "$blobs/log"; [ "$failed" -eq 0 ] || grep -qs 'has run out of' "$blobs/log" || full "$run_dir" "$home" /etc /tmp)
  frame "$1" "$failed" "$said" || failed=1
}

clean() {
  [ -n "$blobs" ] || return 0
  for link in "$blobs"/*; do
    if [ -L "$link" ]; then rm -f -- "$(readlink "$link")"; fi
  done
  rm -rf -- "$blobs"
}
trap clean EXIT

start() { printf '\n%s start\n' "$marker"; }
finish() { printf '%s end 0 0\n' "$marker"; }
refuse() {
  [ "$code" -eq 5 ] || lacking=${lacking:-$(full "$run_dir" "$big_dir")}
  why="$why${lacking:+
$lacking}"
  printf '%s end %s %s\n%s' "$marker" "$code" "${#why}" "$why"
  exit 1
}
