# Which sockets a process holds and what it runs, from /proc. A probe reads those of systemd, of the servers of SSH and of the
# main processes of its units with one find; of any other process it is asked alone.
# Given: the prelude.
# shellcheck shell=sh disable=SC2154,SC2034
opened='' opened_by=''

# ssh_servers: leave in $ssh_pids the processes that serve SSH. A session's process may hold forwarded ports (ssh -R); only the
# server itself is systemd's child.
ssh_servers() {
  ssh_pids=''
  for comm in /proc/[0-9]*/comm; do
    { read -r name <"$comm"; } 2>/dev/null || continue
    case $name in sshd|dropbear|tinysshd) ;; *) continue ;; esac
    { read -r _ _ _ parent _ <"${comm%/comm}/stat"; } 2>/dev/null || continue
    comm=${comm#/proc/}
    [ "$parent" != 1 ] || ssh_pids="$ssh_pids ${comm%/comm}"
  done
}

# processes_named [servers]: leave those in $opened_by; systemd and the servers of SSH only with that word, for to find these sh
# looks at every process of the host.
processes_named() {
  opened='' opened_by=' '
  [ -z "${1:-}" ] || { ssh_servers; opened_by=" 1$ssh_pids "; }
  IFS=$lf
  set -f
  for line in ${units_shown:-}; do
    case $line in MainPID=[1-9]*) opened_by="$opened_by${line#MainPID=} " ;; esac
  done
  unset IFS
  set +f
}

# processes_read [servers]: leave in $opened what those hold, /proc/PID/fd/N and the socket or /proc/PID/exe and the program, one
# a line. A program whose name has a line break is left out; a process that has gone is, too.
processes_read() {
  processes_named "$@"
  set --
  for one in $opened_by; do set -- "$@" "/proc/$one/exe" "/proc/$one/fd"; done
  [ "$#" -gt 0 ] || return 0
  opened=$(find "$@" ! -lname "*$lf*" \( -lname 'socket:*' -o -name exe \) -printf '%p %l\n' 2>/dev/null) || :
  opened=$lf$opened$lf
}

# process_exe PID: leave in $exe what it runs; nothing where that cannot be told.
process_exe() {
  exe=''
  IFS=$lf
  set -f
  for line in $opened; do
    case $line in "/proc/$1/exe "*) exe=${line#"/proc/$1/exe "}; break ;; esac
  done
  unset IFS
  set +f
  [ -n "$exe" ] || exe=$(readlink -- "/proc/$1/exe") || :
}

# process_sockets PID...: leave in $sockets what they hold, socket:[INODE], one a line.
process_sockets() {
  sockets=''
  for one; do
    case $opened_by in
      *" $one "*)
        IFS=$lf
        set -f
        for line in $opened; do
          case $line in "/proc/$one/fd/"*) sockets=$sockets${line#* }$lf ;; esac
        done
        unset IFS
        set +f ;;
      *) sockets=$sockets$(find "/proc/$one/fd" -lname 'socket:*' -printf '%l\n' 2>/dev/null)$lf || : ;;
    esac
  done
  while [ "$sockets" != "${sockets%"$lf"}" ]; do sockets=${sockets%"$lf"}; done
}
