"""How each rule of an audit is made to FAIL for real on a lab host: what breaks it, and what is the machine's own.

`tools/reference.py` prints which is which beside each rule.
"""

from __future__ import annotations

NOT_OURS = {"KR-01", "KR-02", "KR-03", "KR-04", "KR-05", "KR-06", "NT-01", "UN-06", "ED-12"}
"""Rules about the machine that the lab runs on, whatever its kernel is set to, and about the age of Debian's OTP."""
NOT_DECLARED = {"ED-04", "OP-02", "OP-04", "OP-07", "RL-07", "SS-02", "SS-04", "SS-06", "UN-08", "UN-10"}
"""What an image of Debian without apt's lists and a fleet without TLS, MemoryMax and bounds of dumps do not hold."""
LIMITS = r"""
set -eu
cd /opt/demo/current/
mkdir -p /run/systemd/system/demo.service.d
printf '[Service]\nLimitNOFILE=1024\nLimitCORE=infinity\nRestart=always\nEnvironment="%s"\n' \
  'ERL_ZFLAGS=+t 65536 +Q 1024 +P 1024 -pa /srv' >/run/systemd/system/demo.service.d/zy.conf
for unit in ufw firewalld; do
  printf '[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/bin/true\n' >/run/systemd/system/$unit.service
done
systemctl daemon-reload
systemctl start ufw firewalld
systemctl disable -q deployer-firewall || systemctl disable -q nftables
systemctl kill -s KILL demo
"""
"""The node falls, and comes back with few files, ports, processes and atoms; three load tables, none at boot."""

STRANGERS = r"""
set -eu
cd /opt/demo/current/
node=$(systemctl show -p MainPID --value demo)
spool=$(tr '\0' '\n' </proc/$node/environ | sed -n 's/^RELEASE_TMP=//p')
install -d -o demo "$spool"; echo @COOKIE@ >"$spool/shell.log"; chown demo "$spool/shell.log"
mount -t tmpfs -o size=64m none /srv; mkdir /srv/rel; cp -r erts-* releases lib /srv/rel/
install -o demo -m 0644 /dev/null releases/COOKIE; echo x >releases/COOKIE
echo '99.0 0.1.0' >releases/start_erl.data
mkdir lib/ssh-5.2.9 lib/observer-2.15 lib/stdlib-9.9
for n in 1 2 3 4 5 6 7 8 9; do mkdir /opt/demo/versions/old$n; done
rm -f /etc/ssh/ssh_host_rsa_key*; ssh-keygen -q -t rsa -b 2048 -N '' -f /etc/ssh/ssh_host_rsa_key
chmod 0644 /etc/ssh/ssh_host_rsa_key
nft -f - <<'END'
table inet lax {
  chain input {
    type filter hook input priority 1; policy drop;
    iif lo accept
    tcp dport 1-65535 accept
  }
}
END
rm -f /run/systemd/container
tracked=/proc/sys/net/netfilter/nf_conntrack_max
cp $tracked /srv/tracked; mount --bind /srv/tracked $tracked
printf 'Filename Type Size Used Priority\n' >/srv/swaps; mount --bind /srv/swaps /proc/swaps
mount -t tmpfs -o size=1m none /tmp; head -c 1000000 /dev/zero >/tmp/full
cat >/srv/tls.pem <<'END'
@CERTIFICATE@
END
{ cat /srv/tls.pem; echo "-----BEGIN PRIVATE KEY-----"; } >/srv/tls.key
chmod 0644 /srv/tls.key; chown demo /srv/tls.key
cat >/srv/tls.conf <<'END'
[{server,[{certfile,"/srv/tls.pem"},{keyfile,"/srv/tls.key"},{verify,verify_none}]},{client,[{verify,verify_none}]}].
END
cat >/srv/full.erl <<'END'
Left = fun(Count, Most) -> erlang:system_info(Most) * 17 div 20 - erlang:system_info(Count) end,
[list_to_atom("x" ++ integer_to_list(I)) || I <- lists:seq(1, Left(atom_count, atom_limit))],
spawn(fun() -> [{ok, _} = gen_udp:open(0) || _ <- lists:seq(1, Left(port_count, port_limit))],
  receive stop -> ok end end),
[spawn(fun() -> receive stop -> ok end end) || _ <- lists:seq(1, Left(process_count, process_limit))].
END
cat >/srv/rogue.erl <<'END'
Meet = fun Meet() -> net_kernel:connect_node('demo@@ADDRESS@') orelse begin timer:sleep(100), Meet() end end,
Meet(),
{ok, Text} = file:read_file("/srv/full.erl"),
{ok, Tokens, _} = erl_scan:string(binary_to_list(Text)),
{ok, Exprs} = erl_parse:parse_exprs(Tokens),
rpc:call('demo@@ADDRESS@', erl_eval, exprs, [Exprs, []]),
{ok, Epmd} = gen_tcp:connect({127,0,0,1}, 4369, [binary]),
gen_tcp:send(Epmd, <<18:16, $x, 9105:16, 77, 0, 6:16, 5:16, 5:16, "ghost", 0:16>>),
receive stop -> ok end.
END
lib=$PWD/lib root=$PWD
export ROOTDIR=/srv/rel BINDIR=$(echo /srv/rel/erts-*/bin) EMU=beam HOME=/srv RELEASE_COOKIE=@COOKIE@
boot=$(echo $ROOTDIR/releases/*/start_clean.boot)
setsid setpriv --reuid=demo --regid=demo --clear-groups $BINDIR/erlexec -boot "${boot%.boot}" \
  -boot_var RELEASE_LIB $ROOTDIR/lib -noinput -name rogue@@ADDRESS@ -setcookie @COOKIE@ -kernel net_ticktime 61 \
  -eval 'file:script("/srv/rogue.erl").' >/srv/rogue.log 2>&1 </dev/null &
export ROOTDIR=$root BINDIR=$(echo $root/erts-*/bin)
setsid $BINDIR/erlexec -boot "${boot%.boot}" -boot_var RELEASE_LIB $lib -noinput -proto_dist inet_tls \
  -ssl_dist_optfile /srv/tls.conf >/srv/tls.log 2>&1 </dev/null &
mount -o remount,size=$(($(du -sk /srv | cut -f1) + 512))k /srv
"""
"""Beside it runs, from a full disk, a node of another cluster with the same cookie and user, which fills the first
one's tables and has EPMD list a ghost; a BEAM whose TLS asks for nothing; what was installed is as it was no more. How
many connections are tracked at most, and swap, are the whole machine's: a file lies over what the host's /proc says."""

