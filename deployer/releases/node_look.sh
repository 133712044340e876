emit "shown_$i" "$shown"
outside
emit "outside_$i" "$steered"
if [ "$pid" != 0 ]; then
  process_exe "$pid"
  emit "exe_$i" "$exe"
  newline='
'
  drops=${shown#*DropInPaths=}
  drops=${drops%%"$newline"*}
  # Before a reload systemd does not see a unit's first drop-in.
  own=/etc/systemd/system/$unit.d
  [ ! -d "$own" ] || drops="$drops $own"
  if [ -e "$started" ]; then
    # shellcheck disable=SC2086
    settled "$own" "$@" $drops && stale='' || stale=$(find -L "$@" $drops -cnewer "$started" -print 2>&1) || :
    emit "stale_$i" "$stale"
  fi
fi
