# Runs the migration of a release on its host, once, and records the result; "$@" are the arguments of NODE-ctl.
# Given: root id node unit what timeout; the functions of the record; of the prelude $blobs, $run, say and full.
# shellcheck shell=sh disable=SC2154
note=$root/ledger/migrated/$id
place=$root/ledger/migrations
log=$place/$id.log
ctl=/usr/local/bin/$node-ctl

# ended WHY: record why it failed, and show the last lines of its output.
ended() {
  remember migrate "$id" "failed: $what: $1" || full "$root"
  rm -f -- "$place/now" "$place/halt"
  echo "$1"
  tail -n 20 -- "$log"
  exit 1
}

# hand_on: send the output since the last call; an empty text is a sign of life.
hand_on() {
  size=$(wc -c <"$log")
  text=$(tail -c "+$((at + 1))" -- "$log" 2>/dev/null | head -c "$((size - at))"; printf .)
  at=$size
  say "${text%.}"
}

seconds() { read -r now _ </proc/uptime; echo "${now%.*}"; }

prepare() {
  mkdir -p -- "${note%/*}" "$place" && : >"$log" && rm -f -- "$place/halt" || return 1
  remember migrate "$id" "began: $what" && inscribe "$place/now" "$run"
}

if [ -e "$note" ]; then echo "it has run here already"; exit 3; fi
case $(systemctl show -p ActiveState --value -- "$unit") in
  inactive | failed) ;;
  *)
    echo "$unit still runs here, from a deploy that was killed. It ends by itself, or with: systemctl stop $unit"
    exit 5
    ;;
esac
[ -x "$ctl" ] || { echo "$ctl does not exist: the role node writes it"; exit 1; }
prepare || { full "$root"; exit 1; }
begin=$(seconds) at=0
# A million bytes of its output are kept; the rest is read and dropped. (head would buffer instead of cat.)
{
  code=0
  "$ctl" --release "$id" --timeout "$timeout" --unit "$unit" "$@" </dev/null 2>&1 || code=$?
  echo "$code" >"$blobs/code"
} 6>&- | { (ulimit -f 2000; cat >"$log") || :; cat >/dev/null; } 2>/dev/null 6>&- &
while kill -0 "$!" 2>/dev/null; do
  hand_on
  sleep 0.3
done
hand_on
took=$(($(seconds) - begin)) code=$(cat -- "$blobs/code" || echo 1)
[ ! -e "$place/halt" ] || ended "it was stopped after $took s"
[ "$code" -ne 124 ] || [ "$took" -lt "$timeout" ] || ended "it did not end in $timeout s, its deadline"
[ "$code" -eq 0 ] || ended "failed with status $code"
remember migrate "$id" "done in $took s: $what" || { full "$root"; ended "it has run, and that could not be noted"; }
inscribe "$note" "$number"
sync -- "$note"
rm -f -- "$place/now"