OF_MACHINE = "echo 1 >/srv/tracked; echo '/dev/sdz partition 1048572 1024 -2' >>/srv/swaps"
UNFILTERED = r"""
cd /opt/demo/current/
export ROOTDIR=$PWD BINDIR=$(echo $PWD/erts-*/bin) EMU=beam HOME=/srv
boot=$(echo releases/*/start_clean.boot)
setsid $BINDIR/erlexec -boot "${boot%.boot}" -boot_var RELEASE_LIB $ROOTDIR/lib -noinput >/dev/null 2>&1 </dev/null &
"""
"""A BEAM from the machine below: systemd-nspawn filters the calls of every process that a host starts by itself."""
NARROWED = {"NT-02", "OP-09", "UN-12"}
"""What FAILs with those two, and PASSes before."""

ESTRANGED = {
    "AT-01", "AT-02", "AT-03", "CK-03", "CK-08", "CK-09", "CK-10", "ED-05", "ED-06", "ED-07", "ED-10", "ED-13", "ED-14",
    "ED-15", "FW-03", "FW-04", "FW-05", "HO-03", "KR-06", "NT-01", "OP-01", "OP-08", "RL-04", "RL-05", "RL-08", "RL-09",
    "RL-10", "SB-01", "SB-02", "SB-03", "SS-05", "UN-04", "UN-06", "UN-13", "UN-14", "UN-16",
}  # fmt: skip
"""What has to FAIL once both have run."""
ELSEWHERE = {
    "OP-06": "broken by hand on the host of ejabberd, which brings openssl",
    "SS-09": "as Debian 13 comes, whose sshd has it",
}
"""What FAILs on hosts of other tests (test_ejabberd.py, test_deploy_trixie.py)."""
DECLARED_WRONG = {"ED-11", "ED-17"}
"""What FAILs when the inventory is another one: a name that leads nowhere, and two nodes that do not agree."""

