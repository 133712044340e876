# Prints a host's facts. Read-only.
emit hostname "$(uname -n | cut -d . -f 1)"
emit nodename "$(uname -n)"
emit fqdn "$(hostname -f 2>/dev/null || uname -n)"
emit kernel "$(uname -r)"
emit system "$(uname -s)"
emit architecture "$(uname -m)"
emit processor_vcpus "$(nproc)"
while read -r word value _; do
  case $word in
    MemTotal:) emit memtotal_mb "$((value / 1024))" ;;
    SwapTotal:) emit swaptotal_mb "$((value / 1024))" ;;
  esac
done </proc/meminfo
(
  ID='' VERSION_ID='' VERSION_CODENAME='' ID_LIKE='' PRETTY_NAME=''
  . /etc/os-release
  read -r point </etc/debian_version 2>/dev/null || point=
  emit lsb_description "$PRETTY_NAME"
  emit lsb_release "$VERSION_ID"
  case $ID:$point in debian:[0-9]*) VERSION_ID=$point ;; esac  # os-release has no point release
  emit distribution_id "$ID"
  emit distribution_version "$VERSION_ID"
  emit distribution_release "$VERSION_CODENAME"
  emit distribution_like "$ID_LIKE"
)
route=$(ip -4 -o route get 192.0.2.1 2>/dev/null || ip -4 -o addr show scope global 2>/dev/null || :)
case $route in
  *' src '*) address=${route#* src }; emit default_ipv4 "${address%% *}" ;;
  *' inet '*) address=${route#* inet }; emit default_ipv4 "${address%%/*}" ;;
  *) emit default_ipv4 "" ;;
esac
emit routes "$(ip -4 -o route show default 2>/dev/null || :)"
emit links "$(ls /sys/class/net 2>/dev/null || :)"
emit addresses "$(ip -o addr show 2>/dev/null || :)"
case $(cat /proc/1/comm) in systemd) emit service_mgr systemd ;; *) emit service_mgr other ;; esac
manager=unknown
for program in apk zypper pacman yum dnf apt-get; do
  ! command -v "$program" >/dev/null || manager=$program
done
emit pkg_mgr "${manager%-get}"
emit user_id "$(id -un)"
emit user_uid "$(id -u)"
emit user_gid "$(id -g)"
emit passwd "$(getent passwd "$(id -u)" || :)"
emit lang "${LANG-}"
emit path "$PATH"
emit date "$(date '+%Y %m %d %H %M %S %s %z %Z %A %V %u')"
emit utc "$(date -u '+%Y-%m-%dT%H:%M:%SZ')"
