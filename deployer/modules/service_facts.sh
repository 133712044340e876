# Body: tell which init scripts there are, which units systemd has loaded, and which lie there.
init='' units='' files='' states=''
if command -v service >/dev/null; then init=$(service --status-all 2>/dev/null </dev/null || :); fi
if [ -d /run/systemd/system ] && command -v systemctl >/dev/null; then
  units=$(systemctl list-units --type=service --all --plain --no-legend --no-pager)
  files=$(systemctl list-unit-files --type=service --no-legend --no-pager)
  # A template has no state, and systemctl ends at the first of them; all others are asked at once.
  plain=$(printf '%s\n' "$files" | awk '$1 ~ /\.service$/ && $1 !~ /@\./ { print $1 }')
  if [ -n "$plain" ]; then
    states=$(printf '%s\n' "$plain" | xargs systemctl show --property=ActiveState --)
  fi
fi
emit init "$init"
emit units "$units"
emit files "$files"
emit states "$states"
