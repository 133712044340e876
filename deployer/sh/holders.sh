# holders SOCKETS: set $held to the processes that have them: inode, pid, control group, program, one a line.
holders() {
  wanted='socket:[]' IFS=$lf left=$1
  set --
  for line in $left; do
    wanted="$wanted${lf}socket:[${line##* }]"
    set -- "$@" -o -lname "socket:?${line##* }?"
  done
  # One pattern for each socket would soon be slower than one more process.
  if [ "$#" -le 96 ]; then found=$(find /proc/[0-9]*/fd \( -false "$@" \) -printf '%h %l\n' 2>/dev/null) || :
  else found=$(find /proc/[0-9]*/fd -lname 'socket:*' -printf '%h %l\n' 2>/dev/null | grep -F -e "$wanted") || :; fi
  held=''
  for line in $found; do
    process=${line%/fd *} inode=${line##*\[} group=''
    { read -r name <"$process/comm"; } 2>/dev/null || continue
    while IFS= read -r next; do group=$next; done <"$process/cgroup" || continue
    case $name$group in *[[:cntrl:]]*) name='?' group='?' ;; esac # whose it is names it, and it is told in a record
    held="$held${inode%]} ${process#/proc/} $group $name$lf"
  done
  unset IFS
}
