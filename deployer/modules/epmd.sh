emit shown "$shown"
[ ! -f "$lib/epmd.version" ] || { slurp "$lib/epmd.version"; emit version "$text"; }
[ ! -f "$lib/epmd" ] || { sum_of "$lib/epmd"; emit digest "$sum"; }
[ ! -f "$lib/epmd.sha256" ] || { slurp "$lib/epmd.sha256"; emit recorded "${text%% *}"; }
[ ! -f "$addresses/$cluster" ] || { slurp "$addresses/$cluster"; emit own "$text"; }
declared=
for file in "$addresses"/*; do slurp "$file"; declared=$declared${text:+$text$lf}; done
emit declared "${declared%"$lf"}"
heard_at "$heard_port"
sockets=
emit listening "$heard"
if [ "$pid" != 0 ]; then
  process_sockets "$pid"
  emit sockets "$sockets"
  stale='' service=/etc/systemd/system/beam-epmd@.service
  # What was read for all fragments may say so, too.
  # shellcheck disable=SC2154 # what place leaves
  [ -n "$rows" ] && place "$started" && since "$written" d "$addresses" && since "$moment" f "$lib/epmd" "$service" "$addresses"/* ||
    stale=$(find "$lib/epmd" "$addresses" "$service" -cnewer "$started" -print -quit 2>&1) || :
  emit stale "$stale"
fi
inode=${heard##* }
case $sockets in
  *"socket:[$inode]"*) ;;
  *)
    if [ -n "$inode" ]; then
      emit holder "$(holder "$inode" | head -n 1)"
      emit socket "$(systemctl list-sockets --plain --no-legend | grep -F ":$port " | head -n 1)"
    fi
    ;;
esac
