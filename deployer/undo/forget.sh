# Removes what arm.sh has saved. First it removes the script that restores, so that a restart of the host restores nothing.
# shellcheck shell=sh
held=/var/lib/deployer/undo
boot=deployer-undo-boot.service

# forget_kept: also what lies near a file and not in $held.
forget_kept() {
  for one in "$held"/*.near; do
    if [ -f "$one" ]; then read -r into <"$one" && rm -f -- "$into"; fi
  done
  rm -rf -- "$held"
}

forget_undo() {
  rm -f -- "$held/back"
  sync -f -- "$held" 2>/dev/null || :
  forget_kept
  rm -f -- "/etc/systemd/system/$boot" "/etc/systemd/system/sysinit.target.wants/$boot"
  rmdir --ignore-fail-on-non-empty -- /etc/systemd/system/sysinit.target.wants 2>/dev/null || :
}
