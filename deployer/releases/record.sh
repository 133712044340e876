# A host's record of its releases. Only root can use ROOT/ledger (0700):
#   history       one line for each event, with tabs between the fields: number, seconds, event, release, run, detail
#   good/ID       the release was healthy; contains its number in the history, so that the order does not depend on a clock
#   bad/ID        the release failed here, and why; ID is never both
#   migrated/ID   the release's migration has run, here or on another host of the cluster; its number in the history
#   migrations/   the output of migrations that ran here, ID.log
#   config/ID/    the files with which its nodes were started when it was last marked good, below their own paths
#   expected/ID   what its nodes were checked against then, one line of JSON without a secret
#   sums/ID       a digest of each of its files, as they were unpacked
#   away          seconds from the stop of the nodes in the last switch or rollback until they had started again
#   untried       exists while the release that was started last is marked neither good nor bad
#   room/         disk space that is reserved for going back

# remember EVENT ID DETAIL: add a line to the history and set $number to its number.
remember() {
  if [ ! -d "$root/ledger/good" ] || [ ! -d "$root/ledger/bad" ] || [ ! -d "$root/ledger/config" ]; then
    mkdir -p -- "$root/ledger/good" "$root/ledger/bad" "$root/ledger/config" || return 1
  fi
  chmod 0700 -- "$root/ledger" || return 1
  number=0 tab='	'
  if [ -s "$root/ledger/history" ]; then
    last_line
    # Remove an unfinished last line, left by a full disk or a crash.
    case $last in *"$lf.") ;; *)
      truncate -s "$(head -n "$(wc -l <"$root/ledger/history")" "$root/ledger/history" | wc -c)" -- "$root/ledger/history" || return 1
      last_line ;;
    esac
    readable_history || return 1
    number=${last%%"$tab"*}
    [ "$last" != . ] || number=0
  fi
  # Also if the history is gone: the new number must be higher than those in good/.
  for judgement in "$root/ledger/good/"*; do
    slurp "$judgement"
    case $text in '' | *[!0-9]* | ????????????????*) continue ;; esac
    [ "$text" -le "$number" ] || number=$text
  done
  number=$((number + 1))
  detail=$3
  case $detail in *[$lf$tab]*) detail=$(printf '%s' "$detail" | tr '\t\n' '  ') ;; esac
  printf '%s\t%s\t%s\t%s\t%s\t%s\n' "$number" "$(date +%s)" "$1" "$2" "$run" "$detail" \
    >>"$root/ledger/history" && sync -- "$root/ledger/history"
}

# last_line: set $last to it, with a dot after its line break.
last_line() { last=$(tail -n 1 -- "$root/ledger/history"; echo .); }

# readable_history: move malformed lines to history.damaged.
readable_history() {
  word="[^${tab}]*"
  line="^[0-9]{1,15}${tab}[0-9]{1,11}${tab}[a-z_]+${tab}$word${tab}$word${tab}$word\$"
  grep -avqE -e "$line" -- "$root/ledger/history" || return 0
  grep -avE -e "$line" -- "$root/ledger/history" >>"$root/ledger/history.damaged"
  { grep -aE -e "$line" -- "$root/ledger/history" || :; } >"$root/ledger/.history" && sync -- "$root/ledger/.history" &&
    mv -T -- "$root/ledger/.history" "$root/ledger/history" && last_line
}

# inscribe FILE TEXT: write a small file; it is synced to disk before it gets its name.
inscribe() {
  { [ -d "${1%/*}" ] || mkdir -p -- "${1%/*}"; } && printf '%s\n' "$2" >"$root/ledger/.new" && sync -- "$root/ledger/.new" &&
    mv -T -- "$root/ledger/.new" "$1" && sync -- "${1%/*}"
}

