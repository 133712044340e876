# What is waited for. Given: of (a host), port, hex (the same, four digits), here (the host is this one), file, regex, seconds (for
# a connection); port or file is empty.
# shellcheck shell=sh disable=SC2154

is_there() {
  if [ -n "$file" ]; then
    [ -e "$file" ] || return 1
    [ -z "$regex" ] || taste "$file" 16777216 | grep -qE -- "$regex"
    return
  fi
  if [ -n "$here" ]; then
    # shellcheck disable=SC2034 # of the prelude: what it has read before counts no more
    net=''
    heard_at "$hex"
    [ -n "$heard" ]
    return
  fi
  command -v bash >/dev/null || { echo "trying a port of another host needs bash"; exit 1; }
  # shellcheck disable=SC2016
  timeout "$seconds" bash -c 'exec 3<>"/dev/tcp/$0/$1"' "$of" "$port" 2>/dev/null
}

# wait_until WHAT SECONDS PAUSE DELAY MESSAGE: WHAT is there or absent.
wait_until() {
  [ "$4" -eq 0 ] || sleep "$4"
  read -r began _ </proc/uptime
  left=$(($2 / $3 + 1))
  while :; do
    if is_there; then now=there; else now=absent; fi
    [ "$now" != "$1" ] || return 0
    read -r clock _ </proc/uptime
    left=$((left - 1))
    if [ "$left" -le 0 ] || [ $((${clock%.*} - ${began%.*})) -ge "$2" ]; then echo "$5"; exit 1; fi
    sleep "$3"
  done
}
