# shellcheck shell=sh
# unit_said LINES: what $unit and systemd said of its last start, from the journal, the newest last. A shell of its own: what
# it works out must not come into the variables of the step that asks.
# shellcheck disable=SC2030,SC2031 # that they are lost is meant
unit_said() (
  # The journal's daemon lags behind on a busy machine.
  timeout 5 journalctl --sync 2>/dev/null || :
  said_shown=$(systemctl show -p InvocationID,NRestarts,SubState,ExecMainStartTimestampMonotonic -- "$unit" 2>/dev/null || :)
  said_start=${said_shown##*InvocationID=} said_start=${said_start%%[!0-9a-f]*}
  case $said_shown in
    *NRestarts=0* | *SubState=auto-restart* | *SubState=failed*) ;;
    *SubState=running*) # one that has just begun again knows nothing of why the one before it ended
      said_began=${said_shown##*ExecMainStartTimestampMonotonic=} said_began=${said_began%%[!0-9]*}
      read -r now _ </proc/uptime
      [ "$((${now%.*} - ${said_began:-0} / 1000000))" -ge 5 ] || said_start='' ;;
    *) said_start='' ;;
  esac
  # Lines that the daemon reads when their process has ended carry its unit but no id of its start any more, so the start
  # counts as a time: when systemd looked at the unit's conditions, before it forked. Its own line about the start may come
  # after the words of a program that fails at once.
  said_since=''
  [ -z "$said_start" ] || said_since=$(
    TZ=UTC systemctl show --timestamp=us+utc -p ConditionTimestamp --value -- "$unit" 2>/dev/null ||
      TZ=UTC systemctl show -p ConditionTimestamp --value -- "$unit" 2>/dev/null
  ) || said_since=''
  # Of a unit that is killed systemd names every thread: hundreds of lines, behind which lies why.
  # Any user may say UNIT or INVOCATION_ID; only what systemd itself says of a unit counts.
  TZ=UTC journalctl -q --no-pager -o cat -r -n "$(($1 + 1000))" ${said_since:+"--since=$said_since"} \
    "_SYSTEMD_UNIT=$unit" + _PID=1 "UNIT=$unit" 2>/dev/null |
    grep -av "^$unit: Killing process [0-9]* " 2>/dev/null | head -n "$1" | tac
)
