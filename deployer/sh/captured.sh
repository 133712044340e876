# Runs text with its streams in files, and tells its status and both of them, each up to $most bytes.
# Given: captured_text (a function), most.
# shellcheck shell=sh disable=SC2154
caught=$(mktemp -d)
trap 'rm -rf -- "$caught"' EXIT
set +e
( set -eu; captured_text ) >"$caught/out" 2>"$caught/err" </dev/null
rc=$?
set -e
printf 'rc=%s\036stdout=%s\036stderr=%s\036' "$rc" "$(head -c "$most" "$caught/out" | base64 -w 0)" \
  "$(head -c "$most" "$caught/err" | base64 -w 0)"
