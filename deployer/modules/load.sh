# Puts a firewall into place: everything is checked together first, and loaded in one transaction.
# Above are set: place, cluster, unit, rules, base, unit_text, more (ports of SSH beside those that are found).
umask 022

# put FILE CONTENT
put() {
  printf '%s\n' "$2" >"$1.new"
  sync -- "$1.new"
  mv -T -- "$1.new" "$1"
}

# ssh_set: the ports that stay open to admin: where SSH is served, where it will be after its next start, and where this
# run has come in.
ssh_set() {
  all=$({
    ssh_ports "$(sockets)"
    sshd -T 2>/dev/null | sed -n '/^listenaddress \(127\.\|\[::1\]\)/d; s/^listenaddress .*://p' || :
    printf '%s\n' "${connection##* }" "$more"
  } | grep -xE '[0-9]{1,5}' | sort -nu)
  printf '# Written by deployer: where this host serves SSH.\ntable inet deployer {\n\tset ssh {\n\t\ttype inet_service\n'
  printf '\t\telements = { %s }\n\t}\n}\n' "$(printf '%s\n' "${all:-22}" | paste -sd , - | sed 's/,/, /g')"
}

mkdir -p -- "$place/deployer.d"
work=$(mktemp -d)
trap 'rm -rf -- "$work"' EXIT
cp -a -- "$place/deployer.d" "$work/"
ssh=$(ssh_set)
printf '%s\n' "$ssh" >"$work/deployer.ssh"
printf '%s\n' "$rules" >"$work/deployer.d/$cluster.nft"
printf '%s\n' "$base" | sed "s|$place|$work|" >"$work/deployer.nft"
nft -c -f "$work/deployer.nft"
put "$place/deployer.d/$cluster.nft" "$rules"
put "$place/deployer.ssh" "$ssh"
put "$place/deployer.nft" "$base"
put "/etc/systemd/system/$unit" "$unit_text"
systemctl enable --quiet --no-reload -- "$unit"
systemctl daemon-reload
systemctl restart -- "$unit" || failed
