# $steering, $unset: names of variables that steer a node, and those of them that our own files do not set, with | between.
manager=$(systemctl show-environment 2>/dev/null || :)

# outside UNIT: which of them come to a node from elsewhere, one a line: who sets it, a tab, NAME=VALUE. A file of the unit's
# wins over Environment=, and that over systemd's own environment.
outside() {
  said=$(systemctl show -p Environment -p EnvironmentFiles -- "$1" 2>/dev/null || :)
  printf '%s\n' "$said" | sed -n 's/^Environment=/ /p' | grep -oE "[ \"]($unset)=([^\" ]+|[^\"]*\")" |
    sed 's/^./Environment= of its unit\t/'
  printf '%s\n' "$manager" | grep -E "^($unset)=" | sed "s/^/systemd's own environment (systemctl show-environment)\t/"
  printf '%s\n' "$said" | sed -n 's/^EnvironmentFiles=\(.*\) (ignore_errors=.*$/\1/p' | while IFS= read -r file; do
    case $file in /etc/beam/*) continue ;; esac
    taste "$file" 65536 | grep -aE "^($steering)=" | while IFS= read -r line; do printf '%s\t%s\n' "$file" "$line"; done
  done
}