# own_tree DIRECTORY: whether it was read for all fragments and is 0700, without links, and all of it root's or this user's.
# shellcheck disable=SC2154 # what place leaves
own_tree() {
  [ -n "$rows" ] && [ "$walked" = "$1" ] && ! place "$1/" && place "$1" || return 1
  case $kind:${owners#*:} in d:0:*:700|d:"$own_uid":*:700) ;; *) return 1 ;; esac
}

# own_record: set $distrust to what is wrong if the record may not be root's own; such a record is not used.
own_record() {
  distrust=''
  if [ ! -e "$root/ledger" ] && [ ! -L "$root/ledger" ]; then return 0; fi
  ! own_tree "$root/ledger" || return 0
  odd=$(find "$root/ledger" \( -type l -o ! -uid 0 ! -uid "$own_uid" -o -samefile "$root/ledger" \
    ! \( -type d -perm 0700 \) \) -print 2>/dev/null) || :
  # shellcheck disable=SC2034 # whoever asks reads it
  [ -z "$odd" ] || distrust="the record of the releases is not root's own (0700, no links): $odd"
}

# unaltered ID: whether its files are as they were unpacked; if not, print which are not.
unaltered() {
  [ -f "$root/ledger/sums/$1" ] || return 0
  odd=$(cd -- "$root/versions/$1" && sha256sum --quiet --strict -c -- "$root/ledger/sums/$1" 2>&1) && return 0
  printf '%s was changed on this host after it was unpacked:\n%s\n' "$1" "$(printf '%s' "$odd" | head -n 3)"
  return 1
}

# is_good ID: it was judged good, and is there as it was unpacked.
is_good() {
  [ -f "$root/ledger/good/$1" ] && [ -f "$root/versions/$1/.complete" ] && unaltered "$1"
}

# sum_up ID: note a digest of each file of a release that was unpacked before that was done then.
sum_up() {
  [ ! -f "$root/ledger/sums/$1" ] || return 0
  mkdir -p -- "$root/ledger/sums" && (cd -- "$root/versions/$1" && find . -type f ! -path ./.complete -exec sha256sum -- {} +) \
    >"$root/ledger/.sums" && sync -- "$root/ledger/.sums" && mv -T -- "$root/ledger/.sums" "$root/ledger/sums/$1"
}

# mark_good ID EXPECTED FILE...: it was seen healthy with these files, and judged by that.
mark_good() {
  judged=$1 expected=$2
  shift 2
  remember good "$judged" '' && sum_up "$judged" || return 1
  fresh=$root/ledger/config/.new
  [ ! -e "$fresh" ] || rm -rf -- "$fresh" || return 1
  mkdir -- "$fresh" || return 1
  for file; do
    in_force "$file"
    [ ! -f "$at" ] || bring "$at" "$file" || return 1
  done
  sealed "$fresh" || return 1
  [ ! -e "$root/ledger/config/$judged" ] || rm -rf -- "$root/ledger/config/$judged" || return 1
  mv -T -- "$fresh" "$root/ledger/config/$judged" || return 1
  inscribe "$root/ledger/expected/$judged" "$expected" && inscribe "$root/ledger/good/$judged" "$number" &&
    rm -f -- "$root/ledger/bad/$judged" "$root/ledger/untried" && { [ ! -e "$held/takeover" ] || rm -rf -- "$held/takeover"; }
}

running() { [ -n "$(find /proc/[0-9]*/exe -maxdepth 0 -lname "$1/*" 2>/dev/null | head -n 1)" ]; }

# listing DIRECTORY: names, modes, owners and content of the files in it.
listing() { (cd -- "$1" && { find . -type f -printf '%P %m %U:%G\n' && find . -type f -exec sha256sum -- {} +; } | sort); }

# kept ID: leave in $made the generation that holds exactly the files that it was judged good with. The current one is looked
# at first, for mostly it is that.
kept() {
  made='' current_one=''
  [ -d "$root/ledger/config/$1" ] || return 1
  files=$(listing "$root/ledger/config/$1")
  # shellcheck disable=SC3013 # dash, bash and BusyBox have -ef
  for one in "$held/$1".*; do [ ! "$one" -ef "$held/current" ] || current_one=$one; done
  for one in ${current_one:+"$current_one"} "$held/$1".*; do
    if [ -L "$one/release" ] && [ "$(listing "$one")" = "$files" ]; then
      made=${one##*/}
      return 0
    fi
  done
  return 1
}

# prune KEEP: what is current, what runs, KEEP good ones and in any case the last good one before stay; so does what was
# unpacked after the current one and has not been judged yet, because its turn may be to come.
prune() {
  current_id
  current=$now stays=' ' count=0 before=
  keep=$1
  set -- "$root/ledger/good/"*
  if [ $# -eq 1 ]; then order=${1##*/}
  else order=$(cd -- "$root/ledger/good" && grep -H '' -- * | sort -t : -k 2,2nr | cut -d : -f 1); fi
  for one in $order; do
    count=$((count + 1))
    if [ "$count" -le "$keep" ] || [ -z "$before" ]; then stays="$stays$one "; fi
    [ "$one" = "$current" ] || before=$one
  done
  for place in "$root"/versions/* "$root"/versions/.old.*; do
    name=${place##*/}
    case "$stays$current " in *" $name "*) continue ;; esac
    if [ ! -d "$place" ] || running "$place"; then continue; fi
    if [ ! -e "$root/ledger/bad/$name" ] && [ ! -e "$root/ledger/good/$name" ] &&
      [ -n "$(find "$place/.complete" -newer "$root/versions/$current/.complete" 2>/dev/null)" ]; then continue; fi
    # Without the mark it is no release any more, whenever this is interrupted.
    rm -f -- "$place/.complete"
    # Of what is killed here the next run sees only what still lies in versions: what was noted of it goes before that.
    rm -rf -- "$root/ledger/good/$name" "$root/ledger/config/$name" "$root/ledger/expected/$name" \
      "$root/ledger/sums/$name" "$place"
  done
  prune_generations
}

# forget_units: of a node that has another name now, what the current generation has no file for goes.
forget_units() {
  find /etc/systemd/system -mindepth 2 -maxdepth 2 -name 00-deployer.conf -xtype l -lname "$held/current/*" 2>/dev/null |
    while read -r conf; do
      unit=${conf%.d/*} ctl=${conf%.service.d/*}
      ctl=/usr/local/bin/${ctl##*/}-ctl
      ! systemctl --quiet is-active -- "${unit##*/}" || continue
      ! unit_is_ours "$unit" || rm -f -- "$unit"
      ! grep -qs '^# Written by deployer' -- "$ctl" || rm -f -- "$ctl"
      rm -f -- "$conf"
      rmdir -- "${conf%/*}" 2>/dev/null || :
    done
  find /etc/beam -mindepth 2 -path /etc/beam/generations.d -prune -o -xtype l -lname "$held/current/*" \
    -exec rm -f -- {} + 2>/dev/null || :
}

# prune_generations: the current one stays, and of each good release the one that it was judged good with. What was staged for
# a run that is over goes.
prune_generations() {
  spared=" $(readlink -- "$held/current" || :) "
  for name in "$root"/ledger/good/*; do
    more=''
    for one in "$held/${name##*/}".*; do
      case $spared in *" ${one##*/} "*) ;; *) more=yes ;; esac
    done
    if [ -n "$more" ] && kept "${name##*/}"; then spared="$spared$made "; fi
  done
  rm -rf -- "$held/next" "$held/next.run" "$held/drafts" "$held/.new"
  forget_units
  for one in "$held"/*.*; do
    case $spared in *" ${one##*/} "*) ;; *) [ ! -L "$one/release" ] || rm -rf -- "$one" ;; esac
  done
}
