# Every program starts with these functions. POSIX sh, coreutils only.
# An answer is MARKER INDEX RC LENGTH, a newline, and LENGTH bytes.
LC_ALL=C
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export LC_ALL PATH
mask='' own_uid='' own_gid=''
# What `umask` and `id` say, without a process for either.
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

# full PLACE...: say which of their file systems have run out, and of what: bytes or inodes look the same to a program.
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

# emit KEY VALUE: one record of a probe; records end with RS, which no sane value holds.
emit() { printf '%s=%s\036' "$1" "$2"; }

# unknown REASON: a probe's way to say "cannot know before an earlier task has run".
unknown() { printf '%s' "$1"; exit 3; }

# digest FILE: sha256 of its content in hex.
digest() {
  sum=$(sha256sum <"$1")
  printf '%s' "${sum%% *}"
}

# sum_of FILE: leave it in $sum; what was read for all fragments together is not read again.
rows='' sums=''
: "${rows?}"
sum_of() {
  sum=${sums%%"  $1$lf"*}
  if [ "$sum" != "$sums" ]; then sum=${sum##*"$lf"}; return 0; fi
  sum=$(sha256sum <"$1")
  sum=${sum%% *}
}

# look PATH: emit what is there without following a link, and leave its kind in $type; nothing when there is nothing.
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

# hidden PATH: a directory that this user may not enter hides what is in it; then "nothing there" is not to be believed.
hidden() {
  above=${1%/*}
  while [ -n "$above" ] && [ ! -d "$above" ]; do above=${above%/*}; done
  [ -x "${above:-/}" ] || { echo "may not look into $above"; exit 4; }
}

# units_read UNIT…: ask systemd about all of them before the first fragment; a systemctl costs a host as much as ten tests.
units=
blank='

'
judged=''
properties=LoadState,ActiveState,SubState,UnitFileState,FragmentPath,DropInPaths,NeedDaemonReload,MainPID,NRestarts,Result
properties=$properties,ActiveEnterTimestampMonotonic,InactiveExitTimestampMonotonic,ControlGroup
of_surroundings=Environment,EnvironmentFiles
units_read() { units_shown=$(systemctl show -p "$properties,$of_surroundings${judged:+,$judged}" -- "$@" 2>/dev/null) && units=$*; }

# unit_show UNIT: leave what systemd says of it in $shown, one NAME=VALUE a line, and its main process (0: none) in $pid. What
# its environment is, which may be secret, is in $surroundings alone.
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

# net_read: leave in $net each TCP socket that listens and each UDP socket without a peer: protocol, ADDRESS:PORT in hex, inode,
# one a line. /proc/net lists first the TCP sockets that listen (proc_net_tcp.txt of Linux); the others, of which a host may have
# many, are not read.
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

# sockets_listed: leave them in $listed. A probe reads them once.
sockets_listed() {
  [ -n "$net" ] || net_read
  listed=$net
}

# heard_at HEXPORT: leave in $heard address and inode of each TCP socket that listens there, one a line.
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

# epmd_names PORT: what EPMD lists to whoever asks on loopback (NAMES_REQ), four bytes of its port cut off; nothing without bash.
# Its own program would say the same, but that came out of a tarball.
epmd_names() {
  # shellcheck disable=SC2016
  timeout 5 bash -c 'exec 3<>"/dev/tcp/127.0.0.1/$0" && printf "\0\1n" >&3 && head -c 4 <&3 >/dev/null && exec head -c 65536 <&3' \
    "$1" 2>/dev/null
}

# frame INDEX RC TEXT
frame() { printf '%s %s %s %s\n%s' "$marker" "$1" "$2" "${#3}" "$3"; }

# known_as USER: leave in $user whom that names, and in $its_home where he lives. "the login user" is whom sudo was told by; where
# nobody told it, the login is root's own.
known_as() {
  user=$1
  [ "$user" != 'the login user' ] || user=${SUDO_USER:-root}
  entry=$(getent passwd "$user") || unknown "the user $user does not exist yet"
  its_home=${entry%:*}
  its_home=${its_home##*:}
}

# as_that_user COMMAND...: become it as $user, with his groups and home, for $bound seconds where that is set: he can stop his
# own processes, and would hold the host with them. What sudo has told of the login user is not told to himself.
bound=
as_that_user() {
  set -- HOME="$its_home" USER="$user" LOGNAME="$user" "$@"
  [ "$user" != "${SUDO_USER:-}" ] || set -- -u SUDO_USER -u SUDO_UID -u SUDO_GID -u SUDO_COMMAND -u MAIL "$@"
  exec ${bound:+timeout -k 5 "$bound"} runuser -u "$user" -- env -u TMPDIR "$@"
}

# as USER TEXT [BLOB...]: run sh text as another user. It and the files that it is given travel through a pipe, not through
# argv, and he alone reads what is made of them. The functions above, which he has as well, are in $tools.
tools=
as() {
  known_as "$1"
  body=$2 handed=
  shift 2
  # Root that logs in is whoever the program is: it lacks nothing of what the program has.
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

# ask INDEX: run a probe. One that fails oddly is asked again with its complaints, which is safe: probes only read.
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
  # Who is not root has no lock, and what lies there in /tmp may be anybody's.
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
