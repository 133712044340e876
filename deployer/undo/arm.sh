# Before files change that a login may need, they are saved, and a systemd timer is started that restores them.
# The way back lies on disk: a host that restarts meanwhile goes back before anybody can log in (deployer-undo-boot.service).
# Given: pending.sh, forget.sh and the prelude. What is kept of a file lies beside it where root alone can write, so that going back
# is a rename and needs no room. For elsewhere (a user's authorized_keys) it lies in the nearest directory above that is
# root's alone and on the same file system, such as /home; where there is none, in $held.
# shellcheck shell=sh disable=SC2154
held=/var/lib/deployer/undo
boot=deployer-undo-boot.service
units=/etc/systemd/system

# keep_old NUMBER PATH WHOLE: save what is at PATH; of a directory only owner and mode, unless WHOLE is yes.
keep_old() {
  folder=${2%/*} name=${2##*/}
  while [ ! -d "${folder:-/}/" ]; do name=${folder##*/} folder=${folder%/*}; done
  firm "${folder:-/}"
  if [ ! -e "$2" ] && [ ! -L "$2" ]; then
    kind=absent
  elif [ -d "$2" ] && [ ! -L "$2" ] && [ "$3" != yes ]; then
    kind=attributes
  elif [ -n "$(find "$firm/" -maxdepth 0 -uid 0 ! -perm /022)" ]; then
    kind=beside
    rm -rf -- "$firm/.before-deployer.$name"
    cp -a -T -- "$2" "$firm/.before-deployer.$name"
  elif [ -f "$2" ] && [ ! -L "$2" ]; then
    kind=copy
    into=$held/$1.file
    if near "$firm"; then
      kind=near
      into=$near/.before-deployer.$1.$name
      printf '%s\n' "$into" >"$held/$1.near"
      rm -f -- "$into"
    fi
    (umask 077; dd if="$2" iflag=nofollow,fullblock bs=65536 status=none >"$into")
  else
    echo "$2 is not a regular file, and users other than root can write to its directory: it could not be restored"
    exit 1
  fi
  printf '%s\n' "$kind" >"$held/$1.kind"
  [ "$kind" = absent ] || stat -c '%u %g %a' -- "$2" >"$held/$1.attributes"
}

# near DIRECTORY: leave in $near the nearest directory above it that is root's alone and on its file system; 1: there is none.
near() {
  near=$1 device=$(stat -c %d -- "$1/")
  while [ -n "$near" ]; do
    near=${near%/*}
    [ "$(stat -c %d -- "$near/")" = "$device" ] || return 1
    [ -z "$(find "$near/" -maxdepth 0 -uid 0 ! -perm /022)" ] || return 0
  done
  return 1
}

# begin_undo: remove everything that was saved before.
begin_undo() {
  [ "$own_uid" -eq 0 ] || { echo 'confirm: needs root, who can start a systemd timer: become: true'; exit 1; }
  forget_kept
  mkdir -p -- "${held%/*}"
  mkdir -m 0700 -- "$held"
}

# boot_armed: from now on, a restart of the host restores the files, too.
boot_armed() {
  printf '%s\n' '[Unit]' 'Description=Takes back what deployer has changed and nobody has confirmed' \
    DefaultDependencies=no 'After=local-fs.target systemd-journald-dev-log.socket' \
    'Before=sysinit.target shutdown.target' Conflicts=shutdown.target \
    "ConditionPathExists=$held/back" '[Service]' Type=oneshot "ExecStart=/bin/sh $held/back boot" >"$units/$boot.new"
  mv -T -- "$units/$boot.new" "$units/$boot"
  mkdir -p -- "$units/sysinit.target.wants"
  ln -sfn -- "../$boot" "$units/sysinit.target.wants/$boot"
  sync -f -- "$held/back" "$units/$boot"
}

# listening: wait until an sshd that reads its configuration anew listens again where this run has come in; 3 s at most,
# for it may have moved.
listening() {
  port=$(printf ':%04X' "${connection##* }") tries=30
  sleep 0.3
  while [ "$tries" -gt 0 ] && ! grep -qs "$port [0-9A-F]*:0000 0A " /proc/net/tcp /proc/net/tcp6; do
    tries=$((tries - 1))
    sleep 0.1
  done
}
