# Runs a command with its streams in files, and prints its status and both streams, each up to $most bytes.
# Needs: captured_text (a function), most.
# shellcheck shell=sh disable=SC2154
caught=$(mktemp -d)
trap 'rm -rf -- "$caught"' EXIT
set +e
( set -eu; captured_text ) >"$caught/out" 2>"$caught/err" </dev/null
rc=$?
set -e
printf 'rc=%s\036stdout=%s\036stderr=%s\036' "$rc" "$(head -c "$most" "$caught/out" | base64 -w 0)" \
  "$(head -c "$most" "$caught/err" | base64 -w 0)"
