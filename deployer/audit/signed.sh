# What the release that runs holds, as one digest. Above: root.
# shellcheck disable=SC2154
if [ ! -d "$root" ]; then emit release none
elif found=$(readlink -f -- "$root/current") && [ -d "$found" ]; then
  case $found in "$root"/versions/*) ;; *) emit release elsewhere; return 0 ;; esac
  emit release "${found##*/}"
  # Its cookie, where it brought one, is taken out when it is unpacked.
  if sums=$(cd -- "$found" && timeout -k 1 30 find . -type f ! -path ./.complete ! -path ./releases/COOKIE \
    -exec sha256sum -z -- {} + 2>/dev/null | sort -z | sha256sum) && [ -r "$found/lib" ]; then emit contents "${sums%% *}"; fi
fi
