# Loads a firewall: checks everything together first, and loads it in one transaction. Nothing is permanent yet.
# Above are set: place, cluster, unit, rules, base, unit_text, more (a port of SSH beside those that are found), within
# (seconds to confirm it), keep (the script that makes it permanent), gone (clusters whose parts go, if any).

# ssh_set: the ports that stay open to admin: the present SSH ports, those after SSH's next start, and the port of this run's
# connection.
ssh_set() {
  all=$({
    net_read
    sockets_listed
    ssh_ports "$listed"
    printf '%s\n' "$served"
    sshd -T 2>/dev/null | sed -n '/^listenaddress \(127\.\|\[::1\]\)/d; s/^listenaddress .*://p' || :
    printf '%s\n' "${connection##* }" "$more"
  } | grep -xE '[0-9]{1,5}' | sort -nu)
  printf '# Written by deployer: where this host serves SSH.\ntable inet deployer {\n\tset ssh {\n\t\ttype inet_service\n'
  elements=''
  for port in ${all:-22}; do elements=$elements${elements:+, }$port; done
  printf '\t\telements = { %s }\n\t}\n}\n' "$elements"
}

# Better a host that filters nothing than one that nobody gets into.
lost='the rules of before can no more be loaded, so this host filters nothing until the next deploy'
await 'a new firewall' "nft -f $here/old || { nft delete table inet deployer; logger -t deployer -- '$lost'; }" "$keep"
new=$pending/new
mkdir -- "$new" "$new/deployer.d"
if [ -d "$place/deployer.d" ]; then cp -R -- "$place/deployer.d" "$new/"; fi
for one in ${gone:-}; do rm -f -- "$new/deployer.d/$one.nft"; done
printf '%s\n' "$rules" >"$new/deployer.d/$cluster.nft"
ssh_set >"$new/deployer.ssh"
printf '%s\n' "$base" >"$new/deployer.nft"
printf '%s\n' "$unit_text" >"$new/$unit"
sed "s|$place|$new|" "$new/deployer.nft" >"$new/load"
nft -c -f "$new/load"
{
  printf 'table inet deployer\ndelete table inet deployer\n'
  nft list table inet deployer 2>/dev/null || :
} >"$pending/old"
armed "$within"
nft -f "$new/load"
