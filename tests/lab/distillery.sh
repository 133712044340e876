#!/bin/sh
# What distillery puts into bin/NAME, as far as a host sees it: name and cookie in vm.args, `start` behind run_erl,
# `foreground` for a unit.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
read -r erts version <"$root/releases/start_erl.data" || :
export ROOTDIR="$root" BINDIR="$root/erts-$erts/bin" EMU=beam PROGNAME=erl HOME="$root"
export RELEASE_ROOT="$root" RELEASE_NAME=demo RELEASE_VSN="$version" RELEASE_SYS_CONFIG="$root/var/sys"
mkdir -p "$root/var/log"
cp "$root/releases/$version/sys.config" "$root/var/sys.config"
boot="-boot $root/releases/$version/start -boot_var RELEASE_LIB $root/lib -config $root/var/sys"
flags="+Bd $boot -args_file $root/releases/$version/vm.args -mode embedded"
node() { pgrep -u "$(id -u)" -f "^$root/erts.*beam.smp"; }
# shellcheck disable=SC2086
case $1 in
  foreground) exec "$BINDIR/erlexec" -noshell -noinput $flags ;;
  start) exec "$BINDIR/run_erl" -daemon "$root/var/" "$root/var/log" "exec $BINDIR/erlexec $flags" ;;
  stop)
    kill "$(node)"
    while node >/dev/null; do sleep 0.2; done ;;
esac
