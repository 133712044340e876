# If several crash dumps are kept, the last one has got a number, because the node runs again.
# Needs: dump. Sets it to the dump to read.
# shellcheck shell=sh disable=SC2154
if [ ! -f "$dump" ]; then
  for one in "$dump".[0-9]*; do
    case ${one##*.} in
      *[!0-9]*) ;;
      *) last=$one ;;
    esac
  done
  dump=${last:-$dump}
fi
