if command -v dpkg-query >/dev/null; then
  there() {
    answer=$(dpkg-query -W -f '${db:Status-Status} ${Version}' -- "${1%%=*}" 2>/dev/null) || return 1
    [ "${answer%% *}" = installed ] || return 1
    case $1 in *=*) set -- "${1%%=*}=${answer#* }" ;; esac
    found="$found$1 "
  }
elif command -v rpm >/dev/null; then
  there() { rpm -q --whatprovides -- "$1" >/dev/null 2>&1 && found="$found$1 "; }
elif command -v apk >/dev/null; then
  there() { apk info -e -- "$1" >/dev/null 2>&1 && found="$found$1 "; }
else
  echo "this host has none of the supported package managers: apt, dnf, apk"
  exit 1
fi
found=
for name in "$@"; do
  case $name in
    *=*) command -v dpkg-query >/dev/null || { echo "$name: only apt can install a given version"; exit 1; } ;;
  esac
  there "$name" || :
done
emit found "$found"
