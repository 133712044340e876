# What surrounds one BEAM, whose variables nodes.sh has set: cookies, release, dumps, TLS. No cookie and no key leaves the host.
# shellcheck disable=SC2154,SC2034  # they are nodes.sh's, and the prelude's

# weak NAME VALUE: leave in $weak a cookie's length, how many characters are odd, how many differ, and whether it holds a known word.
weak() {
  strange=0 differ=0 known=no met='' ahead=$2
  while [ -n "$ahead" ]; do
    char=${ahead%"${ahead#?}"} ahead=${ahead#?}
    case $char in [A-Za-z0-9_.+/=@%:-]) ;; *) strange=$((strange + 1)) ;; esac
    case $met in *"$char"*) ;; *) met=$met$char differ=$((differ + 1)) ;; esac
  done
  case $2 in
    *[Cc][Oo][Oo][Kk][Ii][Ee]*|*[Ss][Ee][Cc][Rr][Ee][Tt]*|*[Mm][Oo][Nn][Ss][Tt][Ee][Rr]*|*[Rr][Aa][Bb][Bb][Ii][Tt]*) known=yes ;;
    *[Pp][Aa][Ss][Ss][Ww]*|*[Cc][Hh][Aa][Nn][Gg][Ee][Mm][Ee]*|*[Dd][Ee][Ff][Aa][Uu][Ll][Tt]*|*[Ee][Xx][Aa][Mm][Pp][Ll][Ee]*) known=yes ;;
    *[Ee][Rr][Ll][Aa][Nn][Gg]*|*[Ee][Ll][Ii][Xx][Ii][Rr]*|*[Pp][Hh][Oo][Ee][Nn][Ii][Xx]*|*[Pp][Rr][Oo][Dd][Uu][Cc][Tt][Ii][Oo][Nn]*) known=yes ;;
    *12345678*|*[Aa][Bb][Cc][Dd][Ee][Ff][Gg][Hh]*) known=yes ;;
  esac
  weak="${#2} $strange $differ $known $1"
}

# alike COOKIE: add to $same which of the cookies seen so far it is, by number: no digest of one leaves the host.
alike() {
  number=0
  for cookie in $cookies_seen; do
    number=$((number + 1))
    [ "$cookie" != "$1" ] || { same="$same $number"; return 0; }
  done
  cookies_seen=$cookies_seen$lf$1
  same="$same $((number + 1))"
}

# leaks COOKIE: in which logs, dumps and temporary files of the node it stands, as its user finds them, within 5 s. It comes
# to grep by a pipe, so that it is in no argv.
leaks() {
  leaked="$leaked$(printf '%s\n' "$1" | {
    [ "$own_uid" -ne 0 ] || set -- setpriv --euid="$owner" --egid=65534 --clear-groups --no-new-privs --bounding-set=-all
    [ "$own_uid" -eq 0 ] || set --
    timeout -k 1 5 "$@" grep -rlZsF -D skip -f - -- "$root/tmp" "$root/log" ${unit:+"/var/log/${unit%.service}"} \
      ${spool:+"$spool"} "$house/erl_crash.dump" ${dump:+"$dump"} || [ "$?" -lt 124 ] || printf '?\0'
  } | head -c 4096 | tr '\0\n\036' '\n??')$lf"
}

# elf: the head of the program that runs and its dynamic section, as numbers of 64 bits.
elf() {
  head=$(od -An -v -tu8 -N 1024 "/proc/$pid/exe" 2>/dev/null | tr '\n' ' ') || return 0
  emit "elf_$pid" "$head"
  IFS=' '
  # shellcheck disable=SC2086  # numbers
  set -- $head
  IFS=$lf
  [ "$#" -gt 64 ] || return 0
  shift 8
  while [ "$#" -ge 7 ]; do
    [ "$1" != "$(($1 / 4294967296 * 4294967296 + 2))" ] || {
      [ "$5" -le 4096 ] && emit "dynamic_$pid" "$(od -An -v -tu8 -j "$2" -N "$5" "/proc/$pid/exe" 2>/dev/null | tr '\n' ' ')"
      return 0
    }
    shift 7
  done
}

