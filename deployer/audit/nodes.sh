# Every BEAM and every EPMD of the host with what surrounds it, from /proc: by what runs, not by what was declared.
# What this user may not read is left out, and whoever judges then says so. Nothing is written, no cookie leaves the host.
# A process costs a host as much as reading a hundred files: one program reads a kind of file for all nodes together, and
# the shell sorts out by itself what it printed. What has control characters in its name is told as `?`.
# Above: deep, and rs, which ends a record.
# shellcheck disable=SC2154  # own_uid and lf are the prelude's

# words_of FILE WORD: one argument, or one variable, of a process. Of an environment only what steers the runtime is kept
# and of all else the names, for each may hold a secret.
words_of() {
  case $1 in
    */cmdline)
      case $before:$2 in
        -setcookie:-*) ;;
        -setcookie:*) [ -n "$shown_cookie" ] || { weak argv "$2"; shown_cookie=$weak same=''; alike "$2"; argued_same=$same; }; set -- "$1" '***' ;;
        -ssl_dist_optfile:*) options=$2 ;;
      esac
      before=$2
      [ "${#argv}" -gt 65536 ] || argv=$argv$lf$2 ;;
    *)
      seen=yes
      name=${2%%=*}
      case $2 in
        ERL_*=*-setcookie*|ELIXIR_ERL*=*-setcookie*) set -- "$1" "${2%%-setcookie*}-setcookie ***" ;;
        ERL_*|ELIXIR_ERL*|EMU=*|BINDIR=*|HOME=*|RELEASE_NODE=*|RELEASE_TMP=*|RELEASE_MODE=*|RELEASE_DISTRIBUTION=*|RELEASE_ROOT=*) ;;
        [A-Za-z_]*=*) set -- "$1" '' ;;
        *) return 0 ;;
      esac
      case $name in *[!A-Za-z0-9_]*) return 0 ;; esac
      [ "${#names}" -gt 16384 ] || names="$names$name "
      [ -z "$2" ] || [ "${#environ}" -gt 16384 ] || environ=$environ$lf$2 ;;
  esac
}

# words_end FILE: keep what was gathered of it.
words_end() {
  pid=${1#/proc/} pid=${pid%%/*}
  case $1 in
    */cmdline) eval "argv_$pid=\${argv#?} options_$pid=\$options shown_cookie_$pid=\$shown_cookie argued_same_$pid=\$argued_same" ;;
    */environ) eval "environ_$pid=\${environ#?} names_$pid=\$names seen_$pid=yes" ;;
  esac
  argv='' options='' shown_cookie='' argued_same='' environ='' names='' before=''
}

# shellcheck disable=SC2086,SC2046,SC2013  # words are split at newlines alone, and no glob is looked for
{
emit uid "$own_uid"
[ ! -e /proc/1/stat ] || emit all yes
# A process that ends meanwhile, or one of others, makes these fail: that must not end the list.
exes=$(find /proc/[0-9]*/exe -maxdepth 0 \( -lname '*/beam.smp*' -o -lname '*/epmd*' \) \
  \( ! -lname '*[[:cntrl:]]*' -printf '%h %l\n' -o -lname '*/epmd*' -printf '%h /?/epmd\n' -o -printf '%h /?/beam.smp\n' \) \
  2>/dev/null) || :
comms=$(grep -lxsE 'beam\.smp|epmd' /proc/[0-9]*/comm) || :
sockets_listed
set -f
IFS=$lf
listening=''
for line in $listed; do
  case $line in 'tcp '*) line=${line#tcp } listening="$listening${line##* }/${line% *} " ;; esac
done
emit listening "$listening"

processes='' cookies_seen='' count=0 files='' words='' links=''
for line in $exes $comms; do
  process=${line%% *} process=${process%/comm}
  case $processes$lf in *"$lf$process$lf"*) continue ;; esac
  [ "$count" -lt 64 ] || { emit more yes; break; }
  count=$((count + 1)) pid=${process#/proc/}
  processes=$processes$lf$process
  case $line in */comm) eval "exe_$pid=" links=\$links\$lf\$process/exe ;; *) eval "exe_$pid=\${line#* }" ;; esac
  eval "argv_$pid= options_$pid= shown_cookie_$pid= argued_same_$pid= environ_$pid= names_$pid= seen_$pid= unit_$pid= cwd_$pid= uid_$pid="
  files=$files$lf$process/status$lf$process/limits$lf$process/cgroup$lf$process/mountinfo
  words=$words$lf$process/cmdline$lf$process/environ
  links=$links$lf$process/cwd
  [ ! -r "$process/fd" ] || links=$links$lf$process/fd
