"""Wrong states below the cluster, made on lab hosts: no way to the host, a unit that does not run, another program."""

from __future__ import annotations

from deployer.engine.ladder.reading import NodeReading
from deployer.engine.ladder.rung import Rung
from tests.lab.wrong_kit import Wrong
from tests.unit.engine.ladder_kit import reading, unit

HOST, UNIT, RELEASE = Rung.HOST, Rung.UNIT, Rung.RELEASE
OFF = 'nsenter -t "$init" -a systemctl stop demo; ip link set "$port" down'
ON = 'ip link set "$port" up'

UNITS: dict[str, Wrong] = {
    # 1 host reachable
    "the host is off": Wrong(
        HOST, OFF, "did not answer within 2 s", "is it up", undo=ON, alone=True, at="controller",
        seen=NodeReading(lost="10.0.0.1:22 did not answer within 2 s", remedy="is it up?")),
    "sshd is stopped": Wrong(
        HOST, "systemctl stop ssh.socket ssh.service", "Connection refused", "is sshd running",
        undo="systemctl start ssh.service", restart=False, away=True),
    "the host shows another key": Wrong(
        HOST, "cd /etc/ssh; mv ssh_host_ed25519_key /root/kept/; ssh-keygen -qt ed25519 -N '' -f ssh_host_ed25519_key;"
        " systemctl restart ssh", "the key of {me} is not the known one; nothing was sent to it", "",
        undo="mv /root/kept/ssh_host_ed25519_key /etc/ssh/; systemctl restart ssh", restart=False,
        away=True),
    "our key was taken off the host": Wrong(
        HOST, "mv /root/.ssh/authorized_keys /root/kept/", "root may not log in", "add the key to the host",
        undo="mv /root/kept/authorized_keys /root/.ssh/", restart=False, away=True),

    # 2 unit active: what systemd says
    "the unit is missing": Wrong(
        UNIT, "systemctl stop demo; rm /etc/systemd/system/demo.service; systemctl daemon-reload",
        "demo.service does not exist", "deploy"),
    "the unit is stopped": Wrong(
        UNIT, "systemctl stop demo", "demo.service is inactive (dead)", "systemctl start demo"),
    "the unit is masked": Wrong(
        UNIT, "systemctl stop demo; ln -sf /dev/null /etc/systemd/system/demo.service; systemctl daemon-reload",
        "demo.service is masked", "systemctl unmask demo.service",
        seen=reading(unit=unit(load="masked", loaded=False))),
    "the application raises at its start": Wrong(
        UNIT, "once; set_env DEMO_CRASH 1; fails",
        "the application demo did not start … DEMO_CRASH is set: refusing to start", "fix it in the release"),
    "the journal lags behind the node": Wrong(
        UNIT, "once; set_env DEMO_CRASH 1; journald=$(systemctl show -p MainPID --value systemd-journald);"
        " kill -STOP $journald; fails; (sleep 4; kill -CONT $journald) >/dev/null 2>&1 &",
        "the application demo did not start … DEMO_CRASH is set: refusing to start", "fix it in the release"),
    "the node crashes again and again": Wrong(
        UNIT, "set_env DEMO_CRASH 1; loops", "a crash loop … DEMO_CRASH is set", "fix it in the release"),
    "systemd has given up on it": Wrong(
        UNIT, "set_env DEMO_CRASH 1; drop_in Unit StartLimitBurst=1 '[Service]' RestartSec=0.2; fails;"
        " until systemctl is-failed --quiet demo; do sleep 0.2; done",
        "systemd has given up … DEMO_CRASH is set", "fix it in the release"),
    "the start takes long": Wrong(
        UNIT, "set_env DEMO_SLOW_START 60000; starts", "is still starting for", "unit.TimeoutStartSec"),

    # 2 unit active: why it does not start
    "no distribution port is free": Wrong(
        UNIT, "once; systemctl stop demo; sed -i s/_max.9109/_max\\ 9100/ $flags; rogue deaf 9100; fails",
        "the distribution port is taken", "ss -ltnp"),
    "the application's own port is taken": Wrong(
        UNIT, "once; systemctl stop demo; rogue deaf 4000; fails",
        "a port that the application itself listens on is already in use", "ss -ltnp"),
    "another node has the name": Wrong(
        UNIT, "once; systemctl stop demo; rogue squat demo 9105; fails", "is already registered as demo@{me}",
        "stop the other node"),
    "runtime.exs asks for a variable": Wrong(
        UNIT, """once; cd $live/releases/0.1.0; echo 'System.fetch_env!("DATABASE_URL")' >>runtime.exs
        fails_saying 'variable "DATABASE_URL"'""",
        "the environment variable DATABASE_URL, which is not set", "declare DATABASE_URL under env",
        undo="sed -i /DATABASE_URL/d $live/releases/0.1.0/runtime.exs"),
    "RELEASE_TMP cannot be written": Wrong(
        UNIT,
        "once; sed -i s/CONFIG=false/CONFIG=true/ $live/releases/0.1.0/sys.config; set_env RELEASE_TMP /no; fails",
        "may not write its runtime configuration", "RELEASE_TMP must be a directory of the node's user",
        undo="sed -i s/CONFIG=true/CONFIG=false/ $live/releases/0.1.0/sys.config"),
    "the cookie file is open to others": Wrong(
        UNIT, "once; echo 'chmod 0644 \"$HOME/.erlang.cookie\"' >>$live/releases/0.1.0/env.sh; fails",
        "can read the cookie file", "0400", undo="sed -i /erlang.cookie/d $live/releases/0.1.0/env.sh"),
    "the cookie file is gone": Wrong(
        UNIT, "once; rm /etc/beam/demo/private/cookie; fails", "systemd cannot read", "deploy again"),
    "a NIF cannot be loaded": Wrong(
        UNIT, "once; cd $live/lib/crypto-*/priv/lib; keep crypto.so; truncate -s 0 crypto.so; fails",
        "native … cannot be loaded", "on the hosts' distribution",
        undo="cp -p /root/kept/crypto.so $live/lib/crypto-*/priv/lib/"),
    "the release needs a newer glibc": Wrong(
        UNIT, "once; systemctl stop demo; cd $live/erts-*/bin; keep beam.smp; sed -i s/GLIBC_2.34/GLIBC_2.99/ beam.smp;"
        " fails",
        "does not have GLIBC_2.99", "oldest distribution",
        undo="cd $live/erts-*/bin; rm beam.smp; cp -p /root/kept/beam.smp ."),
    "the start script cannot be executed": Wrong(
        UNIT, "once; chmod a-x $live/bin/demo; fails", "cannot execute the release's start script", "noexec",
        undo="chmod a+x $live/bin/demo"),
    "there is no EPMD at its start": Wrong(
        UNIT, "once; systemctl mask --runtime --quiet --now beam-epmd@4369.service; fails", "no EPMD answers",
        "cluster.epmd_port"),
    "a flag in vm.args is no term": Wrong(
        UNIT, "once; echo '-kernel net_ticktime [' >>$flags; fails", "a flag in vm.args", "nodes.vm_args"),

    # 3 runs the declared release
    "the release before still runs": Wrong(
        RELEASE, "cd /opt/demo; cp -a $live versions/0.0.9-00000000; ln -sfn versions/0.0.9-00000000 current;"
        " systemctl restart demo; ln -sfn versions/${live##*/} current",
        "runs /opt/demo/versions/0.0.9-00000000, not /opt/demo/versions/", "systemctl restart demo.service",
        undo="systemctl stop demo; rm -rf /opt/demo/versions/0.0.9-00000000"),
    "its files were replaced under it": Wrong(
        RELEASE, "cp -a $live $live.new; rm -rf $live; mv -T $live.new $live",
        "runs a program that was deleted or replaced on the disk", "systemctl restart demo",
        seen=reading(unit=unit(deleted=True))),
    "the unit runs something else": Wrong(
        RELEASE, "once ExecStart= 'ExecStart=/bin/sleep infinity' ExecStartPost=; systemctl restart demo",
        "demo.service runs /usr/bin/sleep, not an Erlang node", "systemctl cat demo.service"),
    "the node was frozen by a signal": Wrong(
        RELEASE, "kill -STOP $(main)", "is stopped by a signal: it is alive, but does nothing", "kill -CONT",
        undo="kill -CONT $(main)", restart=False),
}  # fmt: skip
