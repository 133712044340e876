# Files belong to their release. A generation is one release with the files that its nodes read at their start; $held, which
# is root's alone, has them:
#   ID.N/     a generation: `release` leads to the unpacked release, each file lies below its own path
#   current   the one link that decides. ROOT/current and every path that a node reads lead through it
#   next      what is staged, for the run that next.run names
#   drafts/   files of the run that drafts/run names, which will be in the next generation
#   .read     there where systemd has read the units of the current generation
# A unit's own text is a generation's file, too: the drop-in 00-deployer.conf of a unit that has next to nothing itself.

# drafted PATH: the same, but for what this run has written anew.
drafted() {
  at=$held/drafts$1
  if [ -z "$mine" ] || [ ! -f "$at" ]; then in_force "$1"; fi
}

# bring FROM PATH: copy a file into the generation (or record) that is being made in $fresh.
bring() {
  goal=$fresh$2
  [ -d "${goal%/*}" ] || (umask 022; mkdir -p -- "${goal%/*}") || return 1
  case $1 in
    *.service) # a whole unit becomes a drop-in that undoes what it would double
      sed 's/^\[Service\]$/&\nEnvironmentFile=\nLoadCredential=\nExecStartPre=\nExecStart=\nExecStartPost=/
        /^\[Install\]$/,$d' -- "$1" >"$goal" && chmod 0644 -- "$goal" || return 1 ;;
    *) cp -p -- "$1" "$goal" || return 1 ;;
  esac
}

# flushed DIRECTORY: all in it is on the disk.
flushed() { find "$1" ! -type l -exec sync -- {} +; }

# sealed DIRECTORY: that, and nobody looks into a directory in it where a file lies that others may not read.
sealed() { find "$1" -type f ! -perm /044 -execdir chmod 0700 -- . ';' , ! -type l -exec sync -- {} +; }

# compose ID SOURCE FILE...: make a generation of a release, of the files that `SOURCE PATH` leaves in $at, and leave its name
# in $made.
compose() {
  of=$1 source=$2 fresh=$held/.new made=''
  shift 2
  [ ! -e "$fresh" ] || rm -rf -- "$fresh" || return 1
  (umask 022; mkdir -p -- "$fresh") && ln -s -- "$root/versions/$of" "$fresh/release" || return 1
  for file; do
    "$source" "$file" || continue
    [ ! -f "$at" ] || bring "$at" "$file" || return 1
  done
  count=1
  while [ -e "$held/$of.$count" ]; do count=$((count + 1)); done
  sealed "$fresh" && mv -T -- "$fresh" "$held/$of.$count" && sync -- "$held" && made=$of.$count
}

# point LINK NAME: a link in $held leads to a generation, in one rename.
point() {
  ln -sfn -- "$2" "$held/.link" && mv -T -- "$held/.link" "$held/$1" && sync -- "$held"
}

# aim NAME: the link to a generation lies ready, so that the switch itself needs no room on the disk.
aim() {
  for left in "$held"/.current.*; do rm -f -- "$left"; done
  ln -s -- "$1" "$held/.current.$$"
}

# swing: what was aimed at becomes current, release and files in one rename. A run that ends before systemd has read its units
# leaves that to the next one.
swing() {
  [ -n "$stay" ] || [ ! -e "$held/.read" ] || rm -f -- "$held/.read" || return 1
  mv -T -- "$held/.current.$$" "$held/current" && sync -- "$held"
}

