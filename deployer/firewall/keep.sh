# Makes a firewall permanent that a new connection has come through.
# Above are set: place, cluster, unit, gone (clusters whose parts go, if any).
umask 022

# put FILE DRAFT
put() {
  cp -- "$2" "$1.new"
  chmod 0644 -- "$1.new"
  sync -- "$1.new"
  mv -T -- "$1.new" "$1"
}

confirm
mkdir -p -- "$place/deployer.d"
put "$place/deployer.d/$cluster.nft" "$kept/new/deployer.d/$cluster.nft"
for one in ${gone:-}; do rm -f -- "$place/deployer.d/$one.nft"; done
put "$place/deployer.ssh" "$kept/new/deployer.ssh"
put "$place/deployer.nft" "$kept/new/deployer.nft"
put "/etc/systemd/system/$unit" "$kept/new/$unit"
systemctl enable --quiet --no-reload -- "$unit"
# To read all units anew takes systemd longer than a start; of one that it has as it lies there it need not.
case $(systemctl show -p LoadState,NeedDaemonReload -- "$unit" 2>/dev/null) in
  *=yes*) systemctl daemon-reload ;;
  *LoadState=loaded*) ;;
  *) systemctl daemon-reload ;;
esac
systemctl restart -- "$unit" || failed
disarm
