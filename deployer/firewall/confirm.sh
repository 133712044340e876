# What was left to wait by pending.sh is made permanent by these.
pending=/run/deployer/pending
kept=/run/deployer/confirming

# confirm: keep the change. Its files are in $kept then; ends with status 6 if it has been undone already.
confirm() {
  if [ "$(cat -- "$pending/run" 2>/dev/null)" != "$run" ] || ! mv -T -- "$pending" "$kept" 2>/dev/null; then
    echo 'it was not confirmed in time, and has gone back'
    exit 6
  fi
}

# disarm: remove the undo timer, because the change is permanent.
disarm() {
  systemctl stop deployer-undo.timer
  rm -rf -- "$kept"
}
