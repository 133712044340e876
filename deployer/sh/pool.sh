# Reads once what several fragments need, and answers them; if the answer is not certain, the fragment runs itself. POSIX sh, and
# no processes except those that are named here.
# Needs: the prelude, known.sh.
# shellcheck shell=sh disable=SC2154
accounts='' packages='' packages_asked=''

# small PATH: set $text to the content of a file that is root's and short enough for sh to read; fail otherwise.
small() {
  roots_own "$1" && place "$1" && [ "$kind" = f ] && [ "$size" -le 16384 ] && slurp "$1"
}

# accounts_read: set $passwd and $group to the files in /etc, and $accounts to yes if no other source could give other answers:
# the C library asks "files" first, and userdb(8) has no record that adds a group.
accounts_read() {
  small /etc/nsswitch.conf || return 0
  set -f
  IFS=$lf
  for line in $text; do
    IFS=' 	'
    # shellcheck disable=SC2086 # words of a configuration
    set -- ${line%%#*}
    case ${1:-} in
      passwd:|group:) case " $* " in " $1 files "|" $1 files systemd ") ;; *) accounts=other ;; esac ;;
      initgroups:) accounts=other ;;
    esac
  done
  unset IFS
  set +f
  [ -z "$accounts" ] || { accounts=''; return 0; }
  for line in /etc/userdb /run/userdb /run/host/userdb /usr/lib/userdb /usr/local/lib/userdb; do
    [ ! -e "$line" ] || return 0
  done
  small /etc/passwd || return 0
  passwd=$lf$text$lf
  small /etc/group || return 0
  group=$lf$text$lf accounts=yes
}

# account LINES NAME: set $entry to the first of these lines for NAME; fail if there is none.
account() {
  entry=''
  set -f
  IFS=$lf
  for entry in $1; do
    case $entry in "$2:"*) break ;; esac
    entry=''
  done
  unset IFS
  set +f
  [ -n "$entry" ]
}

# known_group INDEX NAME: answer as the group's probe would.
known_group() {
  [ "$accounts" = yes ] && account "$group" "$2" || return 1
  frame "$1" 0 "entry=$entry$rs"
}

# known_user INDEX NAME HOME: the same for a user; an empty HOME means the home in the entry.
known_user() {
  [ "$accounts" = yes ] && account "$passwd" "$2" || return 1
  found=$entry
  rest=${entry#*:*:*:} own='' groups=''
  number=${rest%%:*} there=${entry%:*}
  there=${3:-${there##*:}}
  set -f
  IFS=$lf
  for line in $group; do
    members=${line##*:} rest=${line#*:*:}
    [ "${rest%%:*}" != "$number" ] || [ -n "$own" ] || own=${line%%:*}
    case ",$members," in *",$2,"*) groups="$groups ${line%%:*}" ;; esac
  done
  unset IFS
  set +f
  [ -n "$own" ] || return 1
  if [ -d "$there" ]; then there=yes; else there=no; fi
  frame "$1" 0 "entry=$found${rs}group=$own${rs}groups=$own$groups${rs}home_made=$there$rs"
}

# packages_read NAME...: read dpkg's state of all of them, one NAME STATUS VERSION a line; nothing on a host without dpkg. Its
# database is one file, except for updates not merged yet; dpkg-query parses all of it, which takes several times a grep.
packages_read() {
  command -v dpkg-query >/dev/null || return 0
  packages='' packages_asked=''
  listed_packages "$@" || {
    # shellcheck disable=SC2016 # words of dpkg's own
    packages=$(dpkg-query -W -f '${Package} ${db:Status-Status} ${Version}\n' -- "$@" 2>/dev/null)
    [ "$?" -le 1 ] || return 0
    packages=$lf$packages$lf
  }
  packages_asked=" $* "
}

# listed_packages NAME...: set $packages to these lines; fail if the file is not enough.
dpkg=/var/lib/dpkg
listed_packages() {
  packages=$lf
  for name in "$dpkg"/updates/*; do [ ! -e "$name" ] || return 1; done
  [ -f "$dpkg/status" ] && [ -r "$dpkg/status" ] || return 1
  sought=''
  for name; do sought="$sought${sought:+$lf}Package: $name"; done
  entries=$(grep -axF -A 20 -e "$sought" -- "$dpkg/status" 2>/dev/null) || [ "$?" -eq 1 ] || return 1
  entry='' status='' version=''
  set -f
  IFS=$lf
  for line in $entries$lf--; do
    case $line in
      --|'Package: '*)
        [ -z "$entry" ] || break
        case $lf$sought$lf in *"$lf$line$lf"*) entry=${line#*: } status='' version='' ;; esac ;;
      'Status: '*) status=${line##* } ;;
      'Version: '*)
        version=${line#*: }
        [ -z "$entry" ] || packages="$packages$entry $status $version$lf"
        entry='' ;;
    esac
  done
  unset IFS
  set +f
  [ -z "$entry" ]
}

# known_packages INDEX NAME[=VERSION]...: answer which are installed.
known_packages() {
  index=$1 found=''
  shift
  for name; do
    case $packages_asked in *" ${name%%=*} "*) ;; *) return 1 ;; esac
    case $name in *:*) return 1 ;; esac
    entry=${packages#*"$lf${name%%=*} "}
    [ "$entry" != "$packages" ] || continue
    entry=${entry%%"$lf"*}
    [ "${entry%% *}" = installed ] || continue
    case $name in *=*) found="$found${name%%=*}=${entry#* } " ;; *) found="$found$name " ;; esac
  done
  frame "$index" 0 "found=$found$rs"
}

# known_there INDEX TEXT PATH...: answer TEXT if all of these exist.
known_there() {
  index=$1 found=$2
  shift 2
  for name; do [ -e "$name" ] || return 1; done
  frame "$index" 0 "$found"
}

# known_pending INDEX: answer the ids of handlers that an earlier run has noted.
known_pending() {
  found=''
  for name in "$home"/notified/*; do
    [ ! -e "$name" ] || found=$found${name##*/}$lf
  done
  frame "$1" 0 "${found%"$lf"}"
}
