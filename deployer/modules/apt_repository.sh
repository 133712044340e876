# One line of apt's sources. Given: repo (the line), list (a new line's file), mode, refresh (how often again; empty: never).
# shellcheck shell=sh disable=SC2154

# plain LINE: leave in $plain the line without its comment and with one blank between words.
plain() {
  set -f
  # shellcheck disable=SC2086 # words of a line
  set -- ${1%%#*}
  set +f
  plain=$*
}

# holders LINE: leave in $held, one a line, the files that have it, and print them.
holders() {
  held=''
  for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
    [ -f "$file" ] || continue
    readable "$file"
    while IFS= read -r one || [ -n "$one" ]; do
      plain "$one"
      [ "$plain" != "$1" ] || { held="$held${held:+$lf}$file"; break; }
    done <"$file"
  done
  printf '%s' "$held"
}

# ended FILE: print the newline that its last line lacks.
ended() { [ -z "$(tail -c 1 -- "$1")" ] || echo; }

# refreshed: get the lists of packages anew; what is refused of them is an error, though apt only warns of some of it.
refreshed() {
  [ -n "$refresh" ] || return 0
  DEBIAN_FRONTEND=noninteractive apt-get -y -o DPkg::Lock::Timeout=120 -o "Acquire::Retries=$refresh" \
    -o APT::Update::Error-Mode=any update
}

# replaced FILE: put $blobs/new in its place, and go back to what was there where the lists cannot be refreshed. Not to be tested
# with ||, which would switch off set -e inside of it.
replaced() {
  rm -f -- "$blobs/old"
  if [ -f "$1" ]; then cat -- "$1" >"$blobs/old"; fi
  if [ -s "$blobs/new" ] || [ "$1" = /etc/apt/sources.list ]; then
    draft "$blobs/new" "$1" "$mode" '' ''
    settle "$1"
  else
    rm -f -- "$1"
  fi
  ! refreshed || return 0
  if [ -f "$blobs/old" ]; then
    draft "$blobs/old" "$1" '' '' ''
    settle "$1"
  else
    rm -f -- "$1"
  fi
  echo "apt-get update failed; $1 has its old content again"
  exit 1
}

put_in() {
  holders "$repo" >/dev/null
  [ -z "$held" ] || return 0
  [ ! -f "$list" ] || mode=''
  { if [ -f "$list" ]; then cat -- "$list"; ended "$list"; fi; printf '%s\n' "$repo"; } >"$blobs/new"
  replaced "$list"
}

take_out() {
  mode=''
  holders "$repo" >"$blobs/holders"
  while IFS= read -r file || [ -n "$file" ]; do
    while IFS= read -r one || [ -n "$one" ]; do
      plain "$one"
      [ "$plain" = "$repo" ] || printf '%s\n' "$one"
    done <"$file" >"$blobs/new"
    replaced "$file"
  done <"$blobs/holders"
}
