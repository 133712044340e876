emit root "$(realpath -m -- "$root")"
insecure "$@"
emit insecure "$odd"
closed=$(find "$root" -maxdepth 0 ! -perm -001 2>/dev/null) || :
emit closed "$closed"
if [ -d "$root" ] && [ ! -d "$root/versions" ]; then
  emit others "$(find "$root" -mindepth 1 -maxdepth 1 ! -name lost+found | head -n 3)"
fi
if [ -f "$release/.complete" ]; then
  slurp "$release/.complete"
  emit complete "$text"
  emit tree "$(tree "$release")"
else
  [ ! -f "$home/part.$sha256" ] || emit sent "$(wc -c <"$home/part.$sha256")"
fi
