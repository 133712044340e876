# Somebody's authorized_keys. Given: user, file (or empty: the account's own), manages (make its directory).
# shellcheck shell=sh disable=SC2154
entry=$(getent passwd "$user") || unknown "the user $user does not exist yet"
home_of=${entry%:*}
home_of=${home_of##*:}
file=${file:-$home_of/.ssh/authorized_keys}

# old_text LIMIT: print it, read as the one who owns the directory; nothing where there is none.
old_text() { theirs "$file" "$1"; }

# new_text FILE: put it in place, in a directory that no link leads to.
new_text() {
  folder=${file%/*}
  uid=$(id -u "$user") gid=$(id -g "$user")
  if [ ! -d "$folder" ]; then
    if [ -z "$manages" ] || [ ! -d "${folder%/*}/" ]; then
      echo "the directory $folder does not exist"
      exit 1
    fi
    make_above "$file"
    adorn "$folder" "$uid" "$gid" 0700
  fi
  draft "$1" "$file" 0600 "$uid" "$gid"
  settle "$file"
}
