"""What a host says of itself, under Ansible's names; one extra exec, only in plays that use it."""

from __future__ import annotations

from typing import Any

from deployer.modules.base import records
from deployer.sh import Program, Sh
from deployer.transport.base import Transport

_TEXT = Sh(
    r"""
emit hostname "$(uname -n | cut -d . -f 1)"
emit nodename "$(uname -n)"
emit fqdn "$(hostname -f 2>/dev/null || uname -n)"
emit kernel "$(uname -r)"
emit system "$(uname -s)"
emit architecture "$(uname -m)"
emit processor_vcpus "$(nproc)"
while read -r word value _; do
  case $word in MemTotal:) emit memtotal_mb "$((value / 1024))" ;; esac
done </proc/meminfo
(
  ID='' VERSION_ID='' VERSION_CODENAME='' ID_LIKE=''
  . /etc/os-release
  read -r point </etc/debian_version 2>/dev/null || point=
  case $ID:$point in debian:[0-9]*) VERSION_ID=$point ;; esac  # os-release has no point release
  emit distribution_id "$ID"
  emit distribution_version "$VERSION_ID"
  emit distribution_release "$VERSION_CODENAME"
  emit distribution_like "$ID_LIKE"
)
route=$(ip -4 -o route get 192.0.2.1 2>/dev/null || ip -4 -o addr show scope global 2>/dev/null || :)
case $route in
  *' src '*) route=${route#* src }; emit default_ipv4 "${route%% *}" ;;
  *' inet '*) route=${route#* inet }; emit default_ipv4 "${route%%/*}" ;;
  *) emit default_ipv4 "" ;;
esac
case $(cat /proc/1/comm) in systemd) emit service_mgr systemd ;; *) emit service_mgr other ;; esac
"""
)
_NUMBERS = ("processor_vcpus", "memtotal_mb")
_FAMILY = {"debian": "Debian", "ubuntu": "Debian", "rhel": "RedHat", "fedora": "RedHat", "alpine": "Alpine"}


def gather(transport: Transport, *, timeout: float = 60.0) -> dict[str, Any]:
    """Return facts as ``{"ansible_hostname": …}`` plus all of them again under ``ansible_facts``.

    Values are data from the host: the templating layer never renders them.

    Raises:
        HostError: the host cannot be read.
    """
    (frame,) = transport.run(Program((_TEXT,)), timeout=timeout)
    raw = records(frame.out)
    facts: dict[str, Any] = {key: int(raw[key]) if key in _NUMBERS and raw[key].isdigit() else raw[key] for key in raw}
    name = facts.pop("distribution_id", "")
    like = facts.pop("distribution_like", "").split()
    facts["distribution"] = {"debian": "Debian", "ubuntu": "Ubuntu", "fedora": "Fedora"}.get(name, name.capitalize())
    facts["os_family"] = next((_FAMILY[word] for word in (name, *like) if word in _FAMILY), facts["distribution"])
    facts["distribution_major_version"] = str(facts.get("distribution_version", "")).split(".")[0]
    facts["default_ipv4"] = {"address": facts.get("default_ipv4", "")}
    return {**{f"ansible_{key}": value for key, value in facts.items()}, "ansible_facts": facts}
