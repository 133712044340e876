# Only one run at a time changes a host: the one that holds its lease. The run renews it regularly; without renewal it expires,
# measured by the host's uptime, so that setting a clock can neither extend nor end it. A writing program checks the lease first,
# and holds the lock of all writers until it ends; the lease is only given to another run under that lock.
# A record is one line, with tabs between the fields: form run kind process from since until date boot what end
# Since and until are hundredths of a second of uptime. If process begins with -, until is the time of the last write; otherwise
# the lease was last renewed lease_time before until.
# Needs: the prelude.
# shellcheck shell=sh disable=SC2034,SC2154
lease_dir=/run/deployer
lease=$lease_dir/lease
hold=$home/hold
lease_time=12000
lease_pause=800
lease_form=1

# lease_read FILE: set $state to none, live, over or damaged, and $l_… to the fields of the record.
lease_read() {
  state=none boot=''
  lease_clear
  read -r now _ </proc/uptime && now=$((${now%.*} * 100 + 1${now#*.} - 100)) && read -r boot </proc/sys/kernel/random/boot_id
  [ -e "$1" ] || [ -L "$1" ] || return 0
  state=damaged
  lease_parse "$1" || lease_clear
}

# Only numbers may be used in a calculation: the shell would evaluate anything else.
lease_clear() { l_run='' l_kind='' l_pid='' l_from='' l_since=0 l_until=0 l_date=0 l_boot='' l_what=''; }

lease_parse() {
  [ -f "$1" ] && [ ! -L "$1" ] && [ -O "$1" ] || return 1
  record=''
  { IFS= read -r record <"$1" || :; } 2>/dev/null
  [ "${#record}" -le 1000 ] || return 1
  IFS='	' read -r l_form l_run l_kind l_pid l_from l_since l_until l_date l_boot l_what l_end <<RECORD || return 1
$record
RECORD
  [ "$l_form" = "$lease_form" ] && [ "$l_end" = end ] || return 1
  for number in "$l_since" "$l_until" "$l_date"; do
    case $number in '' | *[!0-9]* | 0?* | ?????????????*) return 1 ;; esac
  done
  case $l_kind in
    run) [ "$l_boot" = "$boot" ] || { state=over l_until=0; return 0; } ;;
    hold) [ "$l_boot" = "$boot" ] || l_until=$((l_until - l_since)) ;; # it counts anew from each boot
    broken) ;;
    *) return 1 ;;
  esac
  if [ "$l_kind" != broken ] && [ "$now" -le "$l_until" ]; then state=live; else state=over; fi
}

# lease_write FILE: write the fields to it with one rename, in a directory that only root can use.
lease_write() {
  if [ -e "$1.new" ] || [ -L "$1.new" ]; then rm -f -- "$1.new"; fi
  whole=yes
  set -C
  { printf '%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\tend\n' "$lease_form" "$l_run" "$l_kind" "$l_pid" "$l_from" \
    "$l_since" "$l_until" "$l_date" "$l_boot" "$l_what" >"$1.new"; } 2>/dev/null || whole=''
  set +C
  [ -z "$whole" ] || ! mv -fT -- "$1.new" "$1" 2>/dev/null || return 0
  rm -f -- "$1.new"
  why="cannot write $1"
  lease_full=$(full "$lease_dir" "$home")
  [ -z "$lease_full" ] || why="$why: $lease_full"
  return 1
}

# lease_open: make the directories, check that root owns them and that they are no links, and lock the records (descriptor 9).
lease_open() {
  for place in "$lease_dir" "$home"; do
    [ -d "$place" ] || mkdir -p -- "$place" 2>/dev/null
    if [ -L "$place" ] || [ ! -d "$place" ] || [ ! -O "$place" ]; then
      why="$place must be a directory that belongs to root"
      return 1
    fi
  done
  # A program of steps has done this at its start.
  [ -n "${locked-}" ] || why=$(chmod 0700 -- "$lease_dir" "$home" 2>&1) || { why="cannot write $lease_dir or $home: $why"; return 1; }
  command -v flock >/dev/null || { why="flock (util-linux) is not installed"; return 1; }
  exec 9<"$home"
  flock -w 5 9 || { why="the record of the lease cannot be read: a process on the host keeps $home locked"; return 1; }
}

# span HUNDREDTHS: print it in words.
span() {
  if [ "$1" -lt 12000 ]; then echo "$(($1 / 100)) s"
  elif [ "$1" -lt 720000 ]; then echo "$(($1 / 6000)) min"
  else echo "$(($1 / 360000)) h $(($1 % 360000 / 6000)) min"; fi
}

