# A generation is one release with the files that its nodes read at their start. They are in $held, which only root can change:
#   ID.N/     a generation: `release` is a link to the unpacked release; each file is below its own path
#   current   the link that decides: ROOT/current and every path that a node reads lead through it
#   next      the staged generation, for the run in next.run
#   drafts/   files of the run in drafts/run, which will be in the next generation
#   .read     exists when systemd has read the units of the current generation
# The settings of a unit are in a generation, too, as its drop-in 00-deployer.conf; the unit file itself has almost nothing.

# drafted PATH: as in_force, but prefer a file that this run has written.
drafted() {
  at=$held/drafts$1
  if [ -z "$mine" ] || [ ! -f "$at" ]; then in_force "$1"; fi
}

# bring FROM PATH: copy a file into the generation (or record) that is made in $fresh.
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

# flushed DIRECTORY: sync all files and directories in it.
flushed() { find "$1" ! -type l -exec sync -- {} +; }

# sealed DIRECTORY: the same, and set directories to 0700 that contain a file which others may not read.
sealed() { find "$1" -type f ! -perm /044 -execdir chmod 0700 -- . ';' , ! -type l -exec sync -- {} +; }

# compose ID SOURCE FILE...: make a generation of a release with the files that `SOURCE PATH` finds ($at), and set $made to its
# name.
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

# point LINK NAME: set a link in $held to a generation, with one rename.
point() {
  ln -sfn -- "$2" "$held/.link" && mv -T -- "$held/.link" "$held/$1" && sync -- "$held"
}

# aim NAME: prepare the link to a generation, so that the switch itself needs no disk space.
aim() {
  for left in "$held"/.current.*; do rm -f -- "$left"; done
  ln -s -- "$1" "$held/.current.$$"
}

# swing: make the generation of `aim` current: release and files with one rename. If the run ends before systemd has read the
# units, the next run lets it read them.
swing() {
  [ -n "$stay" ] || [ ! -e "$held/.read" ] || rm -f -- "$held/.read" || return 1
  mv -T -- "$held/.current.$$" "$held/current" && sync -- "$held"
}

# relink TARGET PATH: make a link. Its own time is set to 0, because systemd compares times and the link must not be the newest. If
# nothing is at PATH, the link is made directly, and its time is set later together with others ($fresh_links, one a line).
relink() {
  if [ -L "$2" ] && [ "$(readlink -- "$2")" = "$1" ]; then return 0; fi
  link=${2%/*}/.deployer.link
  [ -d "${2%/*}" ] || (umask 022; mkdir -p -- "${2%/*}") || return 1
  if [ ! -e "$2" ] && [ ! -L "$2" ]; then fresh_links=$fresh_links$2$lf; ln -sT -- "$1" "$2"; return; fi
  if [ -e "$link" ] || [ -L "$link" ]; then rm -f -- "$link" || return 1; fi
  ln -s -- "$1" "$link" && touch -h -d @0 -- "$link" &&
    mv -T -- "$link" "$2"
}

# linked FILE...: make the links to the release and to all files through the current generation.
linked() {
  fresh_links=''
  relink "$held/current/release" "$root/current" || return 1
  for file; do
    # A drop-in of the service to be taken over with the same name stays until the service is stopped.
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

# units_stay UNIT...: set $stay to yes if the staged generation has the same text for each of them as the current one.
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

# as_read UNIT...: whether systemd needs no daemon-reload, which takes it longer than a start. It compares times, so only $stay
# detects a change to an older text. Units that nothing wants are forgotten by systemd when they stop, with the time of their
# start, so WantedBy must be known, too.
as_read() {
  [ -n "$stay" ] && [ -e "$held/.read" ] && [ $# -gt 0 ] || return 1
  case $lf$(systemctl show -p NeedDaemonReload,WantedBy -- "$@" 2>/dev/null)$lf in
    *=yes"$lf"* | *"${lf}WantedBy=$lf"*) return 1 ;;
    *"${lf}WantedBy="*) ;;
    *) return 1 ;;
  esac
}

# read_anew: let systemd reload all units.
read_anew() {
  systemctl daemon-reload || return 1
  { printf '' >"$held/.read"; } 2>/dev/null || :
}

# adopt FILE...: if there is no generation yet, make the first one of the present files; this changes nothing for a start.
adopt() {
  [ ! -e "$held/current/release" ] || return 0
  current_id
  [ -z "$now" ] || { compose "$now" in_force "$@" && point current "$made"; }
}

# stage FILE...: set $held/next to the generation of release $id with the declared files: a new one, or the current one.
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
  # Paths that exist already, as links to another root or as files, are read by running nodes, so they stay until these stop.
  reached=''
  for file; do [ ! -e "$file" ] || reached=yes; done
  if [ -z "$reached" ] || { [ -e "$held/current/release" ] && [ -z "$(old_state)" ]; }; then linked "$@" || return 1; fi
  rm -rf -- "$held/drafts"
}
