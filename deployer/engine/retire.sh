# Removes the files of a cluster's nodes from this host. It may run again on a host that was retired before.
# Set above: names (of the nodes to remove, separated by blanks), etc (the cluster's directory), root (the release's
# directory), cluster, port (of EPMD), last (yes: no node of the cluster stays here), purge (yes: not only secrets), user.
held=/etc/beam/generations.d$root
units=/etc/systemd/system

for name in $names; do
  # Also in all generations, which keep the files of a node below their own paths.
  for place in "" "$held"/* "$root"/ledger/config/*; do
    rm -f -- "$place$etc/private/$name.env" "$place$etc/private/$name.pem"
  done
  [ -n "$purge" ] || continue
  rm -f -- "$etc/$name.vm.args" "$etc/$name.remote.vm.args" "$etc/$name.members.args" "$etc/$name.tls.conf" "$etc/$name.start"
  rm -f -- "$units/$name.service" "/usr/local/bin/$name-ctl"
  rm -rf -- "$units/$name.service.d" "/var/lib/beam/$name"
done

if [ -n "$last" ]; then
  rm -rf -- "$etc/private"
  rm -f -- "/etc/beam/epmd.d/$port/$cluster"
  if [ -z "$(ls -A "/etc/beam/epmd.d/$port" 2>/dev/null)" ] &&
    [ "$(systemctl show -p LoadState --value -- "beam-epmd@$port.service")" != not-found ]; then
    systemctl disable --quiet -- "beam-epmd@$port.service"
    systemctl stop -- "beam-epmd@$port.service"
  fi
fi

if [ -n "$last" ] && [ -n "$purge" ]; then
  rm -rf -- "$etc" "$held"
  [ -z "$root" ] || rm -rf -- "$root"
  part=/etc/nftables.d/deployer.d/$cluster.nft
  if [ -e "$part" ] && [ "$(find /etc/nftables.d/deployer.d -name '*.nft' | wc -l)" -eq 1 ]; then
    # The firewall stays as long as a cluster needs it; without the last part it would not let SSH in.
    systemctl disable --quiet --now -- deployer-firewall.service
    nft delete table inet deployer 2>/dev/null || :
    rm -rf -- /etc/nftables.d/deployer.nft /etc/nftables.d/deployer.ssh /etc/nftables.d/deployer.d
    rm -f -- "$units/deployer-firewall.service"
  fi
  if [ -n "$user" ] && id -u -- "$user" >/dev/null 2>&1 && ! pgrep -u "$user" >/dev/null 2>&1; then
    userdel -- "$user" || :
  fi
fi
[ -z "$purge" ] || systemctl daemon-reload
