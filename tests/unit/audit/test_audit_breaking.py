"""Hosts on which something is wrong where a rule could overlook it: none of them passes."""

from __future__ import annotations

import pytest

from deployer.audit.catalog import RULES
from deployer.audit.process import FDS
from deployer.audit.rules_service import systemd_seconds
from deployer.fields import build
from deployer.fleet import AuditWords
from tests.unit.audit.audit_kit import ARGV, KERNEL, LISTENING, SSHD, STATUS, TLS, UNIT, certificate, facts, good, told

Changes = dict[str, str | None]
MAIN = "/etc/ssh/sshd_config"
HELD = STATUS.format(cap="0000000000000000", new="1")
NO_EPMD: Changes = {f"epmd.{key}": None for key in ("kind", "user", "fds", "names_told")}


def _sshd(**words: str) -> Changes:
    return {"login.sshd": told(SSHD | words, " ")}


def _unit(**words: str) -> Changes:
    return {"nodes.units": told(UNIT | words)}


STATES: dict[str, tuple[str, str, Changes, str]] = {
    "passwords by an option of sshd": (
        "SS-01", "FAIL", {"login.sshd_line": "sshd: /usr/sbin/sshd -D -oPasswordAuthentication=yes [listener] 0 of 9"},
        "passwordauthentication yes",
    ),
    "sshd with another file": (
        "SS-01", "UNKNOWN", {"login.sshd_line": "sshd: /usr/sbin/sshd -D -f /srv/sshd [listener] 0 of 9"}, "(-f)",
    ),
    "sshd with options that tell nothing": (
        "SS-01", "PASS", {"login.sshd_line": "sshd: /usr/sbin/sshd -D -o UseDNS=no [listener] 0 of 9"}, "",
    ),
    "the first of two options of sshd": (
        "SS-01", "FAIL",
        {"login.sshd_line": "sshd: /usr/sbin/sshd -D -o PermitRootLogin=yes -oPermitRootLogin=no [listener] 0 of 9"},
        "permitrootlogin yes",
    ),
    "an option of sshd with a blank in it": (
        "SS-01", "FAIL",
        _sshd(passwordauthentication="yes", authenticationmethods="publickey")
        | {"login.sshd_line": "sshd: sshd -o AuthenticationMethods=publickey,password password -D [listener]"},
        "passwordauthentication yes",
    ),
    "an option of sshd with a blank in it that asks for a key": (
        "SS-01", "PASS",
        _sshd(passwordauthentication="yes")
        | {"login.sshd_line": "sshd: sshd -o AuthenticationMethods publickey publickey,password [listener]"},
        "",
    ),
    "root by password while there are none": ("SS-01", "FAIL", _sshd(permitrootlogin="yes"), "passwords are off"),
    "a file taken in by name that is no .conf": (
        "SS-01", "UNKNOWN", {"login.matched": f"{MAIN}:Include /etc/ssh/sshd_config.d/extra"}, "d/extra",
    ),
    "files taken in under Match": (
        "SS-01", "FAIL",
        {"login.matched": f"{MAIN}:Match User x\n{MAIN}:Include sshd_config.d/*.conf\n"
         f"{MAIN}.d/9.conf:PasswordAuthentication yes"}, "for Match User x",
    ),
    "passwords for some by a file that is taken in before the same Match": (
        "SS-01", "FAIL",
        {"login.matched": f"{MAIN}:Include /etc/ssh/sshd_config.d/*.conf\n{MAIN}:Match User x\n"
         f"{MAIN}:PasswordAuthentication no\n{MAIN}.d/9.conf:Match User x\n{MAIN}.d/9.conf:PasswordAuthentication yes"},
        "passwordauthentication yes for Match User x, in /etc/ssh/sshd_config.d/9.conf",
    ),
    "passwords for who is in two Matches, by the one that is taken in first": (
        "SS-01", "UNKNOWN",
        {"login.matched": f"{MAIN}:Include sshd_config.d/*.conf\n{MAIN}:Match Group a\n"
         f"{MAIN}:AuthenticationMethods publickey,password\n{MAIN}:PasswordAuthentication yes\n"
         f"{MAIN}.d/9.conf:Match User b\n{MAIN}.d/9.conf:AuthenticationMethods any"}, "in both",
    ),
    "forwarding for some": (
        "SS-02", "FAIL", {"login.matched": f"{MAIN}:Match User x\n{MAIN}: X11Forwarding yes"}, "x11forwarding yes",
    ),
    "forwarding for some, of none": (
        "SS-02", "FAIL",
        {**_sshd(disableforwarding="yes"), "login.matched": f"{MAIN}:Match User x\n{MAIN}:DisableForwarding no"},
        "disableforwarding no",
    ),
    "patience for some": (
        "SS-03", "FAIL", {"login.matched": f"{MAIN}:Match User x\n{MAIN}: MaxAuthTries 99"}, "maxauthtries 99",
    ),
    "keys from elsewhere for some": (
        "SS-07", "FAIL", {"login.matched": f"{MAIN}:Match User x\n{MAIN}: AuthorizedKeysFile /tmp/k"}, "/tmp/k",
    ),
    "keys from a command": ("SS-07", "UNKNOWN", _sshd(authorizedkeyscommand="/opt/k"), "/opt/k"),
    "certificates": ("SS-07", "UNKNOWN", _sshd(trustedusercakeys="/etc/ssh/ca"), "/etc/ssh/ca"),
    "no modes are strict": ("SS-07", "FAIL", _sshd(strictmodes="no"), "strictmodes no"),
    "sudo by number": ("SS-08", "FAIL", {"login.sudo": "#1000 ALL=(ALL) NOPASSWD: ALL"}, "#1000 can run"),
    "sudo to a number": ("SS-08", "FAIL", {"login.sudo": "x ALL=(#0) NOPASSWD: ALL"}, "x can run any"),
    "sudo with a tag between": ("SS-08", "FAIL", {"login.sudo": "x ALL=(ALL) NOPASSWD: SETENV: ALL"}, "x can run any"),
    "sudo with all among others": ("SS-08", "FAIL", {"login.sudo": "x ALL= NOPASSWD: ALL, !/bin/su"}, "x can run any"),
    "sudo with a password after all": ("SS-08", "PASS", {"login.sudo": "x ALL= NOPASSWD: /a, PASSWD: ALL"}, ""),
    "sudo in a comment": ("SS-08", "PASS", {"login.sudo": "# x ALL=(ALL) NOPASSWD: ALL"}, ""),
    "sudo by an alias": (
        "SS-08", "FAIL", {"login.sudo": "Cmnd_Alias ANY = ALL\nx ALL= NOPASSWD: ANY"}, "x can run any",
    ),
    "sudo asks nobody": ("SS-08", "FAIL", {"login.sudo": "Defaults:x !authenticate"}, "!authenticate"),
    "sudo takes more in": ("SS-08", "UNKNOWN", {"login.sudo": "@includedir /etc/more"}, "/etc/more"),
    "sudo takes in what is read": ("SS-08", "PASS", {"login.sudo": "@includedir /etc/sudoers.d"}, ""),
    "sudo goes on": ("SS-08", "UNKNOWN", {"login.sudo": "x ALL= NOPASSWD:\\"}, "continues on"),
    "EPMD's port held by systemd": (
        "ED-01", "FAIL", {**NO_EPMD, "nodes.listening": "7/00000000000000000000000000000000:1111 "}, "every address",
    ),
    "EPMD in another namespace": ("ED-01", "UNKNOWN", {"epmd.fds": "socket:[1] socket:[2] "}, "network namespace"),
    "EPMD on all of IPv4 by way of IPv6": (
        "ED-01", "FAIL", {"nodes.listening": LISTENING.replace("0100000A:1111", f"{'0' * 16}FFFF{'0' * 12}:1111")},
        "EPMD (process 90): listens on every address",
    ),
    "more descriptors than are read": ("ED-02", "UNKNOWN", {"node.fds": ("socket:[902] " * FDS)[:FDS]}, "open files"),
    "more descriptors than are counted": (
        "UN-13", "UNKNOWN",
        {"node.fds": ("- " * FDS)[:FDS], "node.limits": "Max open files 1048576 1048576 files"}, "not counted",
    ),
    "a crash dump as the runtime leaves it": (
        "UN-05", "PASS", {"node.dumps": "640 shop shop /var/log/shop/erl_crash.dump",
                          "node.dump_dir": "755 shop shop /var/log/shop"}, "",
    ),
    "a crash dump for a group of others": (
        "UN-05", "FAIL", {"node.dumps": "640 shop adm /var/log/shop/erl_crash.dump"}, "0640 and owner shop:adm",
    ),
    "a node that writes no crash dump": (
        "UN-05", "PASS", {"node.environ": "ERL_CRASH_DUMP_BYTES=0", "node.dump_dir": "1777 root root /tmp"}, "",
    ),
    "a program of which its process alone tells": ("RL-05", "UNKNOWN", {"node.claimed": "yes"}, "still on the disk"),
    "an apt that has never asked for updates": ("OP-02", "FAIL", {"machine.lists": "no"}, "apt has no package lists"),
    "a crash dump in a directory of others": ("UN-05", "FAIL", {"node.dump_dir": "755 ana ana /srv"}, "owner ana:ana"),
    "a crash dump where everybody writes": ("UN-05", "FAIL", {"node.dump_dir": "1777 root root /tmp"}, "file of their"),
    "a crash dump where a group writes": ("UN-05", "FAIL", {"node.dump_dir": "2775 root adm /srv"}, "owner root:adm"),
    "a crash dump that its directory gives to a group": (
        "UN-05", "FAIL", {"node.dump_dir": "2750 shop adm /var/log/shop"}, "group adm, which could read it",
    ),
    "a crash dump that goes nowhere": (
        "UN-05", "PASS", {"node.dumps": "666 root root /dev/null", "node.dump_dir": "755 root root /dev"}, "",
    ),
    "TLS in the application's own arguments": (
        "ED-04", "FAIL", {"node.argv": ARGV.replace("-proto_dist\ninet_tls\n", "") + "\n-extra\n-proto_dist\ninet_tls"},
        "without TLS",
    ),
    "TLS that says both": (
        "ED-05", "FAIL", {"node.tls": TLS.replace("[{certfile", "[{verify,verify_none},{certfile")}, "verify_none",
    ),
    "a key whose name has ca in it": (
        "ED-06", "FAIL",
        {"node.tls_at": "644 root root /etc/beam/local.pem",
         "node.tls_pem": f"file /etc/beam/local.pem\n{certificate(90)}\nholds a key"}, "/etc/beam/local.pem",
    ),
    "a certificate for everybody": (
        "ED-06", "PASS",
        {"node.tls_at": "644 root root /etc/beam/a.pem", "node.tls_pem": f"file /etc/beam/a.pem\n{certificate(9)}"}, "",
    ),
    "a node that EPMD has forgotten": (
        "CK-01", "FAIL",
        {"node.argv": ARGV.replace("-name\nshop@10.0.0.1\n", ""), "epmd.names_told": "",
         "node.cookies": "3 0 3 no argv"}, "has 3 characters",
    ),
    "/usr is writable by a mount of its own": (
        "UN-02", "FAIL", {"node.mounts": "1 0 8:1 / / ro - ext4 x rw\n2 1 8:1 /usr /usr rw - ext4 x rw"}, "/usr",
    ),
    "capabilities that are kept for later": (
        "UN-03", "FAIL", {"node.status": HELD.replace("CapPrm:\t0000000000000000", "CapPrm:\t0000000000000080")}, "80",
    ),
    "a saved user that is root": (
        "UN-03", "FAIL", {"node.status": HELD.replace("990\t990\t990\t990", "990\t990\t0\t990")}, "root again",
    ),
    "started again after success alone": ("UN-07", "FAIL", _unit(Restart="on-success"), "Restart=on-success"),
    "started too slowly for its limit": (
        "UN-07", "FAIL", _unit(StartLimitIntervalUSec="10s", RestartUSec="10s"), "5 starts, 10s apart",
    ),
    "an end of restarts that never comes": ("UN-07", "PASS", _unit(StartLimitIntervalUSec="infinity"), ""),
    "redirections by one interface": (
        "KR-05", "FAIL", {"machine.redirected": "ipv6/conf/eth0/accept_redirects"}, "net.ipv6.conf.eth0",
    ),
    "/proc mounted again": (
        "CK-04", "FAIL",
        {"node.argv": f"{ARGV}\n-setcookie\n***", "machine.mounts": "p /proc proc hidepid=2 0 0\np /proc proc rw 0 0"},
        "-setcookie",
    ),
    "a port that systemd holds for a service": (
        "FW-06", "FAIL",
        {"walls.sockets": "tcp 00000000:1111 7", "walls.holders": "7 1 0::/init.scope systemd",
         "walls.rules": "table inet x {\n}\n"}, "4369/tcp",
    ),
    "more BEAMs than are read": ("UN-01", "UNKNOWN", {"nodes.more": "yes"}, "more BEAMs"),
    "a BEAM started over ssh": ("UN-15", "FAIL", {"node.unit": "ssh.service"}, "in no service (ssh.service)"),
    "an EPMD started over ssh": ("ED-09", "FAIL", {"epmd.unit": "ssh@3-10.0.0.1.service"}, "no systemd service"),
    "a node that EPMD does not list": ("ED-10", "FAIL", {"epmd.names_told": ""}, "does not list it"),
    "a node that tells another EPMD": (
        "ED-10", "PASS", {"epmd.names_told": "", "node.environ": "ERL_EPMD_PORT=4370"}, "",
    ),
    "a name that a node may have whose sockets are hidden": (
        "ED-10", "UNKNOWN", {"node.argv": "/opt/shop/bin/beam.smp\n-noshell", "node.fds": None}, "cannot see the name",
    ),
    "a name that a process may have that is hidden": (
        "ED-10", "UNKNOWN", {"epmd.names_told": "name shop at port 9100\nname other at port 9101", "nodes.all": None},
        "'other'",
    ),
    "more of a release than is read": (
        "RL-02", "UNKNOWN", {"node.tree": "w /opt/shop/lib/a\nw /opt/shop/lib/b"}, "has more suspicious files",
    ),
    "a release that is looked through for too long": ("RL-02", "UNKNOWN", {"node.tree": "rc 124"}, "15 s"),
    "a node whose EPMD may be hidden": ("ED-10", "UNKNOWN", {**NO_EPMD, "nodes.all": None}, "hidepid"),
    "cores that a drop-in keeps after all": (
        "KR-03", "FAIL",
        {"machine.kernel": told(KERNEL | {"kernel/core_pattern": "|/lib/systemd/systemd-coredump %P"}),
         "machine.cores": "Storage=none\nStorage=external"}, "keeps cores",
    ),
    "a cookie that its owner may make writable": (
        "CK-03", "FAIL", {"node.cookie_at": "400 shop shop /opt/shop/releases/COOKIE"}, "not only root can write",
    ),
}  # fmt: skip


@pytest.mark.parametrize("state", STATES)
def test_what_a_rule_could_overlook_does_not_pass(state: str) -> None:
    rule, answer, changes, why = STATES[state]
    found = RULES[rule].apply(facts({key: value for key, value in changes.items() if value or _has(key)}))
    assert (found.answer, why in found.reason) == (answer, True), found


def _has(key: str) -> bool:
    group, _, name = key.partition(".")
    own = {"node": "_100", "epmd": "_90"}.get(group)
    return f"{name}{own or ''}" in good()["nodes" if own else group] or group not in ("node", "epmd")


def test_lines_of_sudo_that_are_declared_are_held_against_what_is_there_whole() -> None:
    words = build(AuditWords, {"sudo": ["Defaults:x !authenticate"]})
    said = "@includedir /etc/sudoers.d\nDefaults:x  !authenticate # for x\n"
    assert RULES["SS-08"].apply(facts({"login.sudo": said}, words=words)).answer == "PASS"


@pytest.mark.parametrize(("text", "wanted"), [("100ms", 0.1), ("1min 30s", 90), ("1d 2h", 93_600), ("0", 0)])
def test_times_of_systemd_are_read(text: str, wanted: float) -> None:
    assert systemd_seconds(text) == pytest.approx(wanted)
