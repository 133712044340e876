# Files that another user may have a hand in: how root reads them, and how it writes beside them.

# readable PATH: stop the probe when it may not read a file, rather than take it for an empty one.
readable() { [ -r "$1" ] || { echo "may not read $1"; exit 1; }; }

# taste PATH LIMIT: print a regular file, LIMIT bytes of it at most; nothing where a link, a FIFO or a device is, or nothing.
taste() {
  [ -f "$1" ] && [ ! -L "$1" ] || return 0
  dd if="$1" iflag=nofollow,nonblock,fullblock,count_bytes bs=65536 count="$2" status=none 2>/dev/null || :
}

# slurp PATH: leave in $text a small file that only root can write, as $(cat PATH) would, and nothing where there is none.
slurp() {
  text='' line=''
  [ -f "$1" ] && [ -r "$1" ] || return 0
  while IFS= read -r line || [ -n "$line" ]; do text=$text$line$lf; done <"$1"
  while [ "$text" != "${text%"$lf"}" ]; do text=${text%"$lf"}; done
}
lf='
'

# theirs PATH LIMIT: the same of a file in a directory that another user owns, as that user, for 4 s at most. Root's real id
# stays, so that the user can neither trace the reader nor hold it; who is not root reads as himself. Where the user could
# have turned the way to it into somebody else's directory nothing is read.
theirs() {
  if [ "$own_uid" -ne 0 ]; then taste "$1" "$2"; return 0; fi
  (
    whose_file "$1" || exit 0
    exec timeout -k 1 3 setpriv --euid="${whose% *}" --egid="${whose#* }" --clear-groups --no-new-privs \
      --bounding-set=-all dd if="$file" iflag=nofollow,nonblock,fullblock,count_bytes bs=65536 count="$2" status=none
  ) 2>/dev/null || :
}

# whose_file PATH: leave in $file the way to a regular file through its directory, which is opened once, and in $whose that
# one's owner and group; 1 where there is none. Whoever turns the way elsewhere meanwhile turns nothing of it.
whose_file() {
  inside "${1%/*}" >/dev/null
  file=/proc/self/fd/5/${1##*/}
  [ -f "$file" ] && [ ! -L "$file" ] && whose=$(stat -c '%u %g' /proc/self/fd/5/)
}

# firm PATH: leave in $firm where a directory really is. A link on the way counts only where none but root can turn it.
firm() {
  firm='' ahead=${1#/}/
  while [ -n "$ahead" ]; do
    way=$firm/${ahead%%/*} ahead=${ahead#*/}
    if [ -L "$way" ]; then
      [ "$own_uid" -ne 0 ] || [ -n "$(find "${firm:-/}" -maxdepth 0 -uid 0 ! -perm /022)" ] ||
        { echo "$way is a link that users other than root can change: write the real directory"; exit 1; }
      way=$(realpath -- "$way")
    fi
    [ "$way" = "$firm/" ] || firm=$way
  done
}

# inside DIRECTORY: open it as descriptor 5, and make sure that it is the one that is named.
inside() {
  firm "$1"
  exec 5<"$firm/"
  away=${PWD:-/} stands=''
  ! cd -P /proc/self/fd/5/ 2>/dev/null || stands=$PWD
  cd -- "$away" 2>/dev/null || cd /
  [ "$stands" = "${firm:-/}" ] || { echo "$1 is being moved about"; exit 1; }
}

# make_above PATH: make what is missing of the directories above it, 0700, each through the descriptor of the one above.
make_above() {
  set -- "${1%/*}"
  [ ! -d "$1/" ] || return 0
  make_above "$1"
  inside "${1%/*}"
  mkdir -m 0700 -- "/proc/self/fd/5/${1##*/}"
  exec 5<&-
}

# drop PATH: unlink a file and those that carry its name with a number, in the directory that is named and in no other.
drop() (
  [ -d "${1%/*}/" ] || exit 0
  inside "${1%/*}"
  for one in "/proc/self/fd/5/${1##*/}" "/proc/self/fd/5/${1##*/}".[0-9]*; do
    if [ -f "$one" ]; then rm -f -- "$one"; fi
  done
)

# of_root OWNER GROUP FILE: root's own is asked for, and FILE is that already, as what root makes mostly is.
of_root() {
  case $own_uid:$own_gid:${1:-0}:${2:-0} in
    0:0:0:0 | 0:0:root:root | 0:0:0:root | 0:0:root:0) [ -O "$3" ] && [ -G "$3" ] ;;
    *) return 1 ;;
  esac
}

# owned OWNER GROUP FILE [FLAG]: set those that are not empty, with one process.
owned() {
  if [ -n "$1" ]; then chown ${4:+"$4"} -- "$1${2:+:$2}" "$3"
  elif [ -n "$2" ]; then chgrp ${4:+"$4"} -- "$2" "$3"; fi
}

