# The machine around the nodes: kernel, mounts, disks, clock, logs. Files of /proc and /etc alone, no program that asks a bus.
kind=$(cat /run/systemd/container 2>/dev/null || :)
emit container "$kind"
# One reading each: some of these files give nothing to whoever reads on in them, as dash does byte by byte.
set -- fs/suid_dumpable fs/protected_symlinks fs/protected_hardlinks fs/protected_fifos fs/protected_regular \
  kernel/randomize_va_space kernel/yama/ptrace_scope kernel/dmesg_restrict kernel/kptr_restrict \
  kernel/unprivileged_bpf_disabled kernel/core_pattern net/core/somaxconn net/netfilter/nf_conntrack_max \
  net/netfilter/nf_conntrack_count net/ipv4/tcp_syncookies net/ipv4/conf/all/accept_redirects \
  net/ipv4/conf/all/accept_source_route net/ipv6/conf/all/accept_redirects net/ipv4/ip_forward
emit kernel "$(cd /proc/sys && { grep -s '' "$@" | sed 's/:/=/'; for key; do [ -e "$key" ] || echo "$key=absent"; done; })"
emit mounts "$(grep -E '^[^ ]+ (/proc|/tmp|/var/tmp|/dev/shm) ' /proc/mounts)"
emit sticky "$(stat -c '%a %n' /tmp /var/tmp)"
emit swaps "$(cat /proc/swaps 2>/dev/null || echo hidden)"
emit disks "$(df --output=size,avail,itotal,iavail,target -B1 -- / /var /var/log /tmp 2>/dev/null | tail -n +2 | sort -u)"
emit clocks "$(grep -hxsE 'chronyd|ntpd|openntpd|systemd-timesyn|ntpsec' /proc/[0-9]*/comm | sort -u)"
if [ -e /run/systemd/timesync/synchronized ]; then emit synchronized yes; else emit synchronized no; fi
if [ -e /run/reboot-required ]; then emit reboot yes; else emit reboot no; fi
emit now "$(date +%s)"
emit packages "$(stat -c %Y /var/lib/apt/periodic/update-success-stamp /var/lib/apt/lists/partial 2>/dev/null | sort -n | tail -n 1)"
emit flags "$(grep -hsE '^ *(export +)?(ERL_[A-Z]*FLAGS|ELIXIR_ERL_OPTIONS)=' /etc/environment /etc/environment.d/*.conf \
  /etc/profile /etc/profile.d/*.sh | sed 's/=.*//' | sort -u)"
emit cores "$(cat /etc/systemd/coredump.conf /etc/systemd/coredump.conf.d/*.conf 2>/dev/null |
  grep -E '^(Storage|ProcessSizeMax)=' || :)"
emit journal "$(cat /etc/systemd/journald.conf /etc/systemd/journald.conf.d/*.conf 2>/dev/null |
  grep -E '^(Storage|SystemMaxUse|MaxRetentionSec)=' || :)"
if [ -d /var/log/journal ]; then emit kept yes; else emit kept no; fi
if [ -e /usr/sbin/needrestart ]; then
  emit needrestart "$(grep -hsE 'override_rc|\$nrconf\{restart\}' /etc/needrestart/needrestart.conf /etc/needrestart/conf.d/* |
    grep -v '^ *#' | head -c 4096 || :)"
else emit needrestart absent; fi
if [ -d /run/deployer ] || [ -d /var/lib/deployer ]; then
  if left=$(find /run/deployer /var/lib/deployer -maxdepth 2 -mmin +60 \( -name holder -o -path '*/notified/*' -o -name 'pending*' \) 2>/dev/null) ||
    [ "$(id -u)" = 0 ]; then emit left "$left"; fi
else emit left ''; fi
