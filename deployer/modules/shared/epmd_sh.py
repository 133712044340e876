"""What `epmd` runs on a host."""

from __future__ import annotations

from deployer.sh import script

INSTALL = script("epmd_install.sh", "deployer.modules.shared")
"""Begins an installation; ``unit``, ``addresses``, ``source`` and ``lib`` are assigned above."""

BINARY = """
wanted={}
draft "$source" "$lib/epmd" 0755 0 0
[ -z "$wanted" ] || [ "$(digest "$draft")" = "$wanted" ] || {{
  echo "$source is not the epmd that the release was read with: deploy again"
  exit 1
}}
[ -e "$lib/epmd.old" ] || ! is_recorded || ln -- "$lib/epmd" "$lib/epmd.old"
settle "$lib/epmd"
record "$wanted"
"""
PROVEN = """
note "$lib/epmd.version" {}
[ ! -e "$lib/epmd.old" ] || rm -f -- "$lib/epmd.old"
"""
# Without EPMD no node of the host can be found: what served until now serves again.
BACK = """
back() {{
  (failed) || :
  if [ -e "$lib/epmd.old" ]; then
    mv -T -- "$lib/epmd.old" "$lib/epmd"
    record
    systemctl restart -- "$unit" || :
    echo "the epmd that was there before runs again"
  fi
  [ -z {0} ] || echo {0}
  exit 1
}}
"""

ADDRESS = """
note "$addresses/"{} {}
"""

# What has such a name for systemd comes out of one of these files.
RIVALS = r"""
for file in /etc/systemd/system/epmd* /run/systemd/*/epmd* /usr/local/lib/systemd/system/epmd* \
  /lib/systemd/system/epmd*; do
  [ -e "$file" ] || [ -L "$file" ] || continue
  systemctl list-units --plain --no-legend --all 'epmd*' | while read -r other _; do
    systemctl disable --quiet --now -- "$other" || systemctl stop -- "$other"
  done
  break
done
"""
TAKE_OVER = r"""
net=''
heard_at {}
printf '%s\n' "$heard" | while read -r _ inode; do holder "$inode"; done | sort -u | while read -r other name group; do
  case $name:$group in epmd:*/"$unit") ;; epmd:*) kill -- "$other" ;; esac
done
"""

START = """
systemctl enable --quiet --no-reload -- "$unit"
# As in keep.sh.
found=$(systemctl show -p LoadState,NeedDaemonReload,ActiveState -- "$unit" 2>/dev/null) || :
case $found in
  *=yes*) systemctl daemon-reload ;;
  *LoadState=loaded*) ;;
  *) systemctl daemon-reload ;;
esac
case $found in
  *ActiveState=inactive*) ;;
  *) systemctl reset-failed --quiet -- "$unit" 2>/dev/null || : ;;
esac
systemctl restart -- "$unit" || back
tries=0
# It is not there at once: its unit looks first at what it starts.
until sleep 0.1 && net='' && heard_at {} && [ -n "$heard" ] && systemctl --quiet is-active -- "$unit"; do
  tries=$((tries + 1))
  [ "$tries" -lt 50 ] || back
done
"""
