sockets_listed
nft=''
! command -v nft >/dev/null || nft=yes
emit nft "$nft"
emit connection "$connection"
emit shown "$shown"
slurp "$noted"
recorded=$text
slurp "$service"
emit unit "$text"
slurp "$base"
emit base "$text"
slurp "$doors"
emit ssh "$text"
slurp "$part"
rules=$text others=''
emit rules "$rules"
for other in "$parts"/*.nft; do
  if [ "$other" = "$part" ] || [ ! -f "$other" ]; then continue; fi
  slurp "$other"
  others=$others$text$lf
done
emit others "$others"
emit recorded "$recorded"
# As nft.DIGESTS, with a process less for each.
table=$(nft -s list table inet deployer 2>/dev/null) || :
printf 'now='
cat "$base" "$doors" "$parts"/*.nft 2>/dev/null | sha256sum - /dev/fd/3 3<<END
$table
END
printf '\036'
emit sockets "$listed"
ssh_ports "$listed"
emit serving "$served"
foreign
emit foreign "$found"
if [ "$rules" != "$wanted" ]; then
  holders "$listed"
  emit holders "$held"
  emit activated "$(activated)"
fi
