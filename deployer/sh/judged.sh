# The properties of units that audit rules need, asked together with those that modules need.
# Needs: the prelude.
# shellcheck shell=sh disable=SC2154,SC2034
judged=Id,DynamicUser,Restart,RestartUSec,StartLimitBurst,StartLimitIntervalUSec,TimeoutStopUSec,MemoryMax,TasksMax,LimitNOFILE,LimitNOFILESoft

# units_judged UNIT…: set $shown to the properties of these units, a block for each; units that were read before are not asked
# again. Fail if systemd does not answer.
units_judged() {
  shown='' rest=${units_shown:-}$blank split=$IFS IFS=' '
  for known in $units; do
    left=$#
    while [ "$left" -gt 0 ]; do
      if [ "$1" = "$known" ]; then shown=$shown${rest%%"$blank"*}$blank; else set -- "$@" "$1"; fi
      shift
      left=$((left - 1))
    done
    rest=${rest#*"$blank"}
  done
  IFS=$split
  if [ "$#" -eq 0 ]; then shown=${shown%"$blank"}
  else shown=$shown$(systemctl show -p "$judged,ActiveState,UnitFileState,NRestarts,$of_surroundings" -- "$@" 2>/dev/null); fi
}
