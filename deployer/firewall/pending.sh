# A change that could cut off the next login waits to be confirmed over a new connection. Until then it is runtime only, and
# a systemd timer undoes it, whatever happens to the controller, to its connection, or to the host.
# All files are in /run, so that a reboot removes them together with the change. Renaming the directory decides: only one
# process can do it.
pending=/run/deployer/pending
kept=/run/deployer/confirming
here=/run/deployer/undoing

# waits: whether a change waits to be confirmed.
waits() { [ -d "$pending" ] && systemctl is-active --quiet deployer-undo.timer deployer-undo.service; }

# still: print what waits, whose it is, and when it will be undone.
still() {
  read -r began seconds <"$pending/since"
  left=$((began + seconds - $(date +%s)))
  echo "$(cat -- "$pending/what") waits to be confirmed, by the run $(cat -- "$pending/run"); it goes back in $left s"
}

# session: print the sshd process of this program's connection, and its start time; nothing without SSH.
session() {
  at=$PPID
  while [ "$at" -gt 1 ]; do
    read -r _ name _ above _ <"/proc/$at/stat" || return 0
    case $name in
      '(sshd'*) echo "$at $(cut -d ' ' -f 22 "/proc/$at/stat")"; return 0 ;;
    esac
    at=$above
  done
}

# alive: whether the run that waits can still confirm: it is connected, and still has the host's lease.
alive() {
  [ -z "$leased" ] || [ "$(cat -- "$pending/run")" = "$run" ] || return 1
  read -r at start <"$pending/session" || return 0
  [ "$(cut -d ' ' -f 22 "/proc/$at/stat" 2>/dev/null)" = "$start" ]
}

# await WHAT UNDO KEEP: begin, in the new directory $pending. UNDO is sh text, and KEEP a script that makes it permanent
# (confirm.sh); when one of them is due, the directory is $here, or $kept.
await() {
  [ -d /run/deployer ] || mkdir -p /run/deployer
  chmod 0700 /run/deployer
  if waits && alive; then still; exit 5; fi
  if [ -e "$pending/armed" ]; then /bin/sh "$pending/undo"; fi
  [ ! -e /run/systemd/transient/deployer-undo.timer ] || systemctl stop deployer-undo.timer 2>/dev/null || :
  rm -rf -- "$pending" "$kept" "$here"
  mkdir -m 0700 -- "$pending"
  trap 'rm -rf -- "$pending"' EXIT
  printf '%s\n' "$1" >"$pending/what"
  printf '%s\n' "$run" >"$pending/run"
  session >"$pending/session"
  printf '%s\n' "$3" >"$pending/keep"
  cat >"$pending/undo" <<END
mv -T -- $pending $here 2>/dev/null || exit 0
$2
logger -t deployer -- "taken back, because nobody confirmed it: $1"
rm -rf -- $here
END
}

# armed SECONDS: from now on the change is undone by itself after SECONDS, or at once if the rest of this step fails.
armed() {
  printf '%s %s\n' "$(date +%s)" "$1" >"$pending/since"
  : >"$pending/armed"
  systemd-run --quiet --collect --unit=deployer-undo --on-active="$1" --timer-property=AccuracySec=100ms \
    /bin/sh "$pending/undo"
  trap '[ "$?" -eq 0 ] || undo' EXIT
}

# undo: undo the change that waits, now.
# shellcheck disable=SC2317 # it is called by a trap
undo() {
  if waits; then
    /bin/sh "$pending/undo"
    systemctl stop deployer-undo.timer 2>/dev/null || :
  fi
}
