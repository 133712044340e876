# Restores what arm.sh has saved. It runs on its own: by a timer, at a start of the host, or when the run asks for it.
# Given: files.sh. Each file is put back whatever has become of the others.
# shellcheck shell=sh disable=SC2154,SC2034
held=/var/lib/deployer/undo
own_uid=0 own_gid=0

# put_back NUMBER PATH
put_back() (
  set -eu
  umask 077
  read -r kind <"$held/$1.kind"
  [ "$kind" = absent ] || read -r uid gid bits <"$held/$1.attributes"
  case $kind in
    absent)
      [ -d "${2%/*}/" ] || exit 0
      inside "${2%/*}"
      at=/proc/self/fd/5/${2##*/}
      if [ -d "$at" ] && [ ! -L "$at" ]; then rmdir -- "$at"; else rm -f -- "$at"; fi
      ;;
    beside)
      if [ -d "$2" ] && [ ! -L "$2" ]; then rm -rf --one-file-system -- "$2"; fi
      mv -fT -- "${2%/*}/.before-deployer.${2##*/}" "$2"
      sync -- "${2%/*}"
      ;;
    near)
      read -r from <"$held/$1.near"
      inside "${2%/*}"
      chown -- "$uid:$gid" "$from"
      chmod -- "$bits" "$from"
      mv -fT -- "$from" "/proc/self/fd/5/${2##*/}"
      sync -- /proc/self/fd/5/
      ;;
    copy) draft "$held/$1.file" "$2" "$bits" "$uid" "$gid"; settle "$2" ;;
    attributes) adorn "$2" "$uid" "$gid" "$bits" ;;
  esac
)

# again SECONDS TEXT: run the text that makes a service reload its files.
again() { timeout -k 5 "$1" /bin/sh -euc "$2" </dev/null >/dev/null 2>&1 || :; }
