# Every program starts with these functions. POSIX sh, coreutils only.
# An answer is MARKER INDEX RC LENGTH, a newline, and LENGTH bytes.
LC_ALL=C
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export LC_ALL PATH
mask='' own_uid='' own_gid=''
# The values of `umask` and `id`, without starting a process.
while [ -z "$own_gid" ] && read -r word value effective _; do
  case $word in Umask:) mask=$value ;; Uid:) own_uid=$effective ;; Gid:) own_gid=$effective ;; esac
done </proc/self/status
: "${mask:=$(umask)}" "${own_uid:=$(id -u)}" "${own_gid:=$(id -g)}"
umask 077
connection=${1:-}
home=/var/lib/deployer
blobs=
why=
lacking=
failed=0
watcher=
run_dir=
code=1
: "${marker:?}" "${run:?}" "${hears?}" "${leased?}" "${connection?}" "${mask?}" "${home?}" "${failed?}" "${own_uid?}" "${own_gid?}"

# full PLACE...: print which of their file systems are full, and whether bytes or inodes are missing (programs report both alike).
full() {
  df --output=avail,iavail,itotal,target -B1 -- "$@" 2>/dev/null | sort -u | while read -r bytes inodes most where; do
    [ -w "$where" ] || continue
    flag=''
    if [ "$most" -gt 0 ] && [ "$inodes" -lt 8 ]; then lacks=inodes flag=' --inodes'
    elif [ "$bytes" -lt 1048576 ]; then lacks=bytes
    else continue; fi
    echo "$where has run out of $lacks: $((bytes / 1024)) KiB and $inodes inodes are left. Make room there" \
      "(du -x$flag $where | sort -n tells where they are) and run again"
  done 2>/dev/null
}

# emit KEY VALUE: print one record of a probe; records end with RS, which no normal value contains.
emit() { printf '%s=%s\036' "$1" "$2"; }

# unknown REASON: end a probe with the answer "not known before an earlier task has run".
unknown() { printf '%s' "$1"; exit 3; }

# digest FILE: print the sha256 of its content in hex.
digest() {
  sum=$(sha256sum <"$1")
  printf '%s' "${sum%% *}"
}

