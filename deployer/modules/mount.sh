# A mount point and its line in fstab. Given: path, file (fstab), keeps.
# shellcheck shell=sh disable=SC2154
wrote=''
if [ -e "$file" ] || [ -L "$file" ]; then
  if [ ! -f "$file" ] || [ -L "$file" ]; then echo "$file is not a regular file: write the path of the file itself"; exit 1; fi
  readable "$file"
else hidden "$file"; fi

# old_text LIMIT: print fstab; nothing where there is none.
old_text() { taste "$file" "$1"; }

# new_text FILE: put it in place, and have systemd read it.
new_text() {
  [ -z "$keeps" ] || keep "$file"
  draft "$1" "$file" '' '' ''
  settle "$file"
  wrote=yes
  if [ "$file" = /etc/fstab ] && [ -d /run/systemd/system ]; then systemctl daemon-reload; fi
}

# live: emit whether something is mounted there.
live() { if mountpoint -q -- "$path"; then emit mounted yes; else emit mounted no; fi; }

# firmly: refuse a way to the mount point that others than root could turn.
firmly() {
  part=${path%/*}
  while [ -n "$part" ]; do
    if [ -d "$part" ] && [ -z "$(find "$part" -maxdepth 0 -type d -uid 0 ! -perm /022)" ]; then
      echo "users other than root can change $part, and so could replace $path"
      exit 1
    fi
    part=${part%/*}
  done
}

# mounting WORD…: mount with these words, from that fstab.
mounting() { if [ "$file" = /etc/fstab ]; then mount "$@"; else mount -T "$file" "$@"; fi; }

# again OPTIONS [only]: mount it anew; where it cannot be remounted, unmount it first, unless it is the only way.
again() {
  mounting -o "$1" -- "$path" && return 0
  [ -z "${2:-}" ] || return 1
  umount -- "$path" && mounting -- "$path"
}

# put_up: mount it. If that fails, fstab is as it was before it was written by this step, and so are directories; what was
# mounted there is mounted again.
put_up() {
  part=$path was=''
  while [ -n "$part" ] && [ ! -e "$part" ]; do part=${part%/*}; done
  if (umask 022; mkdir -p -- "$path"); then
    if mountpoint -q -- "$path"; then was=yes; again remount && return 0
    else mounting -- "$path" && return 0; fi
  fi
  if [ -n "$wrote" ]; then keeps='' && new_text "$blobs/before"; fi
  if [ -n "$was" ] && ! mountpoint -q -- "$path"; then
    mounting -- "$path" || echo "$path was mounted before, and is not mounted now"
  fi
  if [ "$part" != "$path" ]; then (cd "${part:-/}" && rmdir -p -- "${path#"$part/"}") || :; fi
  exit 1
}

# take_down: unmount it, if it is mounted.
take_down() { if mountpoint -q -- "$path"; then umount -- "$path"; fi; }

# forget: take the mount point away, which has to be empty.
forget() {
  if [ -d "$path" ]; then rmdir -- "$path"; fi
}
