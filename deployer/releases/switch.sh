# Switches the nodes of a release on a host, and takes them back to a good release.

# mark_bad ID WHY: record that a release is bad, once. On a full disk this may need a second try, after going back has freed the
# reserved space.
marked=
mark_bad() {
  [ "$marked" != "$1" ] || return 0
  inscribe "$root/ledger/bad/$1" "$2" && remember bad "$1" "$2" && rm -f -- "$root/ledger/good/$1" && marked=$1
}

# hold_room: reserve the disk space that going back needs, for the record and for the files.
hold_room() {
  for room in "$root/ledger/room" "$held/.room"; do
    [ ! -e "$room/link" ] || continue
    mkdir -p -- "$room" && head -c 262144 /dev/zero >"$room/bytes" && touch -- "$room/file" "$room/files" "$room/link" || return 1
  done
}

# recorded PATH: set $at to the file that release $to had when it was marked good; status 1 if it did not have this node then.
recorded() {
  keep=$root/ledger/config/$to
  if [ ! -d "$keep" ]; then in_force "$1"; return 0; fi
  at=$keep$1
  case $1 in */00-deployer.conf)
    known=yes
    [ -f "$at" ] || at=${at%.d/00-deployer.conf}
    [ -f "$at" ] || known='' ;;
  esac
  [ -n "$known" ] || return 1
  [ -f "$at" ] || in_force "$1"
}

# leaving: the nodes are about to be stopped; note the time, by the host's uptime.
leaving() {
  rm -f -- "$root/ledger/away"
  [ -n "$since" ] || since=$(hundredths)
}

# returned: the nodes run again; record for how long they did not.
returned() {
  [ -n "$since" ] || return 0
  took=$(($(hundredths) - since))
  inscribe "$root/ledger/away" "$(printf '%d.%02d' "$((took / 100))" "$((took % 100))")" || rm -f -- "$root/ledger/.new"
}

since=''
hundredths() { read -r up _ </proc/uptime && echo "${up%.*}${up#*.}"; }

# halt UNIT...: stop them, and wait until EPMD ($epmd: its port, or empty) has dropped $names; without bash, do not wait.
halt() {
  systemctl stop -- "$@" || return 1
  [ -n "$epmd" ] && command -v bash >/dev/null || return 0
  tries=0
  while epmd_names "$epmd" | grep -qE "^name ($names) at port"; do
    tries=$((tries + 1))
    [ "$tries" -lt 100 ] || { echo "EPMD still has one of $names: another process has registered that name"; return 1; }
    sleep 0.1
  done
}

# run_nodes UNIT...: start them; each start ends when all applications run.
run_nodes() {
  as_read "$@" || read_anew || return 1
  [ $# -gt 0 ] || return 0
  # Also without an earlier release: a unit of another root, or of a retired node, may have reached its start limit.
  systemctl reset-failed --quiet -- "$@" 2>/dev/null || :
  systemctl start -- "$@"
}

# tried_again UNIT...: systemd repeats a failed start (Restart=); wait for it as long as one start may take.
tried_again() {
  limit=$(($(hundredths) + patience * 100))
  for unit; do
    while :; do
      state=$(systemctl show -P ActiveState -- "$unit") || return 1
      case $state in
        active) break ;;
        activating | deactivating) [ "$(hundredths)" -lt "$limit" ] || return 1 ;;
        *) return 1 ;;
      esac
      sleep 0.2
    done
  done
}

# too_slow UNIT...: whether the start of one of them has timed out.
too_slow() {
  for unit; do
    [ "$(systemctl show -P Result -- "$unit")" != timeout ] || return 0
  done
  return 1
}

# tell_dead UNIT...: print the last log lines of those that do not run.
tell_dead() {
  for unit; do
    systemctl --quiet is-active -- "$unit" || last_words
  done
}

# of_current: set $known to the units of the current generation; a node that was renamed since then has its old unit there.
of_current() {
  known=''
  for conf in "$held/current$unit_files"/*.d/00-deployer.conf; do
    [ ! -f "$conf" ] || { unit=${conf%.d/*} && known="$known ${unit##*/}"; }
  done
}

# renamed: link everything that the current generation has; enable its units with other names, and disable units that it does not
# have.
renamed() {
  other='' absent=''
  for unit in $known; do case " $units " in *" $unit "*) ;; *) other="$other $unit" ;; esac; done
  for unit in $units; do case " $known " in *" $unit "*) ;; *) absent="$absent $unit" ;; esac; done
  # shellcheck disable=SC2086
  [ -z "$absent" ] || systemctl disable --quiet --no-reload -- $absent || :
  found=$(find "$held/current/" -type f -printf '/%P\n') || return 1
  while read -r file; do
    # A release may have files that the one which is left has not; where links lead nowhere, they are forgotten.
    [ -z "$file" ] || { [ -z "$other" ] && [ -e "$file" ]; } || linked "$file" || return 1
  done <<END
$found
END
  [ -n "$other" ] || return 0
  # shellcheck disable=SC2086
  systemctl enable --quiet --no-reload -- $other
}