done

served=''
if [ -n "$processes" ]; then
  kept='^((PPid|Uid|NoNewPrivs|Cap(Eff|Prm|Amb|Bnd)|Seccomp|Umask):|Max |[0-9]+:|[0-9]+ [0-9]+ [^ ]+ [^ ]+ (/|/usr|/etc|/home|/proc) )'
  file='' text=''
  for line in $(grep -HsE "$kept" $files) /end:; do
    case $line in *"$rs"*) line=${line%%"$rs"*}'?' ;; esac
    from=${line%%:*}
    [ "$from" = "$file" ] || {
      pid=${file#/proc/} pid=${pid%%/*}
      case $file in
        */status)
          emit "status_$pid" "${text#?}"
          uid=${text#*Uid:?*	} uid=${uid%%	*}
          case $uid in ''|*[!0-9]*) ;; *) eval "uid_$pid=$uid" ;; esac ;;
        */limits) emit "limits_$pid" "${text#?}" ;;
        */mountinfo) eval "mounts_$pid=\${text#?}" ;;
        */cgroup)
          unit=${text##*/}
          eval "unit_$pid=\$unit"
          case $unit in *.service) served=$served$lf$unit ;; esac ;;
      esac
      file=$from text=''
    }
    text=$text$lf${line#*:}
  done

  # Without what stands in its last file it was cut, and what it ends with is not whole.
  file='' argv='' options='' shown_cookie='' argued_same='' environ='' names='' before=''
  for line in $(grep -zaHs '' $words /proc/uptime | tr '\0\n\036' '\n??' | head -c 2097152); do
    from=${line%%:*}
    [ "$from" = "$file" ] || { [ -z "$file" ] || words_end "$file"; file=$from; }
    words_of "$file" "${line#*:}"
  done

  found=$(find $links -maxdepth 1 \( -name fd -type d -printf '\n%p ' -o -lname 'socket:*' -printf '%l ' \
    -o ! -name cwd ! -name exe -printf '- ' -o -lname '*[[:cntrl:]]*' -printf '\n%p ?' -o -printf '\n%p %l' \) 2>/dev/null) || :
  for line in $found; do
    pid=${line#/proc/} pid=${pid%%/*} text=${line#* }
    case $line in
      */cwd\ *) eval "cwd_$pid=\$text" ;;
      */exe\ *) eval "exe_$pid=\$text" ;;
      */fd\ ?*) printf 'fds_%s=%.196608s\036' "$pid" "$text" ;;
    esac
  done
fi

# What systemd says of their units, and of those that a host may protect itself with; secrets by their name alone.
# Each unit costs systemd a millisecond: of what is installed nowhere that it looks for units it is not asked.
watched=nftables.service files=''
set +f
for line in deployer-firewall ufw firewalld netfilter-persistent; do
  for file in /etc/systemd/*/"$line".service /run/systemd/*/"$line".service /usr/local/lib/systemd/system/"$line".service \
    /usr/lib/systemd/system/"$line".service /lib/systemd/system/"$line".service; do
    if [ -e "$file" ] || [ -L "$file" ]; then watched=$watched$lf$line.service; break; fi
  done