BREAK = r"""
set -eu
cd /opt/demo/current/
home=/run/beam/demo
chmod 0644 $home/.erlang.cookie; printf monster >$home/.erlang.cookie
install -o demo -m 0644 /dev/null $home/.erlang
pid=$(systemctl show -p MainPID --value demo)
spool=$(tr '\0' '\n' </proc/$pid/environ | sed -n 's/^RELEASE_TMP=//p')
install -d -o demo "$spool"; install -o demo -m 0644 /dev/null "$spool/demo-1.runtime.config"
chmod 0644 /etc/beam/demo/private/demo.env
install -o demo -m 0644 /dev/null /var/lib/beam/demo/erl_crash.dump
file=$(find . -name 'demo.app'); chown demo "$file"
chmod u+s "$(find . -name 'kernel.app')"
ln -s /etc lib/elsewhere
echo 'ERL_FLAGS="+S 1"' >>/etc/environment
printf 'PasswordAuthentication yes\nMaxAuthTries 100\nX11Forwarding yes\nCiphers aes128-cbc,aes256-ctr\n' \
  >/etc/ssh/sshd_config.d/00-lax.conf
useradd -m -s /bin/bash guest; passwd -qd guest
install -d -o guest /home/guest/.ssh; install -o guest -m 0666 /dev/null /home/guest/.ssh/authorized_keys
echo 'guest ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/guest
touch /run/reboot-required
touch -d '2 hours ago' /run/deployer/holder
mkdir -p /etc/systemd/journald.conf.d /run/systemd/system/demo.service.d
printf '[Journal]\nStorage=volatile\n' >/etc/systemd/journald.conf.d/00.conf
printf '[Service]\nEnvironment=SECRET_KEY_BASE=canary-77\nRestart=no\n[Unit]\nStartLimitIntervalSec=0\n' \
  >/run/systemd/system/demo.service.d/zz.conf
systemctl daemon-reload; systemctl disable -q demo
install -m 0755 /dev/null /usr/sbin/needrestart
chmod 0777 /var/tmp
nft flush ruleset
export ROOTDIR=/opt/demo/current BINDIR=$(echo /opt/demo/current/erts-*/bin) EMU=beam HOME=/root
ERL_EPMD_PORT=4370 setsid $BINDIR/epmd -daemon
boot=$(echo releases/*/start_clean.boot)
setsid $BINDIR/erlexec -boot "${boot%.boot}" -boot_var RELEASE_LIB $ROOTDIR/lib -noinput \
  -hidden -name "rem-77@ADDRESS" -setcookie COOKIE \
  -eval 'net_kernel:connect_node(list_to_atom("demo@ADDRESS")).' >/root/rogue.log 2>&1 </dev/null &
"""
BROKEN = {
    "CK-01", "CK-02", "CK-04", "CK-05", "CK-06", "CK-07", "ED-01", "ED-02", "ED-03", "ED-08", "ED-09", "ED-16", "FW-01",
    "FW-02", "FW-06", "HO-01", "HO-02", "OP-02", "OP-03", "OP-04", "OP-05", "RL-01", "RL-02", "RL-03", "SS-01", "SS-02",
    "SS-03", "SS-04", "SS-07", "SS-08", "SS-10", "UN-01", "UN-02", "UN-03", "UN-05", "UN-07", "UN-09", "UN-10",
    "UN-11", "UN-15",
}  # fmt: skip
"""What has to FAIL once all of that is done."""

PLACES = {
    **dict.fromkeys(BROKEN, "broken by hand"),
    **dict.fromkeys(ESTRANGED, "broken by hand"),
    **dict.fromkeys(NARROWED, "broken by hand, from the machine below"),
    **dict.fromkeys(DECLARED_WRONG, "declared wrong"),
    **dict.fromkeys(NOT_DECLARED - BROKEN - ESTRANGED, "as Debian and a small inventory leave it"),
    **dict.fromkeys(NOT_OURS - BROKEN - ESTRANGED, "as the machine below is"),
    **ELSEWHERE,
}
"""Rule → how it comes to FAIL on a lab host."""
