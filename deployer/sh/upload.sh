# Receives the files (blobs) of a program, completely or not at all. POSIX sh, coreutils and util-linux only.
# Needs: the prelude. Loaded for programs with blobs or steps.
# shellcheck shell=sh disable=SC2034,SC2154
silence=30
locked=

# sweep: remove files of killed runs (their names contain the pid), and partial uploads that are older than a day.
sweep() {
  for left in "$run_dir"/run.* "$big_dir"/blob.*; do
    [ -e "$left" ] || continue
    pid=${left##*/}; pid=${pid#*.}; pid=${pid%%.*}
    kill -0 "$pid" 2>/dev/null || rm -rf -- "$left"
  done
  for left in "$home"/part.*; do
    [ -e "$left" ] || continue
    find "$home" -maxdepth 1 -name 'part.*' -mtime +1 -exec rm -f -- {} +
    return
  done
}

# blobs_open: make the directory for blobs, which only this user can read; small ones are on tmpfs. It is removed with the program.
blobs_open() {
  run_dir=${TMPDIR:-/tmp} big_dir=${TMPDIR:-/tmp}
  if [ "$own_uid" -eq 0 ]; then
    run_dir=/run/deployer big_dir=$home
    why="cannot make $run_dir or $big_dir"
    if [ ! -d "$run_dir" ] || [ ! -d "$big_dir" ]; then mkdir -p "$run_dir" "$big_dir" || return 1; fi
    # With a lease, this has been done already.
    [ -n "$leased" ] || chmod 0700 "$run_dir" "$big_dir" || return 1
    sweep
  fi
  blobs=$(mktemp -d "$run_dir/run.$$.XXXXXXXX") || { why="cannot make a directory in $run_dir"; return 1; }
}

# blob INDEX SIZE SHA256 OFFSET: receive one blob from standard input, without the bytes that are here already, and check it;
# small ones are checked together by `blobs_whole`. A secret has no digest, from which it could be guessed: with "-", only the
# length is checked, and SSH itself protects the content.
digests='' lengths=''
blob() {
  if [ -n "$locked" ]; then
    [ -z "$leased" ] || lease_holds || return 1
    doing receive 'an upload'
  fi
  at=$run_dir place=$blobs/$1 size=$2
  if [ "$2" -gt 1048576 ]; then
    at=$big_dir
    if [ "$at" = "$home" ] && [ "$3" != - ]; then
      if [ "$4" -eq "$2" ] && proven "$3"; then ln -s "$home/part.$3" "$blobs/$1"; return 0; fi
      part "$3" "$4" || return 1
    else
      place=$(mktemp "$at/blob.$$.XXXXXXXX") || { why="cannot make a file in $at"; return 1; }
    fi
    size=$(($2 - $4))
  fi
  receive "$size" "$place" || {
    why="an upload of $2 bytes to $at failed: $(cat -- "$blobs/why")" lacking=$(full "$at")
    rm -f -- "$place"
    return 1
  }
  if [ "$2" -le 65536 ] && [ "$taken" -eq 0 ]; then
    if [ "$3" = - ]; then lengths=$lengths$2:$place$lf; else digests="$digests$3  $place$lf"; fi
    return 0
  fi
  if [ "$3" = - ]; then proof=$(wc -c <"$place") wanted=$2; else proof=$(sha256sum <"$place") wanted="$3  -"; fi
  if [ "$proof" != "$wanted" ]; then
    [ "$(wc -c <"$place")" -lt "$2" ] || rm -f -- "$place"
    why="an upload of $2 bytes to $at arrived damaged or cut"
    return 1
  fi
  [ "$place" != "$home/part.$3" ] || printf '%s %s\n' "$3" "$(stat -c '%i %s %.9Y %.9Z' -- "$place")" >"$run_dir/proven"
  [ "$place" = "$blobs/$1" ] || ln -s "$place" "$blobs/$1"
}

# written INDEX SHA256 TEXT: the same for a blob in the program's text.
written() {
  printf %s "$3" 2>/dev/null >"$blobs/$1" || { why="cannot write $blobs"; return 1; }
  digests="$digests$2  $blobs/$1$lf"
}

# blobs_whole: check all small blobs.
blobs_whole() {
  why="an upload to $run_dir arrived damaged or cut"
  [ -z "$digests" ] || sha256sum --status --strict -c <<END || return 1
${digests%"$lf"}
END
  set --
  set -f
  IFS=$lf
  for line in $lengths; do set -- "$@" "${line#*:}"; done
  unset IFS
  set +f
  [ $# -eq 0 ] || [ "$(stat -c '%s:%n' -- "$@")$lf" = "$lengths" ] || return 1
  why=''
}

# proven SHA256: whether a large upload was checked since the host's boot, and its file has not changed since then.
proven() {
  text=''
  { read -r text <"$run_dir/proven"; } 2>/dev/null
  [ "$text" = "$1 $(stat -c '%i %s %.9Y %.9Z' -- "$home/part.$1" 2>/dev/null)" ]
}

# receive SIZE FILE: append SIZE bytes from standard input. Stop if nothing arrives for some time: then the connection is dead,
# even if sshd has not noticed, and the lock must be released.
receive() {
  if [ "$1" -le 65536 ]; then
    timeout $((silence + $1 / 1000)) head -c "$1" >>"$2" 2>"$blobs/why" 8>&-; taken=$?
    [ "$taken" -eq 0 ] || [ "$taken" -eq 124 ]
    return
  fi
  exec 5<&0
  head -c "$1" <&5 >>"$2" 2>"$blobs/why" 8>&- &
  reader=$!
  exec 5<&-
  ( watch_growth "$2" "$reader" ) </dev/null >/dev/null 2>&1 8>&- &
  growth=$!
  wait "$reader"; taken=$?
  fell "$growth"
  wait "$growth" 2>/dev/null
  [ "$taken" -eq 0 ] || [ "$taken" -gt 128 ]
}

# watch_growth FILE PID: kill the process if the file has not grown for some time.
watch_growth() {
  idle=0 before=-1
  while sleep 5; do
    now=$(wc -c <"$1")
    if [ "$now" != "$before" ]; then
      idle=0 before=$now
      [ -z "$leased" ] || lease_renew || :
    else idle=$((idle + 5)); fi
    [ "$idle" -lt "$silence" ] || kill -KILL "$2"
  done
}

# part SHA256 OFFSET: prepare the file of a large upload; it is named after its content, so that the next run can continue it.
part() {
  place=$home/part.$1
  if [ ! -e "$place" ] && [ ! -L "$place" ] && [ "$2" -eq 0 ]; then return 0; fi
  touch -- "$place" || { why="cannot make $place"; return 1; }
  [ "$(wc -c <"$place")" -ge "$2" ] || { why="$place has become shorter: start the run again"; return 1; }
  truncate -s "$2" -- "$place" || { why="cannot write $place"; return 1; }
}
