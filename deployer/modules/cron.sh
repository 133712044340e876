# A crontab. Given: user (whose; empty: of whoever this runs as), file (one of /etc/cron.d instead, or empty), keeps.
# shellcheck shell=sh disable=SC2154

if [ -z "$file" ]; then
  command -v crontab >/dev/null || unknown "cron is not installed yet"
  uid=$own_uid
  [ -z "$user" ] || uid=$(id -u "$user" 2>/dev/null) || unknown "the user $user does not exist yet"
  [ "$uid" -ne "$own_uid" ] || user=''  # who is not root may not name himself
elif [ -e "$file" ]; then readable "$file"
else hidden "$file"; fi

# old_text LIMIT: print it; nothing where there is none.
old_text() {
  if [ -n "$file" ]; then
    taste "$file" "$1"
    return 0
  fi
  # 1 says that the user has none; so it does of other mishaps, but writing would meet them again.
  crontab ${user:+-u "$user"} -l 2>/dev/null | head -c "$1" || :
}

# new_text FILE: put it in place.
new_text() {
  if [ -z "$file" ]; then
    crontab ${user:+-u "$user"} - <"$1"
    return 0
  fi
  [ -z "$keeps" ] || keep "$file"
  if [ -s "$1" ]; then
    draft "$1" "$file" '' '' ''
    settle "$file"
  else
    inside "${file%/*}"
    rm -f -- "/proc/self/fd/5/${file##*/}"
    exec 5<&-
  fi
}
