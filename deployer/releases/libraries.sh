# versions_in VERSIONS FILE...: print FILE:VERSION of those that stand alone in the table of strings of a file, between two
# NULs, one a line; ? where one cannot be read. As words grep looks for them four times as long as as a regular expression, where
# a dot finds a few more names than are asked for.
versions_in() {
  sought=$1 kind=-F
  shift
  case $sought in *[!A-Za-z0-9_."$lf"]*) ;; *) kind=-E ;; esac
  { grep -a -z -x "$kind" -H -f - -- "$@" <<END || [ "$?" -eq 1 ] || printf '?\000'
$sought
END
  } | tr '\000' '\n'
}

# libraries NEED...: the files that could be each of them. All are read with one grep, and each only once.
libraries() {
  cache=$(ldconfig -p 2>/dev/null || :)
  names='' bare='' sought='' rows='' files=''
  for need; do
    names="$names ${need%% *} "
    case $need in *' '*) ;; *) bare="$bare ${need%% *} " ;; esac
    for version in ${need#"${need%% *}"}; do sought=$sought$version$lf; done
    # A library may lie where the loader looks by itself and be in no cache.
    for place in /lib/*-linux-gnu /usr/lib/*-linux-gnu /lib64 /usr/lib64 /lib /usr/lib; do
      file=$place/${need%% *}
      [ ! -e "$file" ] || rows="$rows${need%% *}||$file$lf" files="$files$file$lf"
    done
  done
  set -f
  IFS=$lf
  for line in $cache; do
    library=${line%% (*} kind=${line#*\(}
    library=${library#"${library%%[!	 ]*}"}
    case $names in *" $library "*) ;; *) continue ;; esac
    rows="$rows$library|${kind%%)*}|${line##* => }$lf" files="$files${line##* => }$lf"
  done
  sought=${sought%"$lf"} seen=''
  set --
  for file in $files; do
    [ -r "$file" ] || continue
    same=''
    # shellcheck disable=SC3013 # dash, bash and BusyBox have -ef
    for other; do if [ "$file" -ef "$other" ]; then same=$other; break; fi; done
    [ -n "$same" ] || set -- "$@" "$file"
    seen=$seen$file:${same:-$file}$lf
  done
  found=''
  if [ -n "$sought" ] && [ "$#" -gt 0 ]; then
    found=$(versions_in "$sought" "$@")
    case $lf$found$lf in *"$lf?$lf"*) found=$(for file; do
      case $(versions_in "$sought" "$file") in *'?') echo "$file:?" ;; *) versions_in "$sought" "$file" ;; esac
    done) ;; esac
  fi
  # One line a file, and loops over lines: to cut one out of a long text costs dash the square of its length.
  table='' last=''
  for line in $found; do
    [ "${line%:*}" = "$last" ] || table=$table${last:+$lf}${line%:*}:
    last=${line%:*} table="$table${line##*:} "
  done
  for row in $rows; do
    has='?'
    case $bare in *" ${row%%|*} "*) has='' ;; esac
    for line in $seen; do
      case $has$line in "?${row##*|}:"*) ;; *) continue ;; esac
      has=''
      for same in $table; do
        case $same in "${line##*:}:"*) has=${same#*:} ;; esac
      done
      break
    done
    printf '%s|%s\n' "$row" "$has"
  done
  unset IFS
  set +f
  [ -n "$cache" ] || echo 'nothing'
}
