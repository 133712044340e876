# Finds listening sockets of this host in /proc, with no tools beyond coreutils, find, grep and sed.

# ports SOCKETS INODES: set $at_ports to the ports of these TCP sockets, one a line, without sockets on loopback.
ports() {
  at_ports='' IFS=$lf
  for line in $1; do
    inode=${line##* } at=${line% *}
    case $at in
      udp*|'tcp '??????7F:*|'tcp '*FFFF0000??????7F:*|'tcp 00000000000000000000000001000000:'*) continue ;;
    esac
    case $2 in *"[$inode]"*) at_ports=$at_ports$((0x${at##*:}))$lf ;; esac
  done
  unset IFS
}

# ssh_ports SOCKETS: set $served to the ports of SSH, one a line: of the server, or of systemd with socket activation.
ssh_ports() {
  pooled=''
  case $opened_by in *' 1 '*) pooled=yes ;; *) processes_read servers ;; esac
  # shellcheck disable=SC2086 # process ids are words
  process_sockets $ssh_pids
  set -f
  ports "$1" "$sockets"
  served=$at_ports
  process_sockets 1
  set -f
  ports "$1" "$sockets"
  set +f
  [ -n "$pooled" ] || opened='' opened_by='' # a step looks anew each time
  [ -z "$at_ports" ] || served=$served$(activated | while read -r at what; do
    case $what in *ssh*|*dropbear*) ;; *) continue ;; esac
    case $at in 127.*|'[::1]':*|/*) ;; *:*) echo "${at##*:}" ;; esac
  done)
  served=${served%"$lf"}
}

# activated: print the sockets on which systemd listens for services: place, socket, service.
activated() { systemctl list-sockets --no-legend --no-pager 2>/dev/null || :; }
