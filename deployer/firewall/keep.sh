# Makes a firewall permanent after a new connection has passed it.
# Above are set: place, cluster, unit, gone (clusters whose parts go, if any).
umask 022

confirm
mkdir -p -- "$place/deployer.d"
set --
for file in "deployer.d/$cluster.nft" deployer.ssh deployer.nft; do
  cp -- "$kept/new/$file" "$place/$file.new"
  set -- "$@" "$place/$file.new"
done
cp -- "$kept/new/$unit" "/etc/systemd/system/$unit.new"
set -- "$@" "/etc/systemd/system/$unit.new"
chmod 0644 -- "$@"
sync -- "$@"
for file; do mv -T -- "$file" "${file%.new}"; done
for one in ${gone:-}; do rm -f -- "$place/deployer.d/$one.nft"; done
systemctl enable --quiet --no-reload -- "$unit"
# To read all units anew takes systemd longer than a start; of one that it has as it lies there it need not.
case $(systemctl show -p LoadState,NeedDaemonReload -- "$unit" 2>/dev/null) in
  *=yes*) systemctl daemon-reload ;;
  *LoadState=loaded*) ;;
  *) systemctl daemon-reload ;;
esac
systemctl restart -- "$unit" || failed
disarm