# sum_of FILE: set $sum to the sha256; a file that was read for all fragments together is not read again.
rows='' sums=''
: "${rows?}"
sum_of() {
  sum=${sums%%"  $1$lf"*}
  if [ "$sum" != "$sums" ]; then sum=${sum##*"$lf"}; return 0; fi
  sum=$(sha256sum <"$1")
  sum=${sum%% *}
}

# look PATH: emit what is at PATH, without following a link, and set $type to its kind; emit nothing if nothing is there.
look() {
  type=
  if [ -L "$1" ]; then
    type='link'
    emit target "$(readlink -- "$1")"
  elif [ -f "$1" ]; then type='file'
  elif [ -d "$1" ]; then type='directory'
  elif [ -e "$1" ]; then type='other'
  else hidden "$1"; return 0; fi
  emit type "$type"
  emit at "$(stat -c '%U:%u:%G:%g:%a' -- "$1")"
}

# hidden PATH: end the probe if this user may not enter a directory above PATH; otherwise PATH would seem to be missing.
hidden() {
  above=${1%/*}
  while [ -n "$above" ] && [ ! -d "$above" ]; do above=${above%/*}; done
  [ -x "${above:-/}" ] || { echo "may not look into $above"; exit 4; }
}

# units_read UNIT…: ask systemd about all of them before the first fragment; one systemctl costs as much as ten tests.
units=
blank='

'
judged=''
properties=LoadState,ActiveState,SubState,UnitFileState,FragmentPath,DropInPaths,NeedDaemonReload,MainPID,NRestarts,Result
properties=$properties,ActiveEnterTimestampMonotonic,InactiveExitTimestampMonotonic,ControlGroup
of_surroundings=Environment,EnvironmentFiles
units_read() { units_shown=$(systemctl show -p "$properties,$of_surroundings${judged:+,$judged}" -- "$@" 2>/dev/null) && units=$*; }

# unit_show UNIT: set $shown to its properties from systemd, one NAME=VALUE a line, and $pid to its main process (0: none). Its
# environment, which may be secret, is only in $surroundings.
unit_show() {
  shown='' surroundings='' said='' rest=${units_shown:-}
  for known in $units; do
    [ "$known" != "$1" ] || { said=${rest%%"$blank"*}; break; }
    rest=${rest#*"$blank"}
  done
  [ -n "$said" ] || said=$(systemctl show -p "$properties,$of_surroundings" -- "$1")
  set -f
  IFS=$lf
  for line in $said; do
    case ",$properties,:,$of_surroundings," in
      *",${line%%=*},"*:*) shown="$shown${shown:+$lf}$line" ;;
      *:*",${line%%=*},"*) surroundings="$surroundings${surroundings:+$lf}$line" ;;
    esac
  done
  unset IFS
  set +f
  pid=${shown#*MainPID=}
  pid=${pid%%[!0-9]*}
  pid=${pid:-0}
}

# net_read: set $net to all listening TCP sockets and all UDP sockets without a peer: protocol, ADDRESS:PORT in hex, inode, one a
# line. /proc/net lists listening TCP sockets first (proc_net_tcp.txt of Linux); the others, which may be many, are not read.
net=''
net_read() {
  net=''
  for table in tcp tcp6 udp udp6; do
    [ -r "/proc/net/$table" ] || continue
    while read -r _ at peer state _ _ _ _ _ inode _; do
      case $table:$state:$peer in
        tcp*:0A:*|udp*:07:*:0000) net="$net${net:+$lf}${table%6} $at $inode" ;;
        tcp*:[0-9A-F][0-9A-F]:*) break ;;
      esac
    done <"/proc/net/$table"
  done
}

# sockets_listed: set $listed to these sockets. A probe reads them once.
sockets_listed() {
  [ -n "$net" ] || net_read
  listed=$net
}

# heard_at HEXPORT: set $heard to address and inode of each TCP socket that listens on this port, one a line.
heard_at() {
  sockets_listed
  heard=''
  set -f
  IFS=$lf
  for line in $listed; do
    case $line in 'tcp '*:"$1 "*) line=${line#tcp } heard="$heard${heard:+$lf}${line%%:*} ${line##* }" ;; esac
  done
  unset IFS
  set +f
}

# epmd_names PORT: print EPMD's list of names (NAMES_REQ on loopback) without the four bytes of its port; nothing without bash.
# The program epmd prints the same, but it comes from a tarball, so it is not run here.
epmd_names() {
  # shellcheck disable=SC2016
  timeout 5 bash -c 'exec 3<>"/dev/tcp/127.0.0.1/$0" && printf "\0\1n" >&3 && head -c 4 <&3 >/dev/null && exec head -c 65536 <&3' \
    "$1" 2>/dev/null
}

# frame INDEX RC TEXT
frame() { printf '%s %s %s %s\n%s' "$marker" "$1" "$2" "${#3}" "$3"; }

# known_as USER: set $user to the user's name and $its_home to the home. "the login user" is the user who called sudo; without
# sudo, it is root.
known_as() {
  user=$1
  [ "$user" != 'the login user' ] || user=${SUDO_USER:-root}
  entry=$(getent passwd "$user") || unknown "the user $user does not exist yet"
  its_home=${entry%:*}
  its_home=${its_home##*:}
}

# as_that_user COMMAND...: exec it as $user, with the user's groups and home, for at most $bound seconds if that is set: the user
# can stop (SIGSTOP) these processes, and would block the host. The login user does not get sudo's variables.
bound=
as_that_user() {
  set -- HOME="$its_home" USER="$user" LOGNAME="$user" "$@"
  [ "$user" != "${SUDO_USER:-}" ] || set -- -u SUDO_USER -u SUDO_UID -u SUDO_GID -u SUDO_COMMAND -u MAIL "$@"
  exec ${bound:+timeout -k 5 "$bound"} runuser -u "$user" -- env -u TMPDIR "$@"
}

# as USER TEXT [BLOB...]: run sh text as another user. The text and its files go through a pipe, not through argv, and only this
# user can read the copies. $tools has the functions above, for use in the text.
tools=
as() {
  known_as "$1"
  body=$2 handed=
  shift 2
  # If root logs in, the program itself runs as root already.
  if [ "$user" = root ]; then
    eval "$body"
    return
  fi
  for blob; do handed="$handed$lf blob $blob $(stat -L -c %s -- "$blobs/$blob") - 0 && "; done
  # shellcheck disable=SC2016
  [ -z "$handed" ] || handed="blobs_open && $handed blobs_whole || { echo \"\$why\"; exit 1; }"
  text="$tools
$handed
( set -eu
$body
)"
  cd /
  {
    printf '%s\n%s' "${#text}" "$text"
    for blob; do cat -- "$blobs/$blob"; done
  } 2>/dev/null | (
    umask "$mask"
    exec 6>&- 8>&-
    # shellcheck disable=SC2016
    as_that_user /bin/sh -c 'IFS= read -r n && p=$(head -c "$n") && [ "${#p}" -eq "$n" ] && eval "$p"'
  ) || {
    ended=$?
    case $bound:$ended in [1-9]*:124 | [1-9]*:137) echo "it did not end in $bound s, its deadline, and was killed" ;; esac
    exit "$ended"
  }
}

# ask INDEX: run a probe. If it fails with an unexpected status, run it again with its error output: probes only read.
ask() {
  answer=$(exec 2>/dev/null; set -eu; "fragment_$1"); rc=$?
  [ "$rc" -eq 0 ] || [ "$rc" -eq 3 ] || answer=$(exec 2>&1; set -eu; "fragment_$1")
  frame "$1" "$rc" "$answer"
}

clean() {
  [ -z "$watcher" ] || kill "$watcher" 2>/dev/null
  [ -n "$blobs" ] || return 0
  for link in "$blobs"/*; do
    if [ -L "$link" ] && [ -f "$link" ]; then rm -f -- "$(readlink "$link")"; fi
  done
  set -- "$blobs"
  # Without root there is no lock, and files in /tmp may belong to any user.
  if [ "$own_uid" -eq 0 ] && { IFS='	' read -r _ holder _ <"$run_dir/holder"; } 2>/dev/null && [ "$holder" = "$$" ]; then
    [ -z "$leased" ] || lease_left
    set -- "$run_dir/holder" "$blobs"
  fi
  rm -rf -- "$@"
}
trap clean EXIT

start() { printf '\n%s start\n' "$marker"; }
finish() { printf '%s end 0 0\n' "$marker"; }
refuse() {
  [ "$code" -eq 5 ] || lacking=${lacking:-$(full "$run_dir" "$big_dir")}
  why="$why${lacking:+
$lacking}"
  printf '%s end %s %s\n%s' "$marker" "$code" "${#why}" "$why"
  exit 1
}