# lease_words FILE: set $why to who holds the lease, since when, from where, and what for.
lease_words() {
  began=$(date -d "@$l_date" '+%F %T %Z' 2>/dev/null || :)
  case $state in
    damaged) why="$1 cannot be understood: it is damaged, or another version of deployer wrote it" ;;
    *)
      ago=$((now - l_since))
      [ "$l_boot" = "$boot" ] || ago=$((($(date +%s) - l_date) * 100))
      [ "$ago" -ge 0 ] || ago=0
      why="held by ${l_run#* } for $(span "$ago") (since $began): $l_what"
      if [ "$l_kind" = hold ]; then why="$why (for another $(span $((l_until - now))))"
      else why="$why (run ${l_run%% *}, process ${l_pid%%/*} there, from $l_from)"; fi
      ;;
  esac
}

# lease_taken: whether another run's lease, a hold or a damaged record keeps this run from the host; then set $why.
lease_taken() {
  lease_read "$hold"
  if [ "$state" = damaged ]; then lease_words "$hold"; return 0; fi
  if [ "$state" = live ] && { [ "${kind:-run}" != hold ] || [ "${l_run#* }" != "${run#* }" ]; }; then
    lease_words "$hold"
    why="maintenance: $why"
    return 0
  fi
  lease_read "$lease"
  case $state in damaged) lease_words "$lease"; return 0 ;; esac
  [ "$state" = live ] && [ "$l_run" != "$run" ] && [ "${over:--}" != "$l_pid" ] || return 1
  lease_words "$lease"
}

# lease_renew: renew the lease; fail if the run no longer holds it.
lease_renew() {
  lease_read "$lease"
  [ "$state" = live ] && [ "$l_run" = "$run" ] && [ "$l_kind" = run ] || return 1
  [ $((l_until - now)) -lt $((lease_time - lease_pause)) ] || return 0
  (lease_longer)
}

# lease_longer: the same under the lock of the records; if the lock is not free now, the lease is not lost.
lease_longer() {
  lease_open || return 0
  lease_read "$lease"
  [ "$state" = live ] && [ "$l_run" = "$run" ] || return 1
  l_until=$((now + lease_time))
  lease_write "$lease" || :
}

# lease_left: renew the lease when a writing program ends; if the lease was lost meanwhile, record the time of this last write.
lease_left() {
  ! lease_renew || return 0
  [ "$state" = over ] && [ "$l_run" = "$run" ] && [ "$l_kind" = run ] && [ "$l_boot" = "$boot" ] || return 0
  (lease_outlived)
}

lease_outlived() {
  lease_open || return 0
  lease_read "$lease"
  [ "$state" = over ] && [ "$l_run" = "$run" ] || return 0
  l_pid=-${l_pid#-} l_until=$((now - 1))
  lease_write "$lease" || :
}

# lease_holds: whether this run may write; if not, set $why.
lease_holds() {
  code=5
  if [ -n "$leased" ]; then
    lease_renew && { code=1; return 0; }
    lease_read "$lease"
    lease_lost
    return 1
  fi
  if lease_taken; then return 1; fi
  code=1
}

# lease_lost: set $why to how the run has lost its lease.
lease_lost() {
  lost="this run has lost its lease of the host, and writes nothing more here"
  if [ "$state" = damaged ]; then lease_words "$lease"; why="$lost: $why"
  elif [ "$state" = none ] || [ "$l_boot" != "$boot" ]; then
    why="$lost: its record is gone, for example because the host restarted"
  elif [ "$l_kind" = broken ]; then why="$lost: $l_what"
  elif [ "$l_run" = "$run" ]; then
    why="$lost: the host heard nothing from it for $((lease_time / 100)) s, so the lease ended $(span $((now - l_until))) ago"
  elif [ "$state" = live ]; then lease_words "$lease"; why="$lost: $why"
  else why="$lost: ${l_run#* } had it in the meantime, for: $l_what"; fi
}

# held TROUBLE NOTE: set $why to who holds the lock that this program wants, since when, and what helps if that one hangs.
held() {
  code=5 why=$1
  { IFS='	' read -r who pid place <"$2" && kill -0 "$pid"; } 2>/dev/null || return 0
  why="$1: ${who#* } holds it (run ${who%% *}, process $pid)"
  { read -r _ since label <"$place/doing" && read -r now _ </proc/uptime; } 2>/dev/null &&
    why="$why, for $((${now%.*} - since)) s now at: $label"
  read -r _ _ _ _ group _ <"/proc/$pid/stat"
  why="$why
  should that hang, this ends it there: kill -KILL -- -$group"
}
