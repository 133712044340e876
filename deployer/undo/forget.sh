# Forgets what arm.sh has kept. A restart must not go back any more, so the way back goes first.
# shellcheck shell=sh
held=/var/lib/deployer/undo
boot=deployer-undo-boot.service
forget_undo() {
  rm -f -- "$held/back"
  sync -f -- "$held" 2>/dev/null || :
  rm -rf -- "$held"
  rm -f -- "/etc/systemd/system/$boot" "/etc/systemd/system/sysinit.target.wants/$boot"
  rmdir --ignore-fail-on-non-empty -- /etc/systemd/system/sysinit.target.wants 2>/dev/null || :
}
