# Where several crash dumps stay, the last one has a number since the node runs again.
# Given: dump. It is left as the one to read.
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
