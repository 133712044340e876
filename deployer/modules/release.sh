if cd -P -- "$root" 2>/dev/null; then emit root "$PWD"; cd /; else emit root "$(realpath -m -- "$root")"; fi
insecure "$@"
emit insecure "$odd"
if [ -n "$rows" ] && place "$root" && [ "$kind" = d ]; then
  case $owners in *[1357]) closed='' ;; *) closed=$root ;; esac
else closed=$(find "$root" -maxdepth 0 ! -perm -001 2>/dev/null) || :; fi
emit closed "$closed"
if [ -d "$root" ] && [ ! -d "$root/versions" ]; then
  emit others "$(find "$root" -mindepth 1 -maxdepth 1 ! -name lost+found | head -n 3)"
fi
if [ -f "$release/.complete" ]; then
  slurp "$release/.complete"
  emit complete "$text"
  printf 'tree='
  tree "$release"
  printf '\036'
else
  [ ! -f "$home/part.$sha256" ] || emit sent "$(wc -c <"$home/part.$sha256")"
fi
