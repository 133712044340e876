"""Debian 13 by the same recipe: another systemd, another OpenSSH, another OTP."""

from __future__ import annotations

from deployer import lab as labs


def test_a_debian_13_host_runs_a_release_built_for_it_and_keeps_its_disk_untouched_by_logins(
    lab_of, ssh, demo_app, tmp_path, eventually
):
    (host,) = lab_of("default", suites=["trixie"]).hosts
    before = labs.upper_state(host)
    assert "VERSION_CODENAME=trixie" in ssh(host, "cat /etc/os-release; systemctl is-system-running")[1]
    assert ssh(host, "systemctl is-system-running", tty=True)[1].startswith("running\r\n")
    assert labs.upper_state(host) == before
    tarball = labs.build_app(demo_app, suite="trixie", out=tmp_path)
    assert ssh(host, "mkdir /opt/demo && tar -xzf - -C /opt/demo", stdin=tarball.read_bytes()) == (0, "")
    start = "systemd-run --quiet --unit=demo --setenv=RELEASE_DISTRIBUTION=none /opt/demo/bin/demo start"
    assert ssh(host, start) == (0, "")
    eventually(lambda: "answers on port 4000" in ssh(host, "journalctl -u demo --no-pager")[1])
