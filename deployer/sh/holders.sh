# holders SOCKETS: who holds them: inode, pid, control group, program.
holders() {
  wanted=$(printf '%s\n' "$1" | sed 's/.* /socket:[/; s/$/]/')
  find /proc/[0-9]*/fd -lname 'socket:*' -printf '%h %l\n' 2>/dev/null | grep -F -e "$wanted" |
    while read -r from socket; do
      process=${from%/fd} inode=${socket#*\[}
      read -r name <"$process/comm" || continue
      group=''
      while IFS= read -r next; do group=$next; done <"$process/cgroup" || continue
      printf '%s %s %s %s\n' "${inode%]}" "${process#/proc/}" "$group" "$name"
    done 2>/dev/null || :
}
