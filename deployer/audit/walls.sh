# Who listens, and what the host's tables let in: as the kernel has them, not as a file says.
sockets_listed
emit sockets "$listed"
holders "$listed"
emit holders "$held"
if command -v nft >/dev/null; then
  if rules=$(nft list ruleset 2>/dev/null); then printf 'rules=%.262144s\036' "$rules"; fi
elif command -v iptables >/dev/null; then emit tool iptables
else emit tool absent; fi
