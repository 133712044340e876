# Takes, releases, shows and breaks leases.
# Needs: the prelude and lease.sh.
# shellcheck shell=sh disable=SC2034,SC2154
left_wait=60

# lease_take KIND PROCESS SECONDS WHAT [OVER]: take a free lease, or print who has it. Of two runs that begin at the same time, the
# one with the earlier name waits for the other to give way. OVER is a process that is known to be dead.
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
  # Print who had it last, and when that one last wrote: a reading from before that may be outdated.
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

# lease_alone: take the lock of all writers, too. A program that a dead run has left has to end first; meanwhile others may change
# the records, so they have to be read again (status 1).
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

# lease_end [AGO]: release it; AGO if the run has written nothing: hundredths of a second since the last writing run had it.
lease_end() {
  lease_open || return 0
  lease_read "$lease"
  [ "$state" = live ] && [ "$l_run" = "$run" ] || return 0
  ago=${1:-1}
  [ "$ago" -lt "$now" ] || ago=$now
  l_pid=- l_until=$((now - ago))
  lease_write "$lease" || rm -f -- "$lease"
}

# lease_show: print who holds the host, and whose programs run there.
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

# lease_break WHY: end any lease or hold, whoever has it, and log to the journal who has done that and why.
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

# edit INDEX: run a fragment that is about the lease itself, and report its status; 5 means that another run has it.
edit() { answer=$(exec 2>/dev/null; set -eu; "fragment_$1"); frame "$1" "$?" "$answer"; }
