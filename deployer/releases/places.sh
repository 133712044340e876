# Functions to find and check the files of a release; generations.sh describes the files.
# They use $root, $held (the directory of the release's generations) and $run.

# insecure DIRECTORY...: set $odd to those that users other than root can write in or replace. It uses what was read for all
# fragments together, if that is enough.
insecure() {
  odd=''
  for one; do secure "$one" || break; one=''; done
  [ -n "${one-}" ] || return 0
  odd=$(find "$@" -maxdepth 0 ! \( -type d \( -uid 0 -o -uid "$own_uid" \) \
    \( -perm -1000 -o ! -perm /002 \( ! -perm /020 -o -gid 0 \) \) \) -printf '%p (%M, %u:%g)\n' 2>/dev/null) || :
}

# secure DIRECTORY: whether it was read, belongs to root or this user, and others may not write in it.
# shellcheck disable=SC2154 # what place leaves
secure() {
  [ -n "$rows" ] && place "$1" || return 1
  mode=000${owners##*:} whose=${owners%:*} gid=${owners%:*}
  whose=${whose#*:} gid=${gid##*:}
  case $kind:${whose%%:*} in d:0|d:"$own_uid") ;; *) return 1 ;; esac
  case $mode in
    *[1357]???) ;;
    *[2367]) return 1 ;;
    *[2367]?) [ "$gid" = 0 ] ;;
  esac
}

# trusted DIRECTORY...: end the step if one is insecure.
trusted() {
  insecure "$@"
  [ -z "$odd" ] || { printf 'nothing is written below a directory that users other than root can change:\n%s\n' "$odd"; exit 1; }
}

# current_id: set $now to the release that a start would use; empty when there is none.
current_id() {
  here=$PWD
  if cd -P -- "$root/current" 2>/dev/null; then
    now=$PWD
    cd -- "$here" 2>/dev/null || cd /
  elif [ -L "$root/current" ]; then now=$(readlink -f -- "$root/current") || :
  else now=''; fi
  case $now in "$root/versions/"*) now=${now##*/} ;; *) now='' ;; esac
}

# in_force PATH: set $at to the file that a start would read as PATH: also one that a person has put in the place of a link, or
# one of a host from before there were generations, where even the whole unit is at its own path.
in_force() {
  # shellcheck disable=SC2154
  at=$held/current$1
  if [ -f "$1" ] && [ ! -L "$1" ]; then at=$1; return 0; fi
  [ ! -e "$at" ] || return 0
  case $1 in */00-deployer.conf)
    whole=${1%.d/00-deployer.conf}
    if grep -qs '^ExecStart=' -- "$whole"; then at=$whole; fi ;;
  esac
}

# draft_place PATH: set $place to where this run writes a new PATH; files that another run has left there are removed. They are
# flushed later, with their generation.
draft_place() {
  # shellcheck disable=SC2034 # draft reads it
  flush=:
  slurp "$held/drafts/run"
  if [ "$text" != "$run" ]; then
    (umask 022; mkdir -p -- "$held")
    rm -rf -- "$held/drafts"
    mkdir -m 0700 -- "$held/drafts"
    printf '%s\n' "$run" >"$held/drafts/run"
  fi
  place=$held/drafts$1
  [ -d "${place%/*}" ] || mkdir -p -- "${place%/*}"
}

# unit_text: print the text of a node's unit file, the same for all nodes and releases; without a release it starts nothing.
unit_text() { printf '%s\n' "$own_unit"; }
own_unit='# Written by deployer. What starts here belongs to the release that is current, and lies in the drop-in 00-deployer.conf.
[Service]
ExecStart=/bin/false

[Install]
WantedBy=multi-user.target'

# unit_is_ours FILE: whether a unit file has that text, and only root or this user may change it.
unit_is_ours() {
  [ -n "$(find "$1" -maxdepth 0 -type f -perm 0644 \( -uid 0 -o -uid "$own_uid" \) 2>/dev/null)" ] || return 1
  slurp "$1"
  [ "$text" = "$own_unit" ]
}

# left_behind UNIT...: set $left to other units of these generations that run or start at boot.
left_behind() {
  ours=" $* " left='' confs=''
  set -f
  IFS=$lf
  for conf in $links; do
    case $conf in "/etc/systemd/system/"*"/00-deployer.conf $held/current/"*) ;; *) continue ;; esac
    conf=${conf%%" $held/current/"*}
    case $lf$confs$lf in *"$lf$conf$lf"*) continue ;; esac
    [ -L "${conf%/*}" ] || confs=$confs${confs:+$lf}$conf
  done
  unset IFS
  set +f
  [ -n "$confs" ] || return 0
  # If there is only the declared unit, systemd need not be asked.
  [ "$confs" != "/etc/systemd/system/$*.d/00-deployer.conf" ] || return 0
  # shellcheck disable=SC2034 # whoever asks reads it
  left=$(printf '%s\n' "$confs" |
    while read -r conf; do
      unit=${conf%.d/*}
      unit=${unit##*/}
      case $ours in *" $unit "*) continue ;; esac
      if systemctl --quiet is-active -- "$unit" || systemctl --quiet is-enabled -- "$unit" 2>/dev/null; then echo "$unit"; fi
    done | sort)
}

