# Answers probes of files that are as declared with one find and one sha256sum for all of them. A file that differs, or is in a
# directory that others than root can write (and replace it by a link or a FIFO), is probed by its own fragment.
# Needs: the prelude, processes.sh.
# shellcheck shell=sh disable=SC2154,SC2034
rows='' sums='' secrets='' walked=- row_end='
'

# places_read PATH...: run one find for all of them, and for programs and files of the processes in $opened_by. Links to names
# with a line break are left out. If the directory $walked contains a link, or a file of another user, there is a row WALKED/.
places_read() {
  for one in $opened_by; do set -- "$@" "/proc/$one/exe" "/proc/$one/fd"; done
  opened=$(find "$@" \( -path '/proc/[0-9]*' ! -lname "*$row_end*" \( -lname 'socket:*' -o -name exe \) -printf '%p %l\n' -o \
    -path "$walked/*" \( \( -type l -o ! -uid 0 ! -uid "$own_uid" \) -printf '%H/|\n' -o -true \) -o \
    ! -path '/proc/[0-9]*' \( -path "$walked" -o -prune \) ! -path "*$row_end*" ! -lname "*$row_end*" \
    -printf '%p|%y|%u:%U:%g:%G:%m|%s|%C@|%T@|%l\n' \) 2>/dev/null) || :
  opened=$row_end$opened$row_end
  rows=${opened%%"$row_end/proc/"*}$row_end
}

# place PATH: set $kind (d, f, l), $owners (and mode), $size, $changed, $written (times) and $target (of a link); fail if PATH was
# not read. It uses a loop, because in dash cutting a line out of a long text takes quadratic time.
place() {
  row=''
  set -f
  IFS=$row_end
  for row in $rows; do
    case $row in "$1|"*) break ;; esac
    row=''
  done
  unset IFS
  set +f
  [ -n "$row" ] || return 1
  row=${row#"$1|"}
  kind=${row%%"|"*} row=${row#*"|"}
  owners=${row%%"|"*} row=${row#*"|"}
  size=${row%%"|"*} row=${row#*"|"}
  changed=${row%%"|"*} row=${row#*"|"}
  written=${row%%"|"*} target=${row#*"|"}
}

# since MOMENT KIND PATH...: whether each path was read, is of that kind, and was last changed at that time or before.
since() {
  moment=$1 sought=$2
  shift 2
  for one; do
    place "$one" && [ "$kind" = "$sought" ] || return 1
    [ "${changed%.*}" -ge "${moment%.*}" ] || continue
    [ "${changed%.*}" -eq "${moment%.*}" ] && [ "1${changed#*.}" -le "1${moment#*.}" ] || return 1
  done
}

# roots_own PATH: whether only root can change PATH and each directory above it. A result for a directory is used for everything
# in it; no name that is read here has a line break.
firm_ways=$row_end
roots_own() {
  case $firm_ways in *"$row_end${1%/*}/$row_end"*) return 0 ;; esac
  part=$1
  while [ "${part%/*}" != "$part" ]; do
    part=${part%/*}
    case $firm_ways in *"$row_end$part/$row_end"*) break ;; esac
    place "${part:-/}" || return 1
    case $kind:$owners in
      l:root:0:*) ;;
      d:root:0:*[2367]?|d:root:0:*[2367]) return 1 ;;
      d:root:0:*) ;;
      *) return 1 ;;
    esac
  done
  firm_ways=$firm_ways${1%/*}/$row_end
}

# sums_read PATH SIZE...: run one sha256sum for those that are regular files of that size; SIZE - means any small size.
sums_read() {
  left=$#
  while [ "$left" -gt 0 ]; do
    if roots_own "$1" && place "$1" && [ -r "$1" ]; then
      case $kind:$2:$size in
        "f:$size:$size") set -- "$@" "$1" ;;
        f:-:*) [ "$size" -gt 131072 ] || set -- "$@" "$1" ;;
      esac
    fi
    shift 2
    left=$((left - 2))
  done
  [ "$#" -eq 0 ] || sums=$row_end$(sha256sum -- "$@" 2>/dev/null)$row_end
}

# named: whether owner and group of the place have names; without names, find and stat print different words.
named() {
  IFS=:
  # shellcheck disable=SC2086 # no name of a user has a blank or a star
  set -- $owners
  unset IFS
  [ "$1" != "$2" ] && [ "$3" != "$4" ]
}

# known INDEX PATH DIGEST REACHED: answer a probe if the file has that digest, or, without a digest, if PATH is a directory; fail
# if it has to be probed. REACHED is the path that leads to the file through its generation, if it has one.
known() {
  if [ -n "$4" ]; then place "$4" && [ "$kind" = l ] || return 1; fi
  place "$2" && named || return 1
  case ${3:+file}:$kind in
    :d)
      printf '%s %s 0 %s\ntype=directory\036at=%s\036' "$marker" "$1" "$((${#owners} + 19))" "$owners" ;;
    file:f)
      case $sums in *"$row_end$3  $2$row_end"*) ;; *) return 1 ;; esac
      printf '%s %s 0 %s\ntype=file\036at=%s\036sha=%s\036' "$marker" "$1" "$((${#owners} + ${#3} + 19))" "$owners" "$3" ;;
    *) return 1 ;;
  esac
}

# secrets_read DIGEST PATH SALT...: set $secrets if secret files have the declared content. DIGEST is one digest of all salts and
# of all expected digests, so that it reveals nothing about a single file.
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

# known_secret INDEX PATH REACHED SAID: answer SAID for such a file if all of them have the declared content.
known_secret() {
  if [ -n "$3" ]; then place "$3" && [ "$kind" = l ] || return 1; fi
  place "$2" && named && [ "$kind" = f ] || return 1
  [ "$secrets" = same ] || return 1
  mode=${owners##*:} whose=${owners%:*:*}
  whose=${whose%%:*}:${whose##*:}
  printf '%s %s 0 %s\ntype=regular file\036mode=%s\036owner=%s\036%s\036' \
    "$marker" "$1" "$((${#mode} + ${#whose} + ${#4} + 32))" "$mode" "$whose" "$4"
}
