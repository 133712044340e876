# Who listens on this host, from /proc: no tool beyond coreutils, find, grep and sed is needed.

# sockets: each TCP socket that listens and each UDP socket without a peer: protocol, ADDRESS:PORT in hex, inode.
sockets() {
  for table in tcp tcp6 udp udp6; do
    case $table in tcp*) state=0A ;; *) state=07 ;; esac
    grep -hsE "^ *[0-9]+: [0-9A-F]+:[0-9A-F]{4} [0-9A-F]+:0000 $state " "/proc/net/$table" |
      while read -r _ at _ _ _ _ _ _ _ inode _; do printf '%s %s %s\n' "${table%6}" "$at" "$inode"; done
  done
}

# inodes DIRECTORY...: those of the sockets that are open in these directories of /proc.
inodes() {
  find "$@" -lname 'socket:*' -printf '%l\n' 2>/dev/null | sed 's/[^0-9]//g' || :
}

# ports INODES SOCKETS: the ports of those TCP sockets, but for sockets on loopback.
ports() {
  printf '%s\n' "$2" | while read -r protocol at inode; do
    case $protocol:$at in
      udp:*|tcp:??????7F:*|tcp:*FFFF0000??????7F:*|tcp:00000000000000000000000001000000:*) continue ;;
    esac
    case "
$1
" in *"
$inode
"*) echo "$((0x${at##*:}))" ;; esac
  done
}

# ssh_ports SOCKETS: where SSH is served: by its server, or by systemd in its place.
ssh_ports() {
  grep -lxsE 'sshd|dropbear|tinysshd' /proc/[0-9]*/comm | while read -r comm; do
    # A session's process may hold forwarded ports (ssh -R); only the server itself is systemd's child.
    read -r _ _ _ parent _ <"${comm%/comm}/stat" || continue
    [ "$parent" != 1 ] || ports "$(inodes "${comm%/comm}/fd")" "$1"
  done 2>/dev/null
  [ -n "$(ports "$(inodes /proc/1/fd)" "$1")" ] || return 0
  activated | while read -r at what; do
    case $what in *ssh*|*dropbear*) ;; *) continue ;; esac
    case $at in 127.*|'[::1]':*|/*) ;; *:*) echo "${at##*:}" ;; esac
  done
}

# activated: what systemd listens on for others: place, socket, service.
activated() { systemctl list-sockets --no-legend --no-pager 2>/dev/null || :; }
