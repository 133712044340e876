# Fetches a file and puts it in place. Given: shared/fetch.sh, and url, dest, name, kind, sum, patience, mode, owner, group, keeps.
# shellcheck shell=sh disable=SC2154
[ ! -d "$dest" ] || dest=${dest%/}/$name
got=$(mktemp -d)
trap 'rm -rf -- "$got"' EXIT
fetched "$url" "$got/file" "$patience"
if [ -n "$kind" ]; then
  told=$("${kind}sum" <"$got/file")
  [ "${told%% *}" = "$sum" ] || { echo "its $kind is ${told%% *}, not $sum: nothing was written"; exit 1; }
fi
if [ "$keeps" = yes ]; then keep "$dest"; fi
if [ -f "$dest" ] && [ ! -L "$dest" ] && cmp -s -- "$got/file" "$dest"; then
  adorn "$dest" "$owner" "$group" "$mode"
else
  draft "$got/file" "$dest" "$mode" "$owner" "$group"
  settle "$dest"
fi
rm -rf -- "$got"
