"""A host whose firewall is changed while others listen, filter and log in; and plain witnesses of what it lets in."""

from __future__ import annotations

import socket
import subprocess
from typing import Any

from deployer import lab as labs
from deployer.lab import LabHost
from tests.lab.fleet import Fleet, Ran
from tests.lab.sick import init_of

LISTEN = r"""cat >/root/listen.pl <<'X'
use IO::Socket::INET;
for (@ARGV) {
  next if fork;
  my ($place, $protocol) = split m{/}; my ($address, $port) = $place =~ /:/ ? split(/:/, $place) : ("0.0.0.0", $place);
  my $s = IO::Socket::INET->new($protocol eq "udp" ? (Proto => "udp") : (Listen => 5), LocalAddr => $address,
    LocalPort => $port) or die "$_: $!";
  while (1) { $protocol eq "udp" ? sleep : close $s->accept }
}
sleep;
X
systemd-run --quiet --collect --unit=web perl /root/listen.pl 8443/tcp 1514/udp 9100/tcp 127.0.0.1:5555/tcp
until ss -ltnu | grep -q :8443 && ss -ltnu | grep -q :1514 && ss -ltn | grep -q :9100; do sleep 0.1; done"""
UFW = """table ip filter {
  chain ufw-user-input {
    tcp dport 22 counter accept
  }
  chain INPUT {
    type filter hook input priority filter; policy drop;
    ct state established,related accept
    iifname "lo" accept
    jump ufw-user-input
  }
}
"""
CLEAN = """rm -rf /etc/ssh/sshd_config.d/port.conf /etc/systemd/system/ssh.socket.d /usr/local/sbin/nft
systemctl stop web deployer-undo.timer; systemctl disable -q --now ssh.socket deployer-firewall
systemctl enable -q ssh; systemctl restart ssh; nft flush ruleset
rm -rf /etc/nftables.d /etc/systemd/system/deployer-firewall.service /run/deployer-firewall /run/deployer/pending
systemctl daemon-reload"""
CUTS = """cat >/usr/local/sbin/nft <<'X'
#!/bin/sh
/usr/sbin/nft "$@" || exit
case $* in '-f /run/deployer/pending/new/load')
  /usr/sbin/nft insert rule inet deployer input meta nfproto ipv4 tcp dport 22 ct state new drop ;;
esac
X
chmod +x /usr/local/sbin/nft"""
"""New rules let go on what is open already, and nobody in: as a mistake that no check has foreseen."""
SPOILS = CUTS.replace("  /usr", "  echo 'add rule inet gone gone drop' >>/run/deployer/pending/old; /usr")
"""The rules of before cannot be loaded any more, too."""
WAITS = "[ -e /run/deployer/pending/armed ]"
MOVE = {
    "name": "move",
    "copy": {"content": "Port 2300\n", "dest": "/etc/ssh/sshd_config.d/port.conf"},
    "notify": "ssh",
    "confirm": False,  # the inventory still tells the old port
}


def console(host: LabHost, text: str) -> int:
    """Do something as a person at the host's console does, whatever its firewall says; return the status."""
    command = ["nsenter", "-t", str(init_of(host)), "-a", "--", "sh", "-c", text]
    return subprocess.run(command, capture_output=True).returncode


def wall(fleet: Fleet, *after: dict[str, Any], **words: Any) -> None:
    """Write the play."""
    task = {"cluster": "demo", "admin": [fleet.lab.subnet, fleet.lab.subnet6], "epmd_port": 4369, **words}
    handlers = [{"name": "ssh", "systemd": {"name": "ssh", "state": "restarted"}}]
    play = {"hosts": "all", "become": True, "gather_facts": False, "handlers": handlers}
    fleet.play({**play, "tasks": [{"name": "firewall", "firewall": task}, *after]})


def run(fleet: Fleet, command: str = "deploy") -> Ran:
    return fleet.run(command, playbook=fleet.directory / "play.yml")


def enters(fleet: Fleet, port: int = 22) -> bool:
    """Whether plain OpenSSH gets in by a new connection."""
    (host,) = fleet.hosts
    alias = ("-o", f"HostKeyAlias={host.address}", "-o", "ConnectTimeout=10", "-p", str(port))
    program, *rest = labs.ssh_arguments(fleet.lab, host, ["true"])
    return subprocess.run([program, *alias, *rest], capture_output=True).returncode == 0


def opens(host: LabHost, port: int) -> bool:
    """Whether this machine reaches a port."""
    with socket.socket() as knock:
        knock.settimeout(1)
        return knock.connect_ex((host.address, port)) == 0


def told_by_ssh_config(fleet: Fleet, port: int) -> None:
    """Give the port in ~/.ssh/config alone."""
    place = fleet.directory / ".ssh"
    place.mkdir(mode=0o700, exist_ok=True)
    address = fleet.hosts[0].address
    (place / "config").write_text(f"Host {address}\n  Port {port}\n  HostKeyAlias {address}\n")
