# What is done with a lease itself: taken, given back, shown and broken.
# Given: the prelude and lease.sh.
# shellcheck shell=sh disable=SC2034,SC2154
left_wait=60

# lease_take KIND PROCESS SECONDS WHAT [OVER]: take what is free, or say who has it. Of two that begin at the same time the one
# that gave itself a name first waits for the other to give way. OVER is a process that is known to be dead.
lease_take() {
  [ "$own_uid" -eq 0 ] || { echo 'not root'; return 0; }
  kind=$1 round=0 file=$lease over=${5:-}
  [ "$kind" = run ] || file=$hold
  lease_open || { echo "$why"; return 1; }
  exec 8<"$lease_dir"
  while :; do
    lease_taken || { lease_alone && break; continue; }
    flock -u 9
    round=$((round + 1))
    if [ "$state" = damaged ] || [ "$round" -gt 8 ] || [ "$l_kind" = hold ] || [ $((now - l_since)) -gt 1000 ] ||
      ! expr "$l_run" \> "$run" >/dev/null; then
      echo "$why"
      [ "$l_kind" != run ] || echo "process $l_pid"
      return 5
    fi
    sleep 0.4
    lease_open || { echo "$why"; return 1; }
  done
  # Who had it last, and for how long it has written no more: what was read here before that may be old.
  if [ -n "$l_run" ] && [ "$l_run" != "$run" ] && [ "$state" != live ]; then
    case $l_pid in -*) ;; *) l_until=$((l_until - lease_time + lease_pause)) ;; esac # it was not heard of since
    l_pid=${l_pid#-}
    echo "before $((now - l_until)) ${l_pid:--} $l_run"
  fi
  [ "$l_run" = "$run" ] && [ "$state" = live ] || l_since=$now l_date=$(date +%s)
  l_run=$run l_kind=$kind l_pid=$2 l_from=${connection%% *} l_until=$((now + $3 * 100)) l_boot=$boot l_what=$4
  l_from=${l_from:-this machine}
  lease_write "$file" || { echo "$why"; return 1; }
  [ "$kind" = run ] || sync -- "$file" "$home"
}

# lease_alone: have the lock of all writers, too. What a run that is gone has left comes to its end first; meanwhile others may
# look at the records, so that they have to be looked at anew (1).
lease_alone() {
  ! flock -n 8 || return 0
  flock -u 9
  flock -w "$left_wait" 8 || {
    held 'what a run has left there still changes it' "$lease_dir/holder"
    echo "$why"
    exit 5
  }
  lease_open || { echo "$why"; exit 1; }
  return 1
}

# lease_end [AGO]: give it back; AGO where nothing was done with it: hundredths of a second since somebody had it who did.
lease_end() {
  lease_open || return 0
  lease_read "$lease"
  [ "$state" = live ] && [ "$l_run" = "$run" ] || return 0
  ago=${1:-1}
  [ "$ago" -lt "$now" ] || ago=$now
  l_pid=- l_until=$((now - ago))
  lease_write "$lease" || rm -f -- "$lease"
}

# lease_show: who holds the host, and what runs there of somebody's.
lease_show() {
  [ "$own_uid" -eq 0 ] || { echo 'only root can see who holds it: ansible_become: true'; return 1; }
  shown=''
  for file in "$hold" "$lease"; do
    lease_read "$file"
    [ "$state" = live ] || [ "$state" = damaged ] || continue
    lease_words "$file"
    [ "$file" = "$lease" ] || [ "$state" = damaged ] || why="maintenance: $why"
    [ "$state" != live ] || [ "$l_kind" != run ] || why="$why; if that run is dead, free in $(span $((l_until - now)))"
    echo "$why"
    shown=yes
  done
  if [ -d "$lease_dir" ] && { exec 8<"$lease_dir"; } 2>/dev/null && ! flock -n 8; then
    held 'a program changes it at this moment' "$lease_dir/holder"
    echo "$why"
    shown=yes
  fi
  [ -z "$shown" ] || return 0
  lease_read "$lease"
  if [ "$l_kind" = broken ]; then echo "free; $l_what"
  elif [ -n "$l_run" ]; then echo "free; last held by ${l_run#* }, for: $l_what"
  else echo free; fi
}

# lease_break WHY: end whatever lease or hold there is, whoever has it; the host's journal is told by whom and why.
lease_break() {
  [ "$own_uid" -eq 0 ] || { echo 'this needs root: ansible_become: true'; return 1; }
  lease_open || { echo "$why"; return 1; }
  broke=''
  for file in "$hold" "$lease"; do
    lease_read "$file"
    [ "$state" = live ] || [ "$state" = damaged ] || continue
    lease_words "$file"
    broke="$broke${broke:+; }$why"
  done
  [ -n "$broke" ] || { echo 'nobody holds the lock, so there is nothing to break'; return 0; }
  printf '%s (%s, from %s): breaks the lease: %s. It was: %s\n' "${run#* }" "${SUDO_USER:-$(id -un)}" \
    "${connection%% *}" "$1" "$broke" | logger -t deployer -p auth.notice ||
    { echo 'the host could not log this (logger), so nothing was broken'; return 1; }
  rm -rf -- "$hold"
  rm -rf -- "$lease"
  lease_read "$lease"
  l_run=$run l_kind=broken l_pid=- l_from=${connection%% *} l_since=$now l_until=$now l_date=$(date +%s) l_boot=$boot
  l_from=${l_from:--} l_what="${run#* } broke it: $1"
  lease_write "$lease" || :
  echo "broken; it was: $broke"
}

# edit INDEX: run a fragment that is about the lease itself; it tells by its status, 5 being that somebody else has it.
edit() { answer=$(exec 2>/dev/null; set -eu; "fragment_$1"); frame "$1" "$?" "$answer"; }
