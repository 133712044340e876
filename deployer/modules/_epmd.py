"""What `epmd` runs on a host."""

from __future__ import annotations

PROBE = """
addresses={}
emit shown "$shown"
[ ! -f {} ] || emit version "$(cat {})"
[ ! -f "$addresses/"{} ] || emit own "$(cat "$addresses/"{})"
emit declared "$(cat "$addresses"/* 2>/dev/null || :)"
heard=$(listeners {})
sockets=
emit listening "$heard"
if [ "$pid" != 0 ]; then
  # A busy EPMD closes sockets while they are listed.
  sockets=$(find "/proc/$pid/fd" -lname 'socket:*' -printf '%l\\n' 2>/dev/null || :)
  emit sockets "$sockets"
  emit stale "$(find {} "$addresses" "/etc/systemd/system/beam-epmd@.service" -cnewer {} -print -quit 2>&1)"
fi
inode=${{heard##* }}
case $sockets in
  *"socket:[$inode]"*) ;;
  *)
    if [ -n "$inode" ]; then
      emit holder "$(holder "$inode" | head -n 1)"
      emit socket "$(systemctl list-sockets --plain --no-legend | grep -F ':{} ' | head -n 1)"
    fi
    ;;
esac"""

INSTALL = """
unit={} addresses={} source={}
mkdir -p -- {} "$addresses"
chmod 0755 -- {} /etc/beam /etc/beam/epmd.d "$addresses"
"""

BINARY = """
cp -- "$source" {0}.new
chmod 0755 -- {0}.new
[ -e {0}.old ] || [ ! -e {0} ] || ln -- {0} {0}.old
mv -T -- {0}.new {0}
"""
PROVEN = """
printf '%s\\n' {1} >{0}.version
chmod 0644 -- {0}.version
rm -f -- {0}.old
"""
# Without EPMD no node of the host can be found: what served until now serves again.
BACK = """
back() {{
  (failed) || :
  if [ -e {0}.old ]; then
    mv -T -- {0}.old {0}
    systemctl restart -- "$unit" || :
    echo "the epmd that was there before runs again"
  fi
  [ -z {1} ] || echo {1}
  exit 1
}}
"""

ADDRESS = """
printf '%s\\n' {} >"$addresses/.new"
chmod 0644 -- "$addresses/.new"
mv -T -- "$addresses/.new" "$addresses/"{}
"""

TAKE_OVER = """
systemctl list-units --plain --no-legend --all 'epmd*' | while read -r other _; do
  systemctl disable --quiet --now -- "$other" || systemctl stop -- "$other"
done
listeners {} | while read -r _ inode; do holder "$inode"; done | sort -u | while read -r other name group; do
  case $name:$group in epmd:*/"$unit") ;; epmd:*) kill -- "$other" ;; esac
done
"""

START = """
systemctl enable --quiet --no-reload -- "$unit"
systemctl daemon-reload
systemctl reset-failed --quiet -- "$unit" 2>/dev/null || :
systemctl restart -- "$unit" || back
tries=0
until [ -n "$(listeners {})" ] && systemctl --quiet is-active -- "$unit"; do
  tries=$((tries + 1))
  [ "$tries" -lt 50 ] || back
  sleep 0.1
done
"""
