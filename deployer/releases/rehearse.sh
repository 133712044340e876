# What a release would start, asked of its own script in a unit like the node's, before anything is stopped.
# Given: user ctl id script node distribution flags environment seconds; "$@" are pairs: what decides, the words it has to give.
# ELIXIR_CLI_DRY_RUN prints the emulator's command line instead of starting it (Elixir 1.10 and newer). That line is shown
# nowhere, because a cookie in it is among what is looked for; and of complaints no line that may hold a secret.
# shellcheck shell=sh disable=SC2154

# told FILE: its last lines but for those that name a cookie or hold a value of the node's environment.
told() {
  sed -n 's/^[^=]*="\(.\{6,\}\)"$/\1/p' <"$environment" >"$blobs/values"
  tail -n 40 -- "$1" | grep -vi cookie | grep -vF -f "$blobs/values" | tail -n 10 || :
}

if [ -n "$user" ] && ! id -u -- "$user" >/dev/null 2>&1; then
  echo "$node would not start: this host has no user $user; site.yml creates it, and everything else that a node needs"
  exit 1
fi
case $script in
  *.start) look='check vm.args and sys.config of the release' ;;
  *) look='check releases/VERSION/env.sh of the release' ;;
esac
status=0
NODE_FILES=next "$ctl" --release "$id" --timeout "$seconds" --unit "$unit" run \
  /usr/bin/env RELEASE_DISTRIBUTION="$distribution" RELEASE_VM_ARGS="$flags" ELIXIR_CLI_DRY_RUN=1 "$script" start \
  >"$blobs/line" 2>"$blobs/complaint" </dev/null || status=$?
said=$(tr '\n\t\0' '   ' <"$blobs/line")
case $said in
  *beam* | */erl\ * | */erlexec\ *) ;;
  *)
    [ "$status" -ne 0 ] || [ -s "$blobs/complaint" ] || exit 0 # it cannot tell
    case $status in
      0) echo "$node would not start: its start script prints this, and does not reach the emulator" ;;
      124) echo "$node would not start: its start script did not reach the emulator within $seconds s" ;;
      *) echo "$node would not start: its start script ends with status $status before it reaches the emulator" ;;
    esac
    told "$blobs/complaint"
    case $(tail -n 1 -- "$blobs/complaint") in
      "Failed to connect to "*bus*)
        echo "without D-Bus no unit can be made to try it in: install the package dbus on this host"
        exit 1
        ;;
    esac
    echo "$look; the start script runs with the node's user, limits and sandbox"
    exit 1
    ;;
esac
while [ $# -gt 1 ]; do
  case " $said " in
    *" $2 "*) ;;
    *)
      echo "$node would not start as declared: the release's start script does not pass $2"
      echo "$look: it must not set $1"
      exit 1
      ;;
  esac
  shift 2
done
