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
  [ ! -d "/etc/systemd/system/$unit.d" ] || drops="$drops /etc/systemd/system/$unit.d"
  # shellcheck disable=SC2086
  [ ! -e "$started" ] || emit "stale_$i" "$(find -L "$@" $drops -cnewer "$started" -print 2>&1)"
fi
