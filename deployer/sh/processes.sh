# Reads a process's sockets and program from /proc. A probe reads those of systemd, the SSH servers and the main processes of its
# units with one find; other processes are read one by one.
# Needs: the prelude.
# shellcheck shell=sh disable=SC2154,SC2034
opened='' opened_by=''

# ssh_servers: set $ssh_pids to the SSH servers. A process of a session may have forwarded ports (ssh -R); only the server itself
# is a child of systemd.
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

# processes_named [servers]: set $opened_by to these processes; systemd and the SSH servers only with that word, because finding
# them means looking at every process of the host.
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

# processes_read [servers]: set $opened to their /proc/PID/fd/N with the socket and /proc/PID/exe with the program, one a line.
# Programs with a line break in their name are left out, and so are processes that have ended.
processes_read() {
  processes_named "$@"
  set --
  for one in $opened_by; do set -- "$@" "/proc/$one/exe" "/proc/$one/fd"; done
  [ "$#" -gt 0 ] || return 0
  opened=$(find "$@" ! -lname "*$lf*" \( -lname 'socket:*' -o -name exe \) -printf '%p %l\n' 2>/dev/null) || :
  opened=$lf$opened$lf
}

# process_exe PID: set $exe to its program; empty if that cannot be read.
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

# process_sockets PID...: set $sockets to their sockets, socket:[INODE], one a line.
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
