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
emit now "$(rules_now 2>/dev/null)"
emit sockets "$listed"
ssh_ports "$listed"
emit serving "$served"
foreign
emit foreign "$found"
if [ "$rules" != "$wanted" ]; then
  emit holders "$(holders "$listed")"
  emit activated "$(activated)"
fi
