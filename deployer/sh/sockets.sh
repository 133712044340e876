# Who listens on this host, from /proc: no tool beyond coreutils, find, grep and sed is needed.

# ports SOCKETS INODES: leave in $at_ports the ports of those TCP sockets, one a line, but for sockets on loopback.
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

# ssh_ports SOCKETS: leave in $served where SSH is served, one port a line: by its server, or by systemd in its place.
ssh_ports() {
  servers='' of_systemd='' of_servers=''
  # shellcheck disable=SC2013 # places in /proc are words
  for comm in $(grep -lxsE 'sshd|dropbear|tinysshd' /proc/[0-9]*/comm); do
    # A session's process may hold forwarded ports (ssh -R); only the server itself is systemd's child.
    { read -r _ _ _ parent _ <"${comm%/comm}/stat"; } 2>/dev/null || continue
    [ "$parent" != 1 ] || servers="$servers ${comm%/comm}/fd"
  done
  set -f
  IFS=' '
  # shellcheck disable=SC2086
  held=$(find /proc/1/fd $servers -lname 'socket:*' -printf '%h %l\n' 2>/dev/null || :)
  IFS=$lf
  for line in $held; do
    case $line in /proc/1/*) of_systemd=$of_systemd$line ;; *) of_servers=$of_servers$line ;; esac
  done
  ports "$1" "$of_servers"
  served=$at_ports
  ports "$1" "$of_systemd"
  set +f
  [ -z "$at_ports" ] || served=$served$(activated | while read -r at what; do
    case $what in *ssh*|*dropbear*) ;; *) continue ;; esac
    case $at in 127.*|'[::1]':*|/*) ;; *:*) echo "${at##*:}" ;; esac
  done)
  served=${served%"$lf"}
}

# activated: what systemd listens on for others: place, socket, service.
activated() { systemctl list-sockets --no-legend --no-pager 2>/dev/null || :; }
