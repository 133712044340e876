# shellcheck shell=sh
# unit_said LINES: print log lines of $unit and of systemd about its last start, from the journal, the newest last. It runs in a
# subshell, so that it does not change variables of the step.
# shellcheck disable=SC2030,SC2031 # that they are lost is meant
unit_said() (
  # On a busy machine, journald lags behind.
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
  # Lines that journald reads after their process has ended have its unit, but not the invocation ID, so the lines are chosen by
  # time: from when systemd checked the unit's conditions, before it forked. Systemd's own line about the start may come after
  # the output of a program that fails at once.
  said_since=''
  [ -z "$said_start" ] || said_since=$(
    TZ=UTC systemctl show --timestamp=us+utc -p ConditionTimestamp --value -- "$unit" 2>/dev/null ||
      TZ=UTC systemctl show -p ConditionTimestamp --value -- "$unit" 2>/dev/null
  ) || said_since=''
  # When a unit is killed, systemd logs each thread: hundreds of lines, which hide the reason.
  # Any user can log lines with UNIT or INVOCATION_ID; only those from systemd itself count.
  TZ=UTC journalctl -q --no-pager -o cat -r -n "$(($1 + 1000))" ${said_since:+"--since=$said_since"} \
    "_SYSTEMD_UNIT=$unit" + _PID=1 "UNIT=$unit" 2>/dev/null |
    grep -av "^$unit: Killing process [0-9]* " 2>/dev/null | head -n "$1" | tac
)
