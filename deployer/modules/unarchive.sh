# An archive. Given: shared/fetch.sh, src (a file or an address, or empty), dest, owner, group, mode, and the functions untar and
# unzipped, which know what of it is wanted.
# shellcheck shell=sh disable=SC2154

# kind_of FILE: leave in $kind how it is packed (magic numbers of gzip, bzip2, xz, zstd and zip), as tar's option.
kind_of() {
  case $(od -A n -t x1 -N 6 "$1" | tr -d ' \n') in
    1f8b*) kind=-z ;;
    425a68*) kind=-j ;;
    fd377a585a00) kind=-J ;;
    28b52ffd*) kind=--zstd ;;
    504b*) kind=zip ;;
    *) kind='' ;;
  esac
}

# compared: say whether a tar file of the host is what lies in the directory.
compared() {
  [ -f "$src" ] || unknown "$src is not there yet"
  [ -d "$dest" ] || unknown "the directory $dest is not there yet"
  readable "$src"
  kind_of "$src"
  # shellcheck disable=SC2086 # one option, or none
  if untar $kind -d -f "$src" -C "$dest" >/dev/null 2>&1; then emit unpacked yes; else emit unpacked no; fi
}

# unpack FILE: unpack it, or else $src, and put what was in it into the directory.
unpack() {
  [ -d "$dest/" ] || { echo "the directory $dest does not exist"; exit 1; }
  stage=$(mktemp -d)
  trap 'rm -rf -- "$stage"' EXIT
  umask 022
  mkdir -m 0755 -- "$stage/all"
  archive=${1:-$src}
  case $archive in
    *://*) fetched "$archive" "$stage/got" 30; archive=$stage/got ;;
    *) if [ ! -f "$archive" ]; then echo "$archive is not there"; exit 1; fi ;;
  esac
  kind_of "$archive"
  if [ "$kind" = zip ]; then
    command -v unzip >/dev/null || { echo "unzip is not installed"; exit 1; }
    unzipped "$archive" "$stage/all"
  else
    # shellcheck disable=SC2086
    untar $kind -x -f "$archive" -C "$stage/all"
  fi
  adorn_all "$stage/all" "$owner" "$group" "$mode"
  inside "$dest"
  whose=$(stat -c %u /proc/self/fd/5/)
  if [ "$own_uid" -ne 0 ] || [ "$whose" -eq 0 ]; then
    cd -P /proc/self/fd/5/ || exit 1
    # The directory itself stays as it is.
    find "$stage/all" -mindepth 1 -maxdepth 1 -exec cp -a -t . -- '{}' +
  else
    name=$(stat -c %U /proc/self/fd/5/)
    case $owner in
      '' | "$whose" | "$name") ;;
      *) echo "$dest belongs to $name, and what is unpacked there will too: write owner: $name"; exit 1 ;;
    esac
    group_of=$(stat -c %g /proc/self/fd/5/)
    cd -P /proc/self/fd/5/ || exit 1
    (cd -- "$stage/all" && find . -mindepth 1 -maxdepth 1 -print0 | tar --null -T - -c -f -) |
      setpriv --reuid="$whose" --regid="$group_of" --clear-groups --no-new-privs \
        tar -x -f - --no-same-owner --no-overwrite-dir -p
  fi
  cd /
  rm -rf -- "$stage"
  trap - EXIT
}