# read_text FILE LIMIT: leave its beginning in $text. In directories that are root's all the way it is read as it is; what is
# small and root's, too, without a process.
read_text() {
  text=''
  [ -f "$1" ] && [ ! -L "$1" ] || return 0
  ahead=${1%/*}
  while :; do
    case $solid in *"$lf${ahead:-/}$lf"*) ;; *) text=$(theirs "$1" "$2"); return 0 ;; esac
    [ -n "$ahead" ] || break
    ahead=${ahead%/*}
  done
  case $solid in
    *"$lf$1$lf"*) slurp "$1" ;;
    *) [ ! -r "$1" ] || text=$(head -c "$2" <"$1") ;;
  esac
}

# want KEY PATH: its mode and owner are asked for, together with those of all others.
want() {
  case $2 in *"$lf"*|*"$rs"*) return 0 ;; /*) ;; *) return 0 ;; esac
  wants=$wants$lf$1\ $2 paths=$paths$lf$2
}

# tls FILE: the options of TLS, and of the files that they name the certificates; what else is in those stays where it is.
tls() {
  read_text "$1" 16384
  [ -n "$text" ] || return 0
  options='' named='' quoted='' count=0
  for line in $text; do options=$options$lf${line%%\%*}; done
  IFS='"'
  for part in $options; do
    case $quoted:$part in
      yes:/*) case $named$lf in *"$lf$part$lf"*) ;; *) count=$((count + 1)); [ "$count" -gt 8 ] || named=$named$lf$part ;; esac ;;
    esac
    if [ -n "$quoted" ]; then quoted=''; else quoted=yes; fi
  done
  bare=''
  IFS=" 	$lf$rs"
  for part in $options; do bare=$bare$part; done
  IFS=$lf
  emit "tls_$pid" "$bare"
  pem=''
  want "tls_at_$pid" /nowhere
  for file in $named; do
    want "tls_at_$pid" "$file"
    read_text "$file" 65536
    pem="$pem${lf}file $file" inside='' key=''
    for line in $text; do
      case $line in *"$rs"*) continue ;; *'PRIVATE KEY'*) key=yes ;; '-----BEGIN CERTIFICATE-----'*) inside=yes ;; esac
      [ -z "$inside" ] || pem=$pem$lf$line
      case $line in '-----END CERTIFICATE-----'*) inside='' ;; esac
    done
    [ -z "$key" ] || pem="$pem${lf}holds a key"
  done
  emit "tls_pem_$pid" "${pem#?}"
}

# odd PREDICATE...: what in the release is w by that, s special, l a link that leaves; its last line says how it went. What runs
# may be any user's, and so the tree may be as large as that one likes: 15 s of it.
odd() {
  timeout -k 1 15 find "$root" -xdev \( -path "$root/tmp" -o -path "$root/log" \) -prune -o \( "$@" \
    , \( -perm /6000 -o -type b -o -type c -o -type p -o -type s \) \
      \( -path '*[[:cntrl:]]*' -printf 's %H/?\n' -o -printf 's %p\n' \) \
    , -type l \( -lname '/*' -o -lname '*..*' \) \
      \( \( -path '*[[:cntrl:]]*' -o -lname '*[[:cntrl:]]*' \) -printf 'l %H/?\n' -o -printf 'l %p -> %l\n' \) \) 2>/dev/null
  printf 'rc %s\n' "$?"
}

# tree: one walk; w is writable by those who run it or by anybody.
tree() {
  # Whoever may write a directory above it puts another one in its place.
  ahead=${root%/*}
  while :; do
    case $solid in *"$lf${ahead:-/}$lf"*) ;; *) set -- "$@" "${ahead:-/}" ;; esac
    [ -n "$ahead" ] || break
    ahead=${ahead%/*}
  done
  text=$(
    {
      [ "$#" -eq 0 ] || find "$@" -maxdepth 0 \( \( -user "$owner" ! -user 0 \) -o \( -perm /0022 ! -perm -1000 \) \) -printf 'w %p\n'
      odd ! -type l \( \( -user "$owner" -a ! -user 0 \) -o -perm /0022 \) \
        \( -path '*[[:cntrl:]]*' -printf 'w %H/?\n' -o -printf 'w %p\n' \)
    } | head -c 8192
  )
  # All of it is its user's, and there is no room for what is stranger: that is looked for alone.
  case $lf$text in
    *"${lf}rc "[0-9]*) ;;
    *"${lf}w "*) text=${text%"$lf"*}$lf$(odd -false | head -c 8192) ;;
  esac
  emit "tree_$pid" "$text"
}

# node: what surrounds one BEAM.
node() {
  [ -z "$mounts" ] || emit "mounts_$pid" "$mounts"
  root=${exe%/erts-*}
  case $root in /*) ;; *) return 0 ;; esac
  want "house_$pid" "$house"
  for file in .erlang .config/erlang/.erlang .iex.exs; do want "dotfiles_$pid" "$house/$file"; done
  [ ! -x "$house" ] || emit "house_seen_$pid" yes
  judged='' same=$argued_same leaked=''
  for file in "$root/releases/COOKIE" "$house/.erlang.cookie"; do
    want "cookie_at_$pid" "$file"
    read_text "$file" 1024
    [ -z "$text" ] || { weak "$file" "$text"; judged=$judged$weak$lf; alike "$text"; [ -z "$deep" ] || leaks "$text"; }
  done
  [ -z "$same" ] || emit "same_$pid" "$same"
  [ -z "$deep" ] || [ -z "$judged" ] || emit "leaks_$pid" "$leaked"
  emit "cookies_$pid" "$judged$argued"
  read_text "$root/releases/start_erl.data" 200
  case $text in *"$rs"*) ;; *) emit "start_$pid" "$text" ;; esac
  set +f
  set -- "$root"/lib/*
  set -f
  found=''
  for file; do case $file in *"$lf"*|*"$rs"*) ;; *) found=$found${file##*/}$lf ;; esac; done
  # ERL_LIBS names more of them, in directories that hold other things too (Debian's ejabberd).
  IFS=:
  for place in $libraries; do
    case $place in /*) ;; *) continue ;; esac
    set +f
    set -- "$place"/*-[0-9]*/ebin
    set -f
    IFS=$lf
    for file; do
      file=${file%/ebin}
      case $file in *'*'*|*"$lf"*|*"$rs"*) ;; *) found=$found${file##*/}$lf ;; esac
    done
  done
  IFS=$lf
  [ ! -r "$root/lib" ] || [ ! -x "$root/lib" ] || printf 'lib_%s=%.16384s\036' "$pid" "$found"
  tree
  set +f
  set -- "${root%/*}"/*/
  set -f
  case $root in */versions/*) [ ! -r "${root%/*}" ] || emit "siblings_$pid" "$#" ;; esac
  [ -z "$deep" ] || elf
  case $roots$lf in *"$lf$root$lf"*) ;; *) roots=$roots$lf$root ;; esac
  set +f
  set -- "${dump:-/nowhere}" "$cwd"/erl_crash.dump* "$house"/erl_crash.dump* "$root"/erl_crash.dump*
  set -f
  seen=$lf
  for file; do case $seen in *"$lf$file$lf"*) ;; *) seen=$seen$file$lf; want "dumps_$pid" "$file" ;; esac; done
  file=${dump:-$cwd/erl_crash.dump}
  want "dump_dir_$pid" "${file%/*}"
  [ -z "$options" ] || tls "$options"
  # Without its environment nobody knows where that is.
  spool=${spool:-$root/tmp}
  if [ -n "$known" ] && { { [ -r "$spool" ] && [ -x "$spool" ]; } || [ ! -e "$spool" ]; }; then
    want "rendered_$pid" /nowhere
    set +f
    for file in "$spool"/*.runtime.config; do want "rendered_$pid" "$file"; done
    set -f
  fi
}
