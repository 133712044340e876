# foreign: every nftables table of others that may drop what comes in, as nft lists it; at most 256 KiB.
foreign() {
  tables=$(nft -s list chains 2>/dev/null | {
    table=
    while read -r word what rest; do
      case $word:$what:$rest in
        table:*) table="$what ${rest%% *}" ;;
        type:filter:*'hook input '*|type:filter:*'hook prerouting '*|type:filter:*'hook ingress '*)
          [ "$table" = 'inet deployer' ] || echo "$table" ;;
      esac
    done
  })
  [ -n "$tables" ] || return 0
  printf '%s\n' "$tables" | sort -u | while read -r family name; do
    nft -s list table "$family" "$name" 2>/dev/null || :
  done | head -c 262144
}
