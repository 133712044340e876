# nearest DIRECTORY: leave in $place which one above it is there.
nearest() {
  place=$1
  while [ ! -d "$place" ]; do place=${place%/*}; place=${place:-/}; done
}
if [ -f "$release/.complete" ]; then
  emit installed yes
else
  emit installed no
  emit machine "$(uname -m)"
  emit libraries "$(libraries "$@")"
  nearest "$root"
  set -- "$place"
  nearest "$home"
  room=$(df --output=avail,iavail,itotal,target -B1 -- "$1" "$place")
  emit upload "${room##*"$lf"}"
  room=${room%"$lf"*}
  emit room "${room#*"$lf"}"
fi
