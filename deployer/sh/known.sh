# What is as declared is told without asking: one stat and one sha256sum for all files of a host's tasks. What is otherwise,
# or lies where others than root may write (they could put a link or a FIFO in its place), is asked by its own fragment.
rows='' sums='' secrets='' row_end='
'

# places_read PATH...: one stat of all.
places_read() { rows=$row_end$(stat --printf '%F|%U:%u:%G:%g:%a|%s|%n\n' -- "$@" 2>/dev/null)$row_end; }

# place PATH: leave its kind, owners and mode, and size in $kind, $owners and $size; fail where nothing is known of it.
# A loop, for to cut a line out of a long text costs dash the square of its length.
place() {
  row=''
  set -f
  IFS=$row_end
  for row in $rows; do
    case $row in *"|$1") break ;; esac
    row=''
  done
  unset IFS
  set +f
  [ -n "$row" ] || return 1
  row=${row%"|$1"}
  kind=${row%%"|"*} size=${row##*"|"}
  owners=${row#*"|"}
  owners=${owners%"|"*}
}

# roots_own PATH: none but root can change what any part of the way to it leads to. What was found so of a directory counts for
# all that is in it; no name that is read here has a line break.
firm_ways=$row_end
roots_own() {
  case $firm_ways in *"$row_end${1%/*}/$row_end"*) return 0 ;; esac
  part=$1
  while [ "${part%/*}" != "$part" ]; do
    part=${part%/*}
    case $firm_ways in *"$row_end$part/$row_end"*) break ;; esac
    place "${part:-/}" || return 1
    case $kind:$owners in
      'symbolic link:root:0:'*) ;;
      directory:root:0:*[2367]?|directory:root:0:*[2367]) return 1 ;;
      directory:root:0:*) ;;
      *) return 1 ;;
    esac
  done
  firm_ways=$firm_ways${1%/*}/$row_end
}

# sums_read PATH SIZE...: one sha256sum of those that are regular files of that size; SIZE may be - for any that is small.
sums_read() {
  left=$#
  while [ "$left" -gt 0 ]; do
    if roots_own "$1" && place "$1" && [ -r "$1" ]; then
      case $kind:$2:$size in
        "regular file:$size:$size") set -- "$@" "$1" ;;
        'regular file:-:'*) [ "$size" -gt 131072 ] || set -- "$@" "$1" ;;
      esac
    fi
    shift 2
    left=$((left - 2))
  done
  [ "$#" -eq 0 ] || sums=$row_end$(sha256sum -- "$@" 2>/dev/null)$row_end
}

# known INDEX PATH DIGEST REACHED: answer a probe where the file has that digest, or, without one, where a directory is; fail
# where it has to be asked. REACHED is the path that leads to the file through its generation, where it has one.
known() {
  if [ -n "$4" ]; then place "$4" && [ "$kind" = 'symbolic link' ] || return 1; fi
  place "$2" || return 1
  case ${3:+file}:$kind in
    ':directory')
      printf '%s %s 0 %s\ntype=directory\036at=%s\036' "$marker" "$1" "$((${#owners} + 19))" "$owners" ;;
    'file:regular file')
      case $sums in *"$row_end$3  $2$row_end"*) ;; *) return 1 ;; esac
      printf '%s %s 0 %s\ntype=file\036at=%s\036sha=%s\036' "$marker" "$1" "$((${#owners} + ${#3} + 19))" "$owners" "$3" ;;
    *) return 1 ;;
  esac
}

# secrets_read DIGEST PATH SALT...: say in $secrets whether files that are nobody's business hold what they should. DIGEST is
# of the salts and of the digests that they should have, so that it tells nothing of any of them.
secrets_read() {
  should=$1 said=''
  shift
  while [ "$#" -gt 0 ]; do
    case $sums in *"  $1$row_end"*) ;; *) return 0 ;; esac
    sum=${sums%%"  $1$row_end"*}
    said=$said${said:+$row_end}$2${sum##*"$row_end"}
    shift 2
  done
  sum=$(sha256sum <<END
$said
END
)
  [ "${sum%% *}" != "$should" ] || secrets=same
}

# known_secret INDEX PATH REACHED SAID: SAID is told of such a file where all of them do.
known_secret() {
  if [ -n "$3" ]; then place "$3" && [ "$kind" = 'symbolic link' ] || return 1; fi
  place "$2" && [ "$kind" = 'regular file' ] || return 1
  [ "$secrets" = same ] || return 1
  mode=${owners##*:} whose=${owners%:*:*}
  whose=${whose%%:*}:${whose##*:}
  printf '%s %s 0 %s\ntype=regular file\036mode=%s\036owner=%s\036%s\036' \
    "$marker" "$1" "$((${#mode} + ${#whose} + ${#4} + 32))" "$mode" "$whose" "$4"
}
