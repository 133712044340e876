# What is told of the environment file "$path": the text of each variable that is plain now, in $plain, and that the file's
# own first line says was plain when it was written; of every other one a salted digest. A variable ends where the next
# one begins: within a value every quote has a backslash before it, so that no line of it looks like a beginning.
name='' text='' count=0 was='' end='
' rs=$(printf '\036.')
rs=${rs%.}

tell() {
  [ -n "$text" ] || return 0
  count=$((count + 1))
  case $was in
    *" $name "*)
      case $plain in
        *" $name "*)
          case $text in *"$rs"*) ;; *) emit "p${count}_$name" "$text"; return 0 ;; esac ;;
      esac ;;
  esac
  sum=$(printf '%s%s' "$salt" "$text" | sha256sum)
  emit "h${count}_$name" "${sum%"${sum#????????????????}"}"
}

variables() {
  while [ -n "$end" ]; do
    IFS= read -r line || end=
    case $count$text$line in
      '0# plain: '*) was=" ${line#'# plain: '} "; continue ;;
    esac
    begins=${line%%=\"*}
    case $line in
      [A-Za-z_]*=\"*) case $begins in *[!A-Za-z0-9_]*) ;; *) tell; name=$begins text= ;; esac ;;
    esac
    text=$text$line$end
  done
  tell
}

whole() {
  IFS= read -r line || :
  case $line in '# plain: '*) ;; *) printf '%s\n' "$line" ;; esac
  cat
}
