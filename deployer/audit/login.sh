# Who may log in and how: what sshd itself says, its keys, who is let in by key, and who becomes root without a word.
# shellcheck disable=SC2154  # lf is the prelude's
# It starts itself again, and wants to be called by its whole path.
daemon=''
for file in /usr/local/sbin/sshd /usr/local/bin/sshd /usr/sbin/sshd /usr/bin/sshd /sbin/sshd /bin/sshd; do
  if [ -x "$file" ]; then daemon=$file; break; fi
done
if [ -z "$daemon" ]; then emit sshd absent
elif said=$("$daemon" -T 2>/dev/null); then printf 'sshd=%.16384s\036' "$said"; fi
# What it was started with wins over its files, and -T tells nothing of it.
started=''
{ read -r pid </run/sshd.pid && read -r started <"/proc/${pid:-0}/cmdline"; } 2>/dev/null || :
emit sshd_line "$started"
accounts=$(getent passwd) || :
words='match|include|permitrootlogin|(password|kbdinteractive|challengeresponse|hostbased)authentication|permit(userenvironment|emptypasswords|tunnel)'
words=$words'|authenticationmethods|authorizedkeys(file|command)|trustedusercakeys|(x11|allowagent|disable)forwarding|gatewayports|max(authtries|sessions)'
words="^[[:space:]]*($words)[[:space:]=]"
# Of shadow only lines without a password are kept, and of those the name.
words=$words'|^[^:]+::|NOPASSWD|^[[:space:]]*(Defaults.*!(syslog|log_allowed|authenticate)|Cmnd_Alias.*ALL|[#@]include)|^(ssh|ecdsa|sk)-'
told=$(grep -HsiE "$words" /etc/ssh/ssh_host_*_key.pub /etc/ssh/sshd_config /etc/ssh/sshd_config.d/*.conf \
  /etc/shadow /etc/passwd /etc/sudoers /etc/sudoers.d/*) || :
set -- /etc/ssh/ssh_host_*_key
set -f
IFS=$lf
public='' matched='' empty='' sudo='' quiet=''
for line in $told; do
  text=${line#*:}
  case ${line%%:*} in
    /etc/ssh/sshd_config*) matched=$matched$lf$line ;;
    /etc/ssh/*) public=$public$lf$text ;;
    /etc/shadow|/etc/passwd)
      name=${text%%:*}
      case $text in "$name"::*) empty=$empty$lf$name ;; esac ;;
    /etc/sudoers.d/*.*|*~) ;; # sudo leaves these out
    /etc/sudoers*)
      case $text in *Defaults*!syslog*|*Defaults*!log_allowed*) quiet=$quiet$lf$text ;; esac
      case $text in *NOPASSWD*|*!authenticate*|*Alias*|*[#@]include*) sudo=$sudo$lf$text ;; esac ;;
  esac
done
printf 'host_public=%.16384s\036' "${public#?}"
[ ! -r /etc/ssh/sshd_config ] || printf 'matched=%.16384s\036' "${matched#?}"
[ ! -r /etc/shadow ] || emit empty "${empty#?}"
if [ -r /etc/sudoers ] || [ ! -e /etc/sudoers ]; then
  printf 'sudo=%.4096s\036' "${sudo#?}"
  printf 'quiet=%.4096s\036' "${quiet#?}"
fi

# The accounts that a deploy or a node logs in as, and root.
short='' asked='' hidden=''
for line in $accounts; do
  name=${line%%:*} shell=${line##*:} id=${line#*:*:} id=${id%%:*}
  short=$short$lf$name:$id:$shell
  case $shell in */nologin|*/false) continue ;; esac
  house=${line%:*} house=${house##*:}
  case $house in /*) ;; *) continue ;; esac
  [ "$id" = 0 ] || [ "$id" -ge 1000 ] || [ -e "$house/.ssh" ] || { [ -e "$house" ] && [ ! -x "$house" ]; } || continue
  for file in "$house/.ssh/authorized_keys" "$house/.ssh/authorized_keys2" "$house/.ssh"; do
    asked=$asked$lf$name\ $file
    set -- "$@" "$file"
  done
  [ -x "$house" ] || [ ! -e "$house" ] || hidden="$hidden$lf$name hidden"
done
printf 'accounts=%.16384s\036' "${short#?}"
# Modes and owners of all of them at once, in the order in which they were asked for.
host='' keys=''
for line in $(stat -c '%a %U %n' -- "$@" 2>/dev/null); do
  path=${line#* * }
  case $path in /etc/ssh/ssh_host_*) host=$host$lf$line; continue ;; esac
  for one in $asked; do
    [ "${one#* }" != "$path" ] || keys="$keys$lf${one%% *} $line"
  done
done
emit host_keys "${host#?}"
keys=$keys$hidden
emit keys "${keys#?}"

# The public keys themselves, where the inventory says which are meant to be there; a home is another's directory.
[ -n "$keys_wanted" ] || return 0
letin=''
for one in $asked; do
  file=${one#* }
  case $file in */authorized_keys|*/authorized_keys2) ;; *) continue ;; esac
  if [ ! -e "$file" ] && [ ! -L "$file" ]; then continue; fi
  told=$(theirs "$file" 65536)
  [ -n "$told" ] || letin="$letin$lf${one%% *} hidden"
  for line in $told; do letin="$letin$lf${one%% *} $line"; done
done
emit letin "$(printf '%s' "${letin#?}" | tr -d '\036')"
