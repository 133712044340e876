# A service of before that runs the application: $old is its unit, or nothing. From the switch until the release has been judged
# good, $held/takeover keeps what brings it back:
#   unit      its name
#   enabled   there where it starts at boot
#   files/    its unit file and drop-ins, where a node's unit has the same name and takes their place

# keep_old: what brings it back lies on the disk before it is stopped.
keep_old() {
  [ ! -f "$held/takeover/unit" ] || return 0
  rm -rf -- "$held/takeover.new" && (umask 077; mkdir -p -- "$held/takeover.new/files") || return 1
  ! systemctl --quiet is-enabled -- "$old" 2>/dev/null || touch -- "$held/takeover.new/enabled" || return 1
  case " $units " in *" $old "*)
    for one in "$old" "$old.d"; do
      [ ! -e "$unit_files/$one" ] || cp -a -- "$unit_files/$one" "$held/takeover.new/files/" || return 1
    done ;;
  esac
  printf '%s\n' "$old" >"$held/takeover.new/unit" && flushed "$held/takeover.new" &&
    mv -T -- "$held/takeover.new" "$held/takeover" && sync -- "$held"
}

# take_over FILE...: it stops, starts no more, and a node's unit may have its name.
take_over() {
  keep_old || { full "$held"; return 1; }
  systemctl stop -- "$old" && systemctl disable --quiet --no-reload -- "$old" || return 1
  case " $units " in *" $old "*) rm -f -- "$unit_files/$old" && rm -rf -- "$unit_files/$old.d" || return 1 ;; esac
  # shellcheck disable=SC2034 # generations.sh reads it
  taking=yes
  linked "$@"
}

# give_back: what runs stops, and the service of before runs as it did.
give_back() {
  old=$(cat -- "$held/takeover/unit" 2>/dev/null) || { echo "nothing was taken over here, or it was judged good"; return 1; }
  # shellcheck disable=SC2086
  halt $units || :
  # shellcheck disable=SC2086
  systemctl disable --quiet --no-reload -- $units || :
  if [ -e "$held/takeover/files/$old" ]; then
    rm -rf -- "${unit_files:?}/${old:?}" "$unit_files/$old.d"
    cp -a -- "$held/takeover/files"/* "$unit_files/" || { full /etc; return 1; }
  fi
  systemctl daemon-reload || return 1
  [ ! -e "$held/takeover/enabled" ] || systemctl enable --quiet -- "$old" || return 1
  rm -f -- "$root/ledger/untried"
  systemctl start -- "$old" && rm -rf -- "$held/takeover"
}
