# $steering, $unset: names of variables that steer a node, and those of them that our own files do not set, with | between.
manager=$(systemctl show-environment 2>/dev/null) || :

# outside: leave in $steered which of them come to the unit that was shown last from elsewhere, one a line: who sets it, a tab,
# NAME=VALUE. A file of the unit's wins over Environment=, and that over systemd's own environment.
outside() {
  steered=''
  set -f
  IFS=$lf
  for line in $surroundings; do
    case $line in Environment=?*) if names_one " ${line#Environment=}"; then steered=$steered$(of_unit)$lf; fi ;; esac
  done
  for line in $manager; do
    case "|$unset|" in *"|${line%%=*}|"*) steered="${steered}systemd's own environment (systemctl show-environment)	$line$lf" ;; esac
  done
  for line in $surroundings; do
    case $line in 'EnvironmentFiles=/etc/beam/'*|'EnvironmentFiles=') continue ;; EnvironmentFiles=*) ;; *) continue ;; esac
    file=${line#EnvironmentFiles=}
    file=${file% (ignore_errors=*}
    steered=$steered$(taste "$file" 65536 | grep -aE "^($steering)=" |
      while IFS= read -r given; do printf '%s\t%s\n' "$file" "$given"; done)$lf
  done
  unset IFS
  set +f
}

# names_one TEXT: one of $unset gets a value in it.
names_one() {
  IFS='|'
  for name in $unset; do
    case $1 in *[' "']"$name="*) IFS=$lf; return 0 ;; esac
  done
  IFS=$lf
  return 1
}

of_unit() {
  printf '%s\n' "$line" | sed -n 's/^Environment=/ /p' | grep -oE "[ \"]($unset)=([^\" ]+|[^\"]*\")" |
    sed 's/^./Environment= of its unit\t/'
}