# go_back ID FILE...: restore link, files and nodes ($units) as they were when the release was marked good.
go_back() {
  # shellcheck disable=SC2034 # as_read reads it
  to=$1 stay=''
  shift
  # Free some of the reserved space and prepare the way back before anything is stopped; the rest is freed after the stop, when
  # the nodes can no longer fill it.
  rm -f -- "$root/ledger/room/link" "$held/.room/link"
  kept "$to" || compose "$to" recorded "$@" || made=''
  [ -z "$made" ] || aim "$made" || { full "$held"; return 1; }
  leaving
  # shellcheck disable=SC2086
  halt $units || :
  rm -rf -- "$root/ledger/room" "$held/.room"
  if [ -z "$made" ]; then
    { compose "$to" recorded "$@" && aim "$made"; } || { full "$held"; return 1; }
  fi
  swing || { full "$held"; return 1; }
  of_current
  renamed || { full "$held"; return 1; }
  # shellcheck disable=SC2086
  if run_nodes $known || tried_again $known; then
    returned
    rm -f -- "$root/ledger/untried"
    return 0
  fi
  full "$root" "$held"
  return 1
}

# forward FILE...: stop $due and $gone (units that are no longer declared), make the staged generation of release $id current, and
# start $due; if one does not start, all go back, and the status is $reverted.
forward() {
  current_id
  before=$now next=$(readlink -- "$held/next" || :) same='' wrong=''
  own_record
  [ -z "$distrust" ] || { echo "$distrust; nothing was stopped"; exit 1; }
  slurp "$held/next.run"
  if [ "$text" != "$run" ] ||
    [ "$(readlink -- "$held/next/release")" != "$root/versions/$id" ]; then
    echo "the files that this run had staged are gone: another run is changing this host; nothing was stopped"
    exit 1
  fi
  [ -f "$root/versions/$id/.complete" ] || { echo "$root/versions/$id is not complete: deploy again"; exit 1; }
  [ "$next" != "$(readlink -- "$held/current")" ] || same=yes
  prepare || { full "$root" "$held"; rm -f -- "$held/.current.$$"; echo "nothing was stopped"; exit 1; }
  # shellcheck disable=SC2086
  if exchange "$@"; then
    [ -z "$gone" ] || systemctl disable --quiet -- $gone
    return 0
  fi
  # shellcheck disable=SC2086
  tell_dead $due
  blame
  if [ -f "$held/takeover/unit" ] && { [ -z "$before" ] || ! is_good "$before"; }; then
    if give_back; then echo "$old runs again as before"; else echo "$old could not be started again"; fi
    exit 1
  fi
  if [ -z "$before" ] || ! is_good "$before"; then
    echo "there is no good release to go back to"
    exit 1
  fi
  if go_back "$before" "$@"; then
    blame
    remember back "$before" "from $id" || :
    echo "went back to $before, with the files of its last good deploy"
    exit "$reverted"
  fi
  # shellcheck disable=SC2086
  tell_dead $units
  still=''
  for unit in $units; do case $(systemctl show -P ActiveState -- "$unit") in activating) still="$still $unit" ;; esac; done
  if [ -n "$still" ]; then
    echo "$before is back, but does not run yet: systemd keeps trying to start${still}; unit.TimeoutStartSec is how long a start may take"
  else
    echo "going back to $before failed too"
  fi
  exit 1
}

# prepare: write everything that needs disk space, while the old nodes still run.
prepare() {
  [ -z "$before" ] || hold_room || return 1
  [ -n "$same" ] || aim "$next" || return 1
  [ "$before" = "$id" ] || remember switch "$id" "from ${before:-nothing}" || return 1
  inscribe "$root/ledger/untried" "$id"
}

exchange() {
  taken=''
  [ -z "$old" ] || taken=$(old_state)
  [ -z "$before$taken" ] || leaving
  [ -z "$taken" ] || take_over "$@" || return 1
  # shellcheck disable=SC2086
  { units_stay $due && halt $due $gone; } || return 1
  if [ ! -e "$held/current/release" ]; then
    loose "$@"
    [ -z "$apart" ] || linked "$@" || return 1
  fi
  [ -n "$same" ] || swing || return 1
  at_boot || return 1
  wrong='it did not start'
  # shellcheck disable=SC2086
  run_nodes $due && returned && return 0
  # shellcheck disable=SC2086
  if too_slow $due; then wrong='it did not start in time (unit.TimeoutStartSec)'; fi
  return 1
}

blame() { [ "$before" = "$id" ] || [ -z "$wrong" ] || mark_bad "$id" "$wrong" || :; }

# leave FROM TO WHY FILE...: go back from one release to a good one; mark the first as bad if WHY is not empty.
leave() {
  from=$1 to=$2 why=$3
  shift 3
  own_record
  [ -z "$distrust" ] || { echo "$distrust"; exit 1; }
  is_good "$to" || { echo "$to was never good here, or is not complete any more"; exit 1; }
  if ! adopt "$@" || ! linked "$@"; then full "$held"; echo "nothing was stopped"; exit 1; fi
  [ -z "$why" ] || mark_bad "$from" "$why" || :
  # shellcheck disable=SC2086
  go_back "$to" "$@" || { tell_dead $units; exit 1; }
  [ -z "$why" ] || mark_bad "$from" "$why" || :
  remember back "$to" "from $from" || :
}
