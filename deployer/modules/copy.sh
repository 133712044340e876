# A file of the host, copied on the host. Given: src, dest (with a slash at its end where a directory is meant).
# shellcheck shell=sh disable=SC2154

# copy_opened: open the source as descriptor 8. Links on the way to it count only where none but root can turn them.
copy_opened() {
  [ -e "$src" ] || { hidden "$src"; unknown "$src is not there yet"; }
  firm "$src"
  src=$firm
  [ -f "$src" ] || { echo "$src is no file"; exit 1; }
  inside "${src%/*}"
  exec 8<"/proc/self/fd/5/${src##*/}"
  [ "$(readlink /proc/self/fd/8)" = "$src" ] || { echo "$src is a link, or was moved at this moment"; exit 1; }
  exec 5<&-
}

# copy_place: leave in $dest the file that is meant, where a directory is named.
copy_place() {
  if [ -d "$dest" ]; then dest=${dest%/}/$name; fi
  case $dest in */) hidden "${dest%/}"; unknown "the directory $dest is not there yet" ;; esac
}

# copy_seen: emit what is at the destination, and whether its content is that of the source.
copy_seen() {
  name=${src##*/}
  copy_place
  copy_opened
  look "$dest"
  # shellcheck disable=SC2154 # look says it
  if [ "$type" = file ]; then
    readable "$dest"
    size=$(stat -L -c %s /proc/self/fd/8)
    wanted=$(sha256sum </proc/self/fd/8)
    sum=$(taste "$dest" "$((size + 1))" | sha256sum)
    if [ "$sum" = "$wanted" ]; then emit content same; else emit content other; fi
  fi
}

# copied MODE OWNER GROUP [keep]: write the source's content to the destination.
copied() {
  name=${src##*/}
  copy_place
  copy_opened
  [ -z "$4" ] || keep "$dest"
  draft /proc/self/fd/8 "$dest" "$1" "$2" "$3"
}
