libraries() {
  cache=$(ldconfig -p 2>/dev/null || :)
  for need in "$@"; do
    library=${need%% *}
    wanted=${need#"$library"}
    {
      printf '%s\n' "$cache" | grep -F "	$library (" || :
      # A library may lie where the loader looks by itself and be in no cache.
      for place in /lib/*-linux-gnu /usr/lib/*-linux-gnu /lib64 /usr/lib64 /lib /usr/lib; do
        [ ! -e "$place/$library" ] || printf '\t%s () => %s\n' "$library" "$place/$library"
      done
    } | while read -r line; do
      path=${line##* => }
      kind=${line#*\(}
      has='?'
      # A version's name stands alone in the table of strings, between two NULs.
      if [ -z "$wanted" ]; then has=
      elif [ -r "$path" ]; then
        has=$(printf '%s\n' "${wanted# }" | tr ' ' '\n' |
          { grep -a -z -o -x -F -f - -- "$path" || [ "$?" -eq 1 ] || printf '?\000'; } | tr '\000' ' ')
      fi
      printf '%s|%s|%s|%s\n' "$library" "${kind%%)*}" "$path" "$has"
    done
  done
  [ -n "$cache" ] || echo 'nothing'
}
