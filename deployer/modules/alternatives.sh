# An alternative. Given: name, path, link and priority (or empty), wanted (its state), keeps.
# shellcheck shell=sh disable=SC2154
command -v update-alternatives >/dev/null || { echo "this host has no update-alternatives"; exit 1; }

# alternatives_seen: emit what there is of the name.
alternatives_seen() {
  [ "$wanted" = absent ] || [ -e "$path" ] || unknown "$path is not there yet"
  told=$(update-alternatives --query "$name" 2>/dev/null) || told=
  emit told "$told"
}

# alternative_known WORD…: make it known, with the name's own link, and the alternative's own priority and, with keeps, what
# follows it, where none is given.
alternative_known() {
  at='' links=$lf
  while IFS= read -r line; do
    case $line in
      'Link: '*) link=${link:-${line#* }} ;;
      'Alternative: '*) at=${line#* } ;;
      'Priority: '*) if [ "$at" = "$path" ]; then priority=${priority:-${line#* }}; fi ;;
      ' '*)
        line=${line# }
        follower=${line%% *}
        if [ -z "$at" ]; then links=$links$line$lf
        elif [ "$at" = "$path" ] && [ -n "$keeps" ]; then
          its=${links#*"$lf$follower "}
          set -- "$@" --slave "${its%%"$lf"*}" "$follower" "${line#* }"
        fi ;;
    esac
  done <<QUERY
$(update-alternatives --query "$name" 2>/dev/null || :)
QUERY
  update-alternatives --install "$link" "$name" "$path" "${priority:-50}" "$@"
}
