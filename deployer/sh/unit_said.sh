# shellcheck shell=sh
# unit_said LINES: what $unit and systemd said of its last start, from the journal, the newest last. A shell of its own: what
# it works out must not come into the variables of the step that asks.
unit_said() (
  # The journal's daemon lags behind on a busy machine.
  timeout 5 journalctl --sync 2>/dev/null || :
  shown=$(systemctl show -p InvocationID,NRestarts,SubState,ExecMainStartTimestampMonotonic -- "$unit" 2>/dev/null || :)
  start=${shown##*InvocationID=} start=${start%%[!0-9a-f]*}
  case $shown in
    *NRestarts=0* | *SubState=auto-restart* | *SubState=failed*) ;;
    *SubState=running*) # one that has just begun again knows nothing of why the one before it ended
      began=${shown##*ExecMainStartTimestampMonotonic=} began=${began%%[!0-9]*}
      read -r now _ </proc/uptime
      [ "$((${now%.*} - ${began:-0} / 1000000))" -ge 5 ] || start='' ;;
    *) start='' ;;
  esac
  # Lines that the daemon reads when their process has ended carry its unit but no id of its start any more, so the start
  # counts as a time. Any user may say UNIT or INVOCATION_ID; only what systemd itself says of a unit counts.
  since=''
  [ -z "$start" ] || since=$(journalctl -q --no-pager -o short-unix _PID=1 "INVOCATION_ID=$start" 2>/dev/null | head -n 1)
  journalctl -q --no-pager -o cat -r -n "$1" ${since:+"--since=@${since%% *}"} \
    "_SYSTEMD_UNIT=$unit" + _PID=1 "UNIT=$unit" 2>/dev/null | tac
)