# adorn PATH OWNER GROUP MODE: set those that are not empty on what is there, and not on what a link there leads to.
adorn() {
  inside "${1%/*}"
  at=/proc/self/fd/5/${1##*/}
  if [ -L "$at" ] || ! of_root "$2" "$3" "$at"; then owned "$2" "$3" "$at" -h; fi
  if [ -n "$4" ]; then
    [ ! -p "$at" ] || { echo "$1 is a FIFO"; exit 1; }
    exec 9<"$at"
    [ "$(readlink /proc/self/fd/9)" = "$firm/${1##*/}" ] || { echo "$1 is a link"; exit 1; }
    chmod -- "$4" /proc/self/fd/9
    exec 9<&-
  fi
  exec 5<&-
}

# draft BLOB PATH MODE OWNER GROUP: write content beside PATH and leave the draft's name in $draft. It is 0600 until it is
# whole. Directory and draft are reached through their descriptors, so that whoever owns the directory can put nothing in the
# place of either. An empty OWNER or GROUP keeps what is there; so does an empty MODE, and a new file gets 0644.
# $flush is sync, or : for what no later run reads.
flush=sync
draft() {
  folder=${2%/*}
  [ -d "$folder/" ] || { echo "the directory $folder does not exist"; exit 1; }
  inside "$folder"
  for left in "/proc/self/fd/5/.deployer.${2##*/}."????????; do
    if [ -f "$left" ]; then rm -f -- "$left"; fi
  done
  once=''
  { read -r once </proc/sys/kernel/random/uuid; } 2>/dev/null || once=$(mktemp -u XXXXXXXX)
  draft=$folder/.deployer.${2##*/}.${once%%-*}
  beside=/proc/self/fd/5/${draft##*/}
  set -C
  exec 9>"$beside"
  set +C
  trap 'rm -f -- "$beside"' EXIT
  cat -- "$1" >&9
  mode=$3 owner=$4 group=$5
  if [ -f "$2" ] && [ ! -L "$2" ] && { [ -z "$mode" ] || [ -z "$4" ] || [ -z "$5" ]; }; then
    had=$(stat -c %a:%u:%g -- "$2")
    mode=${mode:-${had%%:*}} group=${5:-${had##*:}} had=${had#*:}
    owner=${4:-${had%:*}}
  fi
  of_root "$owner" "$group" /proc/self/fd/9 || owned "$owner" "$group" /proc/self/fd/9
  chmod -- "${mode:-0644}" /proc/self/fd/9
  "$flush" -- /proc/self/fd/9
  exec 9>&-
}

# settle PATH: the draft becomes PATH in one rename.
settle() {
  mv -fT -- "$beside" "/proc/self/fd/5/${1##*/}"
  trap - EXIT
  "$flush" -- /proc/self/fd/5/
  exec 5<&-
}

# keep PATH: write a file as it is beside it, as PATH.PID.DATE@TIME~ with its owner and mode. Neither name may be a link, and
# whoever owns the directory can make none of them one.
keep() (
  [ -f "$1" ] && [ ! -L "$1" ] || exit 0
  inside "${1%/*}"
  exec 9<"/proc/self/fd/5/${1##*/}"
  [ "$(readlink /proc/self/fd/9)" = "$firm/${1##*/}" ] || { echo "$1 is a link"; exit 1; }
  set -C
  exec 7>"/proc/self/fd/5/${1##*/}.$$.$(date +%Y-%m-%d@%H:%M:%S~)"
  set +C
  cat <&9 >&7
  chown -- "$(stat -L -c %u:%g /proc/self/fd/9)" /proc/self/fd/7
  chmod -- "$(stat -L -c %a /proc/self/fd/9)" /proc/self/fd/7
)

# adorn_all DIRECTORY OWNER GROUP MODE: the same for all that is in it; each is reached through the directory that it is in, and
# a mode is set on what was opened and is no link.
adorn_all() (
  inside "$1"
  [ -z "$2" ] || find /proc/self/fd/5/ -mindepth 1 -execdir chown -h -- "$2" '{}' +
  [ -z "$3" ] || find /proc/self/fd/5/ -mindepth 1 -execdir chgrp -h -- "$3" '{}' +
  [ -n "$4" ] || exit 0
  # shellcheck disable=SC2016
  find /proc/self/fd/5/ -mindepth 1 '(' -type f -o -type d ')' ! -perm "$4" -execdir /bin/sh -euc 'mode=$1 here=$(pwd -P)
    shift
    for entry; do
      exec 9<"$entry"
      [ "$(readlink /proc/self/fd/9)" = "$here/${entry#./}" ] || { echo "$entry is a link"; exit 1; }
      chmod -- "$mode" /proc/self/fd/9
    done' sh "$4" '{}' +
)

# touch_file PATH: set the times of what is there, and not of what a link there leads to; make an empty file where nothing is.
touch_file() (
  inside "${1%/*}"
  at=/proc/self/fd/5/${1##*/}
  umask 022
  if [ -e "$at" ] || [ -L "$at" ]; then touch -h -- "$at"; else set -C; : >"$at"; fi
)
