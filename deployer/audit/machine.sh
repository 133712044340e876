# The machine around the nodes: kernel, mounts, disks, clock, logs. Files of /proc and /etc alone, no program that asks a bus.
# shellcheck disable=SC2154  # own_uid and lf are the prelude's
kind=''
{ IFS= read -r kind </run/systemd/container; } 2>/dev/null || :
emit container "$kind"
# Every small file in one reading; of each only lines that the rules know. Numbers are those of /proc/sys, some of which give
# nothing to whoever reads on in them, as dash does byte by byte.
set -- fs/suid_dumpable fs/protected_symlinks fs/protected_hardlinks fs/protected_fifos fs/protected_regular \
  kernel/randomize_va_space kernel/yama/ptrace_scope kernel/dmesg_restrict kernel/kptr_restrict \
  kernel/unprivileged_bpf_disabled net/core/somaxconn net/netfilter/nf_conntrack_max \
  net/netfilter/nf_conntrack_count net/ipv4/tcp_syncookies net/ipv4/conf/all/accept_redirects \
  net/ipv4/conf/all/accept_source_route net/ipv6/conf/all/accept_redirects net/ipv4/ip_forward
text='' redirected=''
for key in "$@" kernel/core_pattern; do [ -e "/proc/sys/$key" ] || text=$text$key=absent$lf; done
if { IFS= read -r kind </proc/sys/kernel/core_pattern; } 2>/dev/null; then text=${text}kernel/core_pattern=$kind$lf; fi
kept='^(-?[0-9]+|chronyd|ntpd|openntpd|systemd-timesyn|ntpsec)$|^[^ ]+ (/proc|/tmp|/var/tmp|/dev/shm) |^Filename|^/[^ ]+ +(partition|file) '
kept=$kept'|^(Storage|ProcessSizeMax|SystemMaxUse|MaxRetentionSec)=|^ *(export +)?(ERL_[A-Z]*FLAGS|ELIXIR_ERL_OPTIONS)='
kept=$kept'|^[^#]*(override_rc|\$nrconf\{restart\})'
told=$(cd /proc/sys && exec grep -HsE "$kept" "$@" net/ipv?/conf/*/accept_redirects \
  /proc/[0-9]*/comm /proc/mounts /proc/swaps /etc/environment /etc/environment.d/*.conf /etc/profile /etc/profile.d/*.sh \
  /etc/systemd/coredump.conf /etc/systemd/coredump.conf.d/*.conf /etc/systemd/journald.conf /etc/systemd/journald.conf.d/*.conf \
  /etc/needrestart/needrestart.conf /etc/needrestart/conf.d/*) || :
# A process is in /proc since it was first looked at: what stat finds of itself there is the hour.
marks=$(stat -c '%a %Y %n' /proc/self/ /tmp /var/tmp /var/lib/apt/periodic/update-success-stamp /var/lib/apt/lists/partial 2>/dev/null) || :
disks=$(df --output=size,avail,itotal,iavail,target -B1 -- / /var /var/log /tmp 2>/dev/null) || :
set -f
IFS=$lf
clocks='' mounts='' swaps=hidden flags='' cores='' journal='' needs=''
for line in $told; do
  file=${line%%:*} line=${line#*:}
  case $file:$line in
    net/ipv?/conf/all/*|fs/*|kernel/*|net/core/*|net/netfilter/*|net/ipv4/tcp_*|net/ipv4/ip_*) text=$text$file=$line$lf ;;
    net/ipv?/conf/default/*|net/ipv?/conf/lo/*|net/*:0) ;;
    net/*) redirected=$redirected${file#net/}$lf ;;
    /proc/[0-9]*:[!0-9-]*) clocks=$clocks$lf$line ;;
    /proc/mounts:*) mounts=$mounts$lf$line ;;
    /proc/swaps:Filename*) swaps=$line ;;
    /proc/swaps:*) swaps=$swaps$lf$line ;;
    /etc/systemd/coredump*:Storage=*|/etc/systemd/coredump*:ProcessSizeMax=*) cores=$cores$lf$line ;;
    /etc/systemd/journald*:Storage=*|/etc/systemd/journald*:SystemMaxUse=*|/etc/systemd/journald*:MaxRetentionSec=*) journal=$journal$lf$line ;;
    /etc/needrestart/*) needs=$needs$lf$line ;;
    /etc/environment*:*ERL_*|/etc/profile*:*ERL_*) line=${line%%=*} flags=$flags$lf${line##* } ;;
  esac
done
emit clocks "${clocks#?}"
emit kernel "$text"
# Only where the kernel has the setting: /proc/sys/net may be hidden as a whole.
if [ -r /proc/sys/net/ipv4/conf/lo/accept_redirects ]; then
  printf 'redirected=%.4096s\036' "$redirected"
fi
emit mounts "${mounts#?}"
emit swaps "$swaps"
emit flags "${flags#?}"
emit cores "${cores#?}"
emit journal "${journal#?}"
if [ -e /usr/sbin/needrestart ]; then printf 'needrestart=%.4096s\036' "${needs#?}"; else emit needrestart absent; fi
sticky='' newest=''
for line in $marks; do
  mode=${line%% *} text=${line#* } place=${line##* }
  case $place in
    /proc/self/) emit now "${text%% *}" ;;
    /tmp|/var/tmp) sticky="$sticky$lf$mode $place" ;;
    *) [ "${newest:-0}" -gt "${text%% *}" ] || newest=${text%% *} ;;
  esac
done
emit sticky "${sticky#?}"
emit packages "$newest"
found=''
for line in $disks; do
  case $line in *[0-9]*/*) case $found$lf in *"$lf$line$lf"*) ;; *) found=$found$lf$line ;; esac ;; esac
