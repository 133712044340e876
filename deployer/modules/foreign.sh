# foreign: every nftables table of others that may drop what comes in, as nft lists it; at most 256 KiB.
foreign() {
  nft -s list chains 2>/dev/null | {
    table=
    while read -r word what rest; do
      case $word:$what:$rest in
        table:*) table="$what ${rest%% *}" ;;
        type:filter:*'hook input '*|type:filter:*'hook prerouting '*|type:filter:*'hook ingress '*) echo "$table" ;;
      esac
    done
  } | sort -u | while read -r family name; do
    [ "$family $name" = "inet deployer" ] || nft -s list table "$family" "$name" 2>/dev/null || :
  done | head -c 262144
}
