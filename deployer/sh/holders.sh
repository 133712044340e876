# holders SOCKETS: who holds them: inode, pid, control group, program.
holders() {
  wanted='socket:[]' IFS=$lf
  for line in $1; do wanted="$wanted${lf}socket:[${line##* }]"; done
  unset IFS
  find /proc/[0-9]*/fd -lname 'socket:*' -printf '%h %l\n' 2>/dev/null | grep -F -e "$wanted" |
    while read -r from socket; do
      process=${from%/fd} inode=${socket#*\[}
      read -r name <"$process/comm" || continue
      group=''
      while IFS= read -r next; do group=$next; done <"$process/cgroup" || continue
      printf '%s %s %s %s\n' "${inode%]}" "${process#/proc/}" "$group" "$name"
    done 2>/dev/null || :
}
