# What a host holds that a playbook may have left: files with their bytes, accounts, packages, units, jobs, settings.
# What is each host's own (its name, keys, days and numbers that count up) is left out. Body pure: every line only reads.
export LC_ALL=C
cd /
own='-path etc/ssh -o -path etc/systemd/network -o -name machine-id -o -name hostname -o -name machine-info -o -name .pwd.lock -o -name *-'
own="$own -o -name ld.so.cache -o -name resolv.conf"
set -f # the pattern is find's
find srv/small etc usr/local -xdev \( $own \) -prune -o -printf '%p %y %m %u %g %l\n' | sort
find srv/small etc usr/local -xdev \( $own -o -name shadow -o -name gshadow \) -prune -o -type f -print0 | sort -z | xargs -0 sha256sum
set +f
find srv/small -type f -size -8 | sort | while read -r file; do echo "== $file"; base64 -w 0 "$file"; echo; done
for file in var/spool/cron/crontabs/*; do [ ! -f "$file" ] || { echo "== $file"; grep -v '^# ' "$file"; }; done
cut -d : -f 1,2,4-8 etc/shadow | sort
dpkg-query -W -f '${Package} ${Version} ${Status}\n' | sort
systemctl list-unit-files --no-legend --no-pager | awk '{ print $1, $2 }' | sort
systemctl list-units --all --no-legend --no-pager --plain 'small*' | awk '{ print $1, $3, $4 }' | sort
sysctl -n net.ipv4.ip_forward net.ipv4.tcp_syncookies
