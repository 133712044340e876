if [ -e "$path" ] || [ -L "$path" ]; then
  if [ "$follow" = yes ] && [ -e "$path" ]; then at=$(readlink -f -- "$path"); else at=$path; fi
  emit at "$(stat -c '%f:%u:%g:%s:%h:%i:%d:%X:%Y:%Z:%U:%G' -- "$at")"
  if [ -L "$at" ]; then
    emit target "$(readlink -- "$at" | base64 -w 0)"
    emit source "$(readlink -f -- "$at" | base64 -w 0)"
  fi
  if [ -n "$kind" ] && [ -f "$at" ] && [ ! -L "$at" ] && [ -r "$at" ]; then
    sum=$("${kind}sum" <"$at")
    emit checksum "${sum%% *}"
  fi
  can=
  [ ! -r "$at" ] || can=r
  [ ! -w "$at" ] || can=${can}w
  [ ! -x "$at" ] || can=${can}x
  emit can "$can"
else
  hidden "$path"
fi
