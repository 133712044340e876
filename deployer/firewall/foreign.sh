# nft_read: leave in $ours our own table, and in $chains the heads of all chains, as nft lists them. One nft each: of two
# commands in one, nft 1.0.6 answers the second from what it has read for the first, and leaves the tables of others out.
nft_read() {
  ours=$(nft -s list table inet deployer 2>/dev/null || :)
  chains=$(nft -s list chains 2>/dev/null || :)
}

# rules_now: leave in $now digests of our files and of our table, as they were recorded when they were loaded.
rules_now() {
  now=$(cat /etc/nftables.d/deployer.nft /etc/nftables.d/deployer.ssh /etc/nftables.d/deployer.d/*.nft 2>/dev/null | sha256sum)
  if [ -z "$ours" ]; then
    now=$now$lf$(sha256sum </dev/null)
  else
    now=$now$lf$(sha256sum <<END
$ours
END
)
  fi
}

# foreign: leave in $found every table of others in $chains that may drop what comes in, as nft lists it; at most 256 KiB.
foreign() {
  found='' table='' tables=''
  set -f
  IFS=$lf
  for line in $chains; do
    line=${line#"${line%%[!	 ]*}"}
    case $line in
      'table '*) table=${line#table } table=${table%% \{*} ;;
      'type filter hook input '*|'type filter hook prerouting '*|'type filter hook ingress '*)
        [ "$table" = 'inet deployer' ] || tables=$tables$table$lf ;;
    esac
  done
  unset IFS
  set +f
  [ -n "$tables" ] || return 0
  # shellcheck disable=SC2034 # whoever asks reads it
  found=$(printf '%s' "$tables" | sort -u | while read -r family name; do
    nft -s list table "$family" "$name" 2>/dev/null || :
  done | head -c 262144)
}
