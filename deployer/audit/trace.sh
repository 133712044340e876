# When what has drifted was changed, and what the host knows of that moment. Read only where something has drifted.
# Above: set -- PATH…, units, record (the history of a release, or nothing). Of a command of sudo only the program leaves
# the host, and which of these paths it names: its other arguments may be secrets. Whoever is not root can write to the
# journal under any name, so only what root's processes said there is read.
# shellcheck disable=SC2154  # units and record are set above; lf is the prelude's
marks=$(stat --printf '%n\0%Y %Z %U\0' -- "$@" 2>/dev/null | tr '\0\n\036' '\n??')
# A release is as old as what in it was changed last: its own directory tells nothing of a file deep in it.
for path; do
  case $path in "${record%/ledger/history}"/versions/*) ;; *) continue ;; esac
  if [ -z "$record" ] || [ -L "$path" ] || [ ! -d "$path" ]; then continue; fi
  newest=$(timeout -k 1 5 find "$path" -xdev \( -path "$path/tmp" -o -path "$path/log" \) -prune -o -printf '%C@ %T@ %u\n' 2>/dev/null |
    sort -rn | head -n 1) || continue
  rest=${newest#* }
  marks=$marks$lf$path$lf${rest%%.*}\ ${newest%%.*}\ ${rest#* }
done
above=''
for path; do
  if [ -e "$path" ] || [ -L "$path" ]; then continue; fi
  place=${path%/*}
  while [ -n "$place" ] && [ ! -d "$place" ]; do place=${place%/*}; done
  above="$above$path$lf$(stat -c '%Y %Z %U' -- "${place:-/}" 2>/dev/null || :)$lf"
done
emit marks "$marks"
emit above "$above"
emit clock "$(date '+%s %z')"
read -r uptime _ </proc/uptime
emit uptime "${uptime%.*}"
changed=''
# shellcheck disable=SC2086
[ -z "$units" ] || changed=$(systemctl show -p Id,StateChangeTimestampMonotonic -- $units 2>/dev/null || :)
emit units "$changed"

# shellcheck disable=SC2086,SC2046  # words are split at newlines alone, and no glob is looked for
{
set -f
now=$(date +%s)
IFS=$lf
moments=''
for line in $marks $above $changed; do
  case $line in
    StateChangeTimestampMonotonic=[1-9]*) line=$((now - ${uptime%.*} + ${line#*=} / 1000000)) ;;
    [1-9]*\ [1-9]*\ *) line=${line#* } line=${line%% *} ;;
    *) continue ;;
  esac
  case $moments$lf in *"$lf$line$lf"*) ;; *) moments=$moments$lf$line ;; esac
done
said='' count=0
for moment in $moments; do
  count=$((count + 1))
  [ "$count" -le 8 ] || break
  said=$said$lf$(journalctl -q --no-pager -o short-unix -n 200 --since "@$((moment - 900))" --until "@$((moment + 5))" _UID=0 \
    SYSLOG_IDENTIFIER=sudo SYSLOG_IDENTIFIER=su SYSLOG_IDENTIFIER=sshd SYSLOG_IDENTIFIER=sshd-session SYSLOG_IDENTIFIER=deployer \
    2>/dev/null || :)
done
heard=''
for line in $said; do
  time=${line%%.*} message=${line#*: }
  while [ "$message" != "${message# }" ]; do message=${message# }; done
  case $line in
    *' sudo['*' COMMAND='*)
      command=${message#* COMMAND=} from=${message#* PWD=} from=${from%% ;*} named=''
      for path; do
        case " $command " in *" $path "*) named="$named $path"; continue ;; esac
        [ "$from" = "${path%/*}" ] || continue
        case " $command " in *" ${path##*/} "*) named="$named $path" ;; esac
      done
      heard="$heard$lf$time sudo ${message%% *} ${command%% *}$named" ;;
    *': Accepted '*' for '*) who=${message#* for } heard="$heard$lf$time login ${who%% *} ssh" ;;
    *' su['*': (to '*) who=${message#*) } heard="$heard$lf$time su ${who%% *} su" ;;
    *' deployer['*' ('*) heard="$heard$lf$time deployer ${message%% *} deployer" ;;
  esac
done
printf 'heard=%.32768s\036' "${heard#?}"
set +f
unset IFS
}
if [ "$(id -u)" = 0 ]; then emit root yes; fi

set -- "$@" /nowhere
for path; do set -- "$@" -e "$path"; shift; done
emit packages "$(grep -HxF "$@" /var/lib/dpkg/info/*.list 2>/dev/null | head -c 16384 || :)"
emit dpkg "$(grep -hsE '^[0-9-]+ [0-9:]+ (install|upgrade|remove|purge) ' /var/log/dpkg.log.1 /var/log/dpkg.log | tail -n 500 | head -c 65536)"
[ ! -f "$record" ] || [ ! -r "$record" ] || emit record "$(tail -n 50 -- "$record" | tr '\036' '?' | head -c 16384)"
