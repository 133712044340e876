# What was left to wait by pending.sh is made permanent by these.
pending=/run/deployer/pending
kept=/run/deployer/confirming

# confirm: it stays. Its files are in $kept now; ends with status 6 where it has gone back already.
confirm() {
  if [ "$(cat -- "$pending/run" 2>/dev/null)" != "$run" ] || ! mv -T -- "$pending" "$kept" 2>/dev/null; then
    echo 'it was not confirmed in time, and has gone back'
    exit 6
  fi
}

# disarm: what is permanent needs no undo any more.
disarm() {
  systemctl stop deployer-undo.timer
  rm -rf -- "$kept"
}
