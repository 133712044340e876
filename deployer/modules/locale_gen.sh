# Locales of glibc. Given: wanted (present or absent), names (with blanks between).
# shellcheck shell=sh disable=SC2154
file=/etc/locale.gen
[ -e "$file" ] || unknown "$file is not there yet: the package locales has it"
supported=/usr/share/i18n/SUPPORTED

# locales_seen: emit what there is, and which of the names nobody knows.
locales_seen() {
  emit found "$(locale -a)"
  unheard=''
  for name in $names; do
    grep -qs -- "^$name " "$supported" || unheard="$unheard $name"
  done
  emit unheard "$unheard"
}

# locales_written NAME…: put their lines in force or out of it; those that have none get the one of SUPPORTED.
locales_written() {
  missing=" $* "
  while IFS= read -r line || [ -n "$line" ]; do
    bare=${line#\#}
    while [ "$bare" != "${bare#[[:blank:]]}" ]; do bare=${bare#[[:blank:]]}; done
    for name; do
      case $bare in
        "$name "*)
          missing="${missing%%" $name "*} ${missing#*" $name "}"
          if [ "$wanted" = present ]; then line=$bare; else line="# $bare"; fi
          ;;
      esac
    done
    printf '%s\n' "$line"
  done <"$file" >"$blobs/locales"
  if [ "$wanted" = present ]; then
    for name in $missing; do grep -- "^$name " "$supported" >>"$blobs/locales"; done
  fi
  draft "$blobs/locales" "$file" '' '' ''
  settle "$file"
}
