# What the rules of an audit want to know of units, asked together with what the modules want to know.
# Given: the prelude.
# shellcheck shell=sh disable=SC2154,SC2034
judged=Id,DynamicUser,Restart,RestartUSec,StartLimitBurst,StartLimitIntervalUSec,TimeoutStopUSec,MemoryMax,TasksMax,LimitNOFILE,LimitNOFILESoft

# units_judged UNIT…: leave in $shown what systemd says of these, a block each; of those that have been asked about it is not
# asked again. Fail where it does not answer.
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