# astray ETC: set $other to units that run nodes of the cluster whose files are in ETC, from a release with another root. Units to
# be taken over do not count; one with the name of a declared node counts, because its files would be replaced while it runs.
# Call it after `loose`, which reads where our own links lead.
astray() {
  etc=$1 other=''
  ours=" $old "
  set --
  for conf in /etc/systemd/system/*.service.d/00-deployer.conf; do
    case $links in *"$lf$conf $held/"*) ;; *) [ ! -e "$conf" ] || set -- "$@" "$conf" ;; esac
  done
  [ "$#" -gt 0 ] || return 0
  confs=$(grep -ls -- "$etc/" "$@" 2>/dev/null) || :
  set -f
  IFS=$lf
  for conf in $confs; do
    unit=${conf%.d/00-deployer.conf}
    unit=${unit##*/}
    case $ours in *" $unit "*) continue ;; esac
    case $(readlink -- "$conf") in "$held"/*) continue ;; esac
    # An editor has replaced the link by a file: it is still ours.
    if [ ! -L "$conf" ] && grep -qF -- "$root/" "$conf"; then continue; fi
    if systemctl --quiet is-active -- "$unit"; then other=$other${other:+$lf}$unit; fi
  done
  unset IFS
  set +f
}

# old_state: print whether $old, a service to be taken over, runs or starts at boot; nothing if it has been taken over already.
old_state() {
  [ -n "$old" ] || return 0
  if [ -e "/etc/systemd/system/$old" ] && unit_is_ours "/etc/systemd/system/$old"; then
    case $(readlink -- "/etc/systemd/system/$old.d/00-deployer.conf") in "$held"/*) return 0 ;; esac
  fi
  state=''
  if systemctl --quiet is-active -- "$old"; then
    state=$(tr '\0' '\n' <"/proc/$(systemctl show -p MainPID --value -- "$old")/cmdline" 2>/dev/null |
      sed -n '/^-s*name$/{n; s/^[A-Za-z0-9_.:@-]*$/ as &/p; q; }')
    state="runs$state"
  fi
  ! systemctl --quiet is-enabled -- "$old" 2>/dev/null || state="${state:+$state and }starts at boot"
  printf '%s' "$state"
}

# links_read PATH...: set $links to where these and the drop-ins of all units lead, from what was read for all fragments; fail if
# not all of them were read.
# shellcheck disable=SC2154 # what place leaves
links_read() {
  links=''
  for one in "$@" /etc/systemd/system/*/00-deployer.conf; do
    if [ -n "$rows" ] && place "$one"; then
      case $kind:${owners#*:} in
        f:0:*:644|f:"$own_uid":*:644) links="${links}own $one$lf" ;;
        *) links=$links$one' '$target$lf ;;
      esac
    elif [ -z "$rows" ] || [ -e "$one" ] || [ -L "$one" ]; then return 1; fi
  done
}

# loose FILE...: set $apart to those of them, of ROOT/current and of the units that are not as `linked` makes them, and $links to
# where these and the drop-ins of all units lead.
loose() {
  apart='' count=$#
  for file; do
    case $file in */00-deployer.conf) set -- "$@" "${file%.d/00-deployer.conf}" ;; esac
  done
  links_read "$root/current" "$@" ||
    links=$(find "$root/current" "$@" /etc/systemd/system/*/00-deployer.conf -maxdepth 0 \( -type f -perm 0644 \
      \( -uid 0 -o -uid "$own_uid" \) -printf 'own %p\n' -o -printf '%p %l\n' \) 2>/dev/null) || :
  links=$lf$links$lf
  case $links in *"$lf$root/current $held/current/release$lf"*) ;; *) apart=$root/current$lf ;; esac
  for file; do
    [ "$count" -gt 0 ] || break
    count=$((count - 1))
    case $links in *"$lf$file $held/current$file$lf"*) ;; *) apart=$apart$file$lf ;; esac
    case $file in */00-deployer.conf) ;; *) continue ;; esac
    unit=${file%.d/00-deployer.conf} text=''
    case $links in *"${lf}own $unit$lf"*) slurp "$unit" ;; esac
    [ "$text" = "$own_unit" ] || apart=$apart$unit$lf
  done
  apart=${apart%"$lf"}
}

# settled OWN PATH...: whether none of these is newer than $started, as far as it was read for all fragments: files, our own links,
# and OWN, the directory of a unit's drop-ins, if it has no other files.
# shellcheck disable=SC2154 # what place leaves
settled() {
  drop_ins=$1
  shift
  [ -n "$rows" ] && place "$started" && [ "$kind" = f ] || return 1
  began=$written
  for one; do
    place "$one" || return 1
    case $kind:$one in
      l:*) [ "$target" = "$held/current$one" ] && since "$began" f "$target" || return 1 ;;
      "d:$drop_ins")
        for other in "$one"/* "$one"/.[!.]* "$one"/..?*; do
          [ "$other" = "$one/00-deployer.conf" ] || { [ ! -e "$other" ] && [ ! -L "$other" ]; } || return 1
        done
        since "$began" d "$one" && settled "$one" "$one/00-deployer.conf" || return 1 ;;
      *) since "$began" f "$one" || return 1 ;;
    esac
  done
}
