# shellcheck shell=sh
last_words() {
  systemctl status --no-pager --lines=0 -- "$unit" 2>&1 | head -n 3 || :
  start=$(systemctl show -p InvocationID --value -- "$unit")
  # Any user may say INVOCATION_ID; only what systemd itself says of a unit counts.
  set -- "_SYSTEMD_INVOCATION_ID=$start" + _PID=1 "INVOCATION_ID=$start"
  journalctl --no-pager --quiet --output=cat --lines=20 "$@" || :
}
