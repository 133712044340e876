# Unpack "$1" into $release below $root. $box: the text of box.sh; $sha256: of "$1"; $manifest: of what has to come out. `secure_root` ends the step where root may not trust $root.
umask 022
[ "$(realpath -m -- "$root")" = "$root" ] || { echo "$root is a link, or leads through one"; exit 1; }
secure_root
if [ -e "$root/ledger" ] || [ -L "$root/ledger" ]; then trusted "$root/ledger"; fi
hold='' unit='' transient=${transient:-/run/systemd/system}
trap '[ "$?" -eq 0 ] || full "$root/versions"; [ -z "$unit" ] || rm -f -- "$transient/$unit"; [ -z "$hold" ] || rm -rf -- "$hold"' EXIT
mkdir -p -- "$root/versions"
# What a killed run has left: nothing of it may still write.
for left in "$transient"/deployer-unpack-*.service; do
  [ -e "$left" ] || continue
  systemctl stop -- "${left##*/}" || :
  rm -f -- "$left"
done
for left in "$root"/versions/.unpack.*; do [ ! -e "$left" ] || rm -rf -- "$left"; done
# Nobody gets in here by name; the box has the inner directory as its standard input.
hold=$(mktemp -d "$root/versions/.unpack.XXXXXXXX")
mkdir -m 0777 -- "$hold/box"
ln -sfn -- "$hold/box" "$blobs/box"
cat -- "$1" >"$hold/box/sent"
printf '%s\n' "$box" >"$hold/box/box.sh"
unit=deployer-unpack-${hold##*.}.service
[ -d "$transient" ] || mkdir -p -- "$transient"
# A user of its own, which no other process has, and nothing of it outlives the unit.
cat >"$transient/$unit" <<EOF
[Service]
Type=oneshot
DynamicUser=yes
StandardInput=file:$blobs/box
StandardOutput=file:$blobs/said
StandardError=inherit
ExecStart=/bin/sh -eu /proc/self/fd/0/box.sh
TimeoutStartSec=900
TimeoutStopSec=5
LimitFSIZE=8704000000
LimitCORE=0
TasksMax=64
UMask=0022
CapabilityBoundingSet=
PrivateDevices=yes
PrivateNetwork=yes
ProtectClock=yes
ProtectControlGroups=yes
ProtectHome=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectProc=invisible
LockPersonality=yes
MemoryDenyWriteExecute=yes
RestrictAddressFamilies=none
RestrictNamespaces=yes
RestrictRealtime=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallErrorNumber=EPERM
EOF
if ! systemctl start -- "$unit"; then
  [ -e "$hold/box/begun" ] || echo "systemd cannot run a service with its own user (DynamicUser) on this host:" \
    "$(systemctl show -p Result -p ExecMainStatus -- "$unit" | tr '\n' ' ')"
  [ -n "$(full "$hold")" ] || taste "$blobs/said" 4096
  exit 1
fi
work=$hold/box/tree
find "$work" -mindepth 1 -printf '%y %n %m %P\n' >"$hold/found"
odd=$(grep -v -m 1 -E '^(f 1|d [0-9]+) [0-7]{2}[0145] ' "$hold/found" || :)
[ -z "$odd" ] || { echo "the tarball is refused: unpacking it gave $odd"; exit 1; }
# From here on it is root's. Only now, when nobody else can change it, is it compared with what the controller has read.
chown -R 0:0 -- "$hold/box"
chmod 0700 -- "$hold/box"
chmod -R u+rwX,go-w,a+rX -- "$work"
(cd -- "$work" && find . -type f -exec sha256sum -z -- {} + | sort -z) >"$hold/sums"
found=$(sha256sum <"$hold/sums")
[ -z "$manifest" ] || [ "${found%% *}" = "$manifest" ] || {
  echo "the tarball is refused: the unpacked files differ from what the controller read"
  exit 1
}
rm -f -- "$work/releases/COOKIE"
{ echo "$sha256"; tree "$work"; } >"$work/.complete"
sync -f -- "$work/.complete"
if [ -e "$release" ]; then mv -T -- "$release" "$(mktemp -u "$root/versions/.old.XXXXXXXX")"; fi
mv -T -- "$work" "$release"
# Proven is what it holds: whether somebody alters it later is judged by that (record.sh).
(umask 077; mkdir -p -- "$root/ledger/sums")
checkable <"$hold/sums" >"$root/ledger/.sums"
sync -- "$root/ledger/.sums"
mv -T -- "$root/ledger/.sums" "$root/ledger/sums/${release##*/}"