done
set -f
if units_judged $served $watched; then
  told='' rest=$shown$blank
  while [ -n "$rest" ]; do
    for line in ${rest%%"$blank"*}; do
      case $line in
        Environment=*COOKIE*|Environment=*SECRET*|Environment=*PASSW*|Environment=*TOKEN*|Environment=*_KEY*|Environment=*DATABASE_URL*)
          line=Secrets=$(printf '%s\n' "$line" | grep -oE '[A-Za-z0-9_]*(COOKIE|SECRET|PASSW|TOKEN|_KEY|DATABASE_URL)[A-Za-z0-9_]*=' |
            tr '\n=' '  ') ;;
        Environment=*) continue ;;
        EnvironmentFiles=*)
          file=${line#*=} file=${file% (ignore_errors=*}
          files=$files$lf$file line=EnvironmentFile=$file ;;
      esac
      told=$told$line$lf
    done
    told=$told$lf rest=${rest#*"$blank"}
  done
  emit units "$told"
fi

[ -n "$processes" ] || return 0
# Whose it is says its status: /proc/PID is root's where a process has gained capabilities by its file, or has dropped some.
uids='' roots='' owners=''
for process in $processes; do
  eval "uids=\$uids\$lf\$uid_${process#/proc/}"
done
passwd=$(getent passwd $uids) || :
for process in $processes; do
  pid=${process#/proc/} name=UNKNOWN
  eval "uid=\$uid_$pid"
  [ -n "$uid" ] || continue
  for line in $passwd; do
    case ${line#*:*:} in "$uid":*) name=${line%%:*} ;; esac
  done
  owners=$owners$lf$process\ $uid\ $name
  eval "exe=\${exe_$pid:-\${argv_$pid%%\"\$lf\"*}} options=\$options_$pid"
  for file in "${exe%/erts-*}/releases/COOKIE" "${exe%/erts-*}/releases/start_erl.data" "$options"; do
    ahead=$file
    while :; do
      # What is no path could be an option of find.
      case $ahead in /*) ;; *) break ;; esac
      case $roots$lf in *"$lf$ahead$lf"*) break ;; esac
      roots=$roots$lf$ahead ahead=${ahead%/*}
    done
  done
done
solid=$lf$(find / $roots -maxdepth 0 \( -type d -o -type f -size -3 \) -uid 0 ! -perm /022 -printf '%p\n' 2>/dev/null || :)$lf
wants='' paths='' roots='' listed='' argued='' cwd=''
for file in $files; do want env_files "$file"; done

for one in $owners; do
  process=${one%% *} owner=${one#* } pid=${process#/proc/}
  user=${owner#* } owner=${owner%% *}
  read -r comm <"$process/comm" || continue
  case $comm in *"$rs"*) comm=${comm%%"$rs"*}'?' ;; esac
  eval "exe=\$exe_$pid argv=\$argv_$pid unit=\$unit_$pid cwd=\$cwd_$pid environ=\$environ_$pid names=\$names_$pid"
  eval "known=\$seen_$pid options=\$options_$pid argued=\$shown_cookie_$pid argued_same=\$argued_same_$pid mounts=\${mounts_$pid-}"
  claimed=$exe exe=${exe:-${argv%%"$lf"*}}
  case ${exe% (deleted)} in */beam.smp) kind=beam ;; */epmd|epmd) kind=epmd ;; *) continue ;; esac
  emit "kind_$pid" "$kind"
  emit "comm_$pid" "$comm"
  emit "user_$pid" "$owner $user"
  emit "exe_$pid" "$exe"
  [ -n "$claimed" ] || emit "claimed_$pid" yes
  [ -z "$argv" ] || emit "argv_$pid" "$argv"
  emit "unit_$pid" "$unit"
  house=/nowhere dump='' spool='' libraries=''
  for line in $passwd; do
    case ${line#*:*:} in "$owner":*) house=${line%:*} house=${house##*:} ;; esac
  done
  if [ -n "$known" ]; then
    emit "environ_$pid" "$environ"
    emit "names_$pid" "$names"
    for line in $environ; do
      case $line in
        HOME=?*) house=${line#*=} ;;
        ERL_CRASH_DUMP=?*) dump=${line#*=} ;;
        ERL_LIBS=?*) libraries=${line#*=} ;;
        RELEASE_TMP=?*) spool=${line#*=} ;;
      esac
    done
  fi
  if [ "$kind" = beam ]; then node; continue; fi
  [ -n "$listed" ] || listed="$(epmd_names 4369 || :) "
  emit "names_told_$pid" "${listed% }"
done

# All modes and owners at once, in the order in which they were asked for; a line of its own for each path, which holds none.
set -- $(stat -L --printf '%n\n%a %U %G\n' -- $paths 2>/dev/null)
key='' text=''
for line in $wants 'end -'; do
  next=${line%% *} path=${line#* }
  [ "$next" = "$key" ] || { [ -z "$key" ] || emit "$key" "$text"; key=$next text=''; }
  if [ "${1-}" = "$path" ]; then
    mode=${2%% *}
    case $key:$mode in rendered_*:*00) ;; rendered_*) text=$text$path$lf ;; *) text="$text$2 $path$lf" ;; esac
    shift 2
  fi
done
# Each disk once; its line ends with the directory that was asked about.
disks=$(df --output=size,avail,itotal,iavail,target,file -B1 -- $roots 2>/dev/null) || :
for one in $owners; do
  pid=${one%% *} pid=${pid#/proc/}
  eval "exe=\${exe_$pid:-\${argv_$pid%%\"\$lf\"*}}"
  exe=${exe:-none} root=${exe%/erts-*} text=''
  for line in $disks; do case $line in *" $root") text=${line%"$root"} ;; esac; done
  while [ "$text" != "${text% }" ]; do text=${text% }; done
  case ${exe% (deleted)} in */beam.smp) emit "disk_$pid" "$text" ;; esac
done
}
