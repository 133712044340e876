# $steering, $unset: names of variables that steer a node, and those of them that our own files do not set, with | between.
manager=$(systemctl show-environment 2>/dev/null || :)

# outside UNIT: which of them come to a node from elsewhere, one a line: who sets it, a tab, NAME=VALUE. A file of the unit's
# wins over Environment=, and that over systemd's own environment.
outside() {
  said=$(systemctl show -p Environment -p EnvironmentFiles -- "$1" 2>/dev/null || :)
  case $lf$said in *"${lf}Environment="?*) of_unit ;; esac
  set -f
  IFS=$lf
  for line in $manager; do
    case "|$unset|" in *"|${line%%=*}|"*) printf "systemd's own environment (systemctl show-environment)\t%s\n" "$line" ;; esac
  done
  for line in $said; do
    case $line in 'EnvironmentFiles=/etc/beam/'*|'EnvironmentFiles=') continue ;; EnvironmentFiles=*) ;; *) continue ;; esac
    file=${line#EnvironmentFiles=}
    file=${file% (ignore_errors=*}
    taste "$file" 65536 | grep -aE "^($steering)=" | while IFS= read -r given; do printf '%s\t%s\n' "$file" "$given"; done
  done
  unset IFS
  set +f
}

of_unit() {
  printf '%s\n' "$said" | sed -n 's/^Environment=/ /p' | grep -oE "[ \"]($unset)=([^\" ]+|[^\"]*\")" |
    sed 's/^./Environment= of its unit\t/'
}