done
emit disks "${found#?}"
unset IFS
set +f
if [ -e /run/systemd/timesync/synchronized ]; then emit synchronized yes; else emit synchronized no; fi
if [ -e /run/reboot-required ]; then emit reboot yes; else emit reboot no; fi
lists=no
for file in /var/lib/apt/lists/*_*; do [ ! -e "$file" ] || lists=yes; break; done
[ ! -r /var/lib/apt/lists ] || emit lists "$lists"
# A dry run as nobody, who can write neither cache nor log: what waits, one a line.
if [ -n "$deep" ] && command -v apt-get >/dev/null; then
  set --
  [ "$own_uid" != 0 ] || set -- setpriv --reuid=65534 --regid=65534 --clear-groups --no-new-privs
  if waits=$(timeout -k 1 30 "$@" apt-get -s -o Debug::NoLocking=true \
    -o Dir::Log::Planner=/dev/null -o Dir::Log::Solver=/dev/null upgrade 2>/dev/null); then
    emit pending "$(printf '%s\n' "$waits" | sed -n 's/^Inst \([^ ]*\) .*-[Ss]ecurity.*/\1/p' | head -c 4096)"
  fi
fi
if [ -d /var/log/journal ]; then emit kept yes; else emit kept no; fi
# Whoever is not root may not look there, and find says so.
kept=''
for place in /run/deployer /var/lib/deployer; do
  [ "$own_uid" = 0 ] || [ ! -d "$place" ] || kept=yes
  for file in "$place"/holder "$place"/pending* "$place"/*/holder "$place"/*/pending* "$place"/notified/*; do
    [ ! -e "$file" ] || kept=yes
  done
done
if [ -n "$kept" ]; then
  if left=$(find /run/deployer /var/lib/deployer -maxdepth 2 -mmin +60 \( -name holder -o -path '*/notified/*' -o -name 'pending*' \) 2>/dev/null) ||
    [ "$own_uid" = 0 ]; then emit left "$left"; fi
else emit left ''; fi
