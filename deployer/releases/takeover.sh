# A service of before that runs the application: $old is its unit, or nothing. From the switch until the release has been judged
# good, $held/takeover keeps what brings it back:
#   unit      its name
#   enabled   there where it starts at boot
#   files/    its unit file and drop-ins, where a node's unit has the same name and takes their place
#   etc/      what it reads where the release's files will be: it ran the same release from another root

# keep_old FILE...: what brings it back lies on the disk before it is stopped.
keep_old() {
  # As long as it runs, what an earlier try has kept may be older than it.
  if [ -f "$held/takeover/unit" ] && ! systemctl --quiet is-active -- "$old"; then return 0; fi
  fresh=$held/takeover.new
  rm -rf -- "$fresh" && (umask 077; mkdir -p -- "$fresh/files") || return 1
  for file; do
    case $(readlink -- "$file" || :) in "$held"/*) continue ;; esac
    if [ -e "$file" ] || [ -L "$file" ]; then
      goal=$fresh$file
      (umask 077; mkdir -p -- "${goal%/*}") && cp -a -- "$file" "$goal" || return 1
    fi
  done
  ! systemctl --quiet is-enabled -- "$old" 2>/dev/null || touch -- "$fresh/enabled" || return 1
  case " $units " in *" $old "*)
    for one in "$old" "$old.d"; do
      [ ! -e "$unit_files/$one" ] || cp -a -- "$unit_files/$one" "$fresh/files/" || return 1
    done ;;
  esac
  printf '%s\n' "$old" >"$fresh/unit" && flushed "$fresh" && rm -rf -- "$held/takeover" &&
    mv -T -- "$fresh" "$held/takeover" && sync -- "$held"
}

# take_over FILE...: it stops, starts no more, and a node's unit may have its name.
take_over() {
  keep_old "$@" || { full "$held"; return 1; }
  systemctl stop -- "$old" && systemctl disable --quiet --no-reload -- "$old" || return 1
  case " $units " in *" $old "*) rm -f -- "$unit_files/$old" && rm -rf -- "$unit_files/$old.d" || return 1 ;; esac
  # shellcheck disable=SC2034 # generations.sh reads it
  taking=yes
  linked "$@"
}

# give_back: what runs stops, and the service of before runs as it did.
give_back() {
  old=$(cat -- "$held/takeover/unit" 2>/dev/null) || { echo "nothing was taken over here, or the takeover is already final"; return 1; }
  # shellcheck disable=SC2086
  halt $units || :
  # shellcheck disable=SC2086
  systemctl disable --quiet --no-reload -- $units || :
  if [ -e "$held/takeover/files/$old" ]; then
    rm -rf -- "${unit_files:?}/${old:?}" "$unit_files/$old.d"
    cp -a -- "$held/takeover/files"/* "$unit_files/" || { full /etc; return 1; }
  fi
  if [ -d "$held/takeover/etc" ]; then
    find "$held/takeover/etc" ! -type d -printf '/etc/%P\n' >"$held/.files" || return 1
    while read -r file; do cp -a --remove-destination -- "$held/takeover$file" "$file" || return 1; done <"$held/.files"
    rm -f -- "$held/.files"
  fi
  systemctl daemon-reload || return 1
  [ ! -e "$held/takeover/enabled" ] || systemctl enable --quiet -- "$old" || return 1
  rm -f -- "$root/ledger/untried"
  systemctl start -- "$old" && rm -rf -- "$held/takeover"
}