# relink TARGET PATH: systemd compares times, and a link's own must not be the newest. Where nothing is the link is made there
# at once, and its time is set with those of all others that are ($fresh_links, one a line).
relink() {
  if [ -L "$2" ] && [ "$(readlink -- "$2")" = "$1" ]; then return 0; fi
  link=${2%/*}/.deployer.link
  [ -d "${2%/*}" ] || (umask 022; mkdir -p -- "${2%/*}") || return 1
  if [ ! -e "$2" ] && [ ! -L "$2" ]; then fresh_links=$fresh_links$2$lf; ln -sT -- "$1" "$2"; return; fi
  if [ -e "$link" ] || [ -L "$link" ]; then rm -f -- "$link" || return 1; fi
  ln -s -- "$1" "$link" && touch -h -d @0 -- "$link" &&
    mv -T -- "$link" "$2"
}

# linked FILE...: the release and all files are reached through the current generation.
linked() {
  fresh_links=''
  relink "$held/current/release" "$root/current" || return 1
  for file; do
    # What a unit of before has of the same name stays until that is stopped.
    case ${taking:-no}$file in no*"/${old:-none}.d/00-deployer.conf") continue ;; esac
    relink "$held/current$file" "$file" || return 1
    case $file in */00-deployer.conf)
      unit=${file%.d/00-deployer.conf}
      if ! unit_is_ours "$unit"; then
        unit_text >"$unit.new" && chmod 0644 -- "$unit.new" && sync -- "$unit.new" && mv -T -- "$unit.new" "$unit" || return 1
      fi ;;
    esac
  done
  set -f
  IFS=$lf
  # shellcheck disable=SC2086 # one a line
  [ -z "$fresh_links" ] || touch -h -d @0 -- $fresh_links || fresh_links=failed
  unset IFS
  set +f
  [ "$fresh_links" != failed ] && sync -- "$root"
}

# units_stay UNIT...: leave yes in $stay where what is staged has the text for each of them that the current generation has.
stay=''
units_stay() {
  stay=''
  for unit; do
    slurp "$held/current$unit_files/$unit.d/00-deployer.conf"
    was=$text
    slurp "$held/next$unit_files/$unit.d/00-deployer.conf"
    [ -n "$text" ] && [ "$text" = "$was" ] || return 0
  done
  stay=yes
}

# as_read UNIT...: systemd would learn nothing of them from reading all units anew, which takes it longer than a start. It
# compares times: of a text that becomes another, older one only $stay knows. What nothing wants it forgets as soon as that
# stops, and when it ran, so it has to have read what wants them, too.
as_read() {
  [ -n "$stay" ] && [ -e "$held/.read" ] && [ $# -gt 0 ] || return 1
  case $lf$(systemctl show -p NeedDaemonReload,WantedBy -- "$@" 2>/dev/null)$lf in
    *=yes"$lf"* | *"${lf}WantedBy=$lf"*) return 1 ;;
    *"${lf}WantedBy="*) ;;
    *) return 1 ;;
  esac
}

# read_anew: systemd reads all units anew.
read_anew() {
  systemctl daemon-reload || return 1
  { printf '' >"$held/.read"; } 2>/dev/null || :
}

# adopt FILE...: where there is no generation yet, what is here is the first; nothing that a start would read changes by that.
adopt() {
  [ ! -e "$held/current/release" ] || return 0
  current_id
  [ -z "$now" ] || { compose "$now" in_force "$@" && point current "$made"; }
}

# stage FILE...: $held/next is the generation of release $id with the files as declared: a new one, or the current one.
stage() {
  if [ -d "$root/current" ] && [ ! -L "$root/current" ]; then
    echo "$root/current is a directory, but must be the link to the current release; nothing was stopped."
    echo "Look at its content, then move it away: mv $root/current $root/current.old"
    return 1
  fi
  adopt "$@" || return 1
  mine='' apart='' made=''
  slurp "$held/drafts/run"
  [ "$text" != "$run" ] || mine=yes
  for file; do if [ -f "$file" ] && [ ! -L "$file" ]; then apart=yes; fi; done
  if [ -z "$mine$apart" ] && [ "$(readlink -- "$held/current/release")" = "$root/versions/$id" ]; then
    made=$(readlink -- "$held/current")
  else
    compose "$id" drafted "$@" || return 1
  fi
  printf '%s\n' "$run" >"$held/next.run" && point next "$made" || return 1
  # What leads to the files of another root, or lies there itself, is read until the nodes stop.
  reached=''
  for file; do [ ! -e "$file" ] || reached=yes; done
  if [ -z "$reached" ] || { [ -e "$held/current/release" ] && [ -z "$(old_state)" ]; }; then linked "$@" || return 1; fi
  rm -rf -- "$held/drafts"
}
