# Every program starts with these functions. POSIX sh, coreutils only.
# An answer is MARKER INDEX RC LENGTH, a newline, and LENGTH bytes.
LC_ALL=C
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export LC_ALL PATH
umask 077
client=${1:-}
client=${client%% *}
home=/var/lib/deployer
blobs=
why=
failed=0
marker=${marker:?}

# emit KEY VALUE: one record of a probe; records end with RS, which no sane value holds.
emit() { printf '%s=%s\036' "$1" "$2"; }

# unknown REASON: a probe's way to say "cannot know before an earlier task has run".
unknown() { printf '%s' "$1"; exit 3; }

# digest FILE: sha256 of its content in hex.
digest() { sha256sum <"$1" | cut -d ' ' -f 1; }

# frame INDEX RC TEXT
frame() { printf '%s %s %s %s\n%s' "$marker" "$1" "$2" "${#3}" "$3"; }

# as USER TEXT: run sh text as another user; it travels through a pipe, not through argv.
as() { printf '%s\n' "$2" | runuser -u "$1" -- /bin/sh -s; }

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

# blob INDEX SIZE SHA256: take one blob from standard input and prove it whole.
blob() {
  if [ "$2" -gt 1048576 ]; then
    large=$(mktemp "$big_dir/blob.$$.XXXXXXXX") || { why="cannot make a file in $big_dir"; return 1; }
    ln -s "$large" "$blobs/$1"
  fi
  why=$( { head -c "$2" >"$blobs/$1"; } 2>&1 ) || { why="an upload of $2 bytes failed: $why"; return 1; }
  [ "$(digest "$blobs/$1")" = "$3" ] || { why="an upload of $2 bytes to $run_dir arrived damaged or cut"; return 1; }
}

# From here on the program changes the host; a vanished reader must not end it in mid-step.
steps_open() {
  trap '' HUP PIPE
  [ -n "$blobs" ] || blobs_open
}

# step INDEX: run one step to its end with its output in a file, then report. It tells by $failed, because to test its
# status with || would switch off set -e inside of it.
step() {
  ( set -eu; "fragment_$1" ) >"$blobs/log" 2>&1; failed=$?
  frame "$1" "$failed" "$(tail -c 65536 "$blobs/log")" || failed=1
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
refuse() { printf '%s end 1 %s\n%s' "$marker" "${#why}" "$why"; exit 1; }
