newline='
'
unit_show "$unit"
emit show "$shown"
read -r up _ </proc/uptime
emit uptime "$up"
main=$pid
group=${shown#*ControlGroup=}; group=${group%%"$newline"*}
pids=$main
for tree in /sys/fs/cgroup /sys/fs/cgroup/unified /sys/fs/cgroup/systemd; do
  if [ -n "$group" ] && [ -r "$tree$group/cgroup.procs" ]; then
    pids=''
    while read -r pid; do pids="$pids $pid"; done <"$tree$group/cgroup.procs"
    break
  fi
done
beam=0
for pid in $pids; do
  [ "$pid" != 0 ] || continue
  process_exe "$pid"
  case $exe in
    */beam.smp*) beam=$pid; emit exe "$exe" ;;
    '') [ "$pid" != "$main" ] || beam=$pid; continue ;; # without root nobody can look
    *) [ "$pid" != "$main" ] || emit main "$exe"; continue ;;
  esac
  process_sockets "$pid"
  inodes='' IFS=$newline
  for line in $sockets; do line=${line#*\[} inodes="$inodes${line%\]} "; done
  unset IFS
  emit sockets "$inodes"
  break
done
emit pid "$beam"
if [ "$beam" != 0 ] && read -r stat <"/proc/$beam/stat"; then
  stat=${stat##*) }
  emit state "${stat%% *}"
fi
sockets_listed
listening='' IFS=$newline
for line in $listed; do
  case $line in 'tcp '*) address=${line#tcp } listening="$listening${line##* }/${address% *} " ;; esac
done
unset IFS
emit listening "$listening"
