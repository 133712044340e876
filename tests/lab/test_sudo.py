"""Becoming root on real hosts, and hosts that give the transport little room: one session, no forwarding."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from deployer import lab as labs
from deployer.errors import AuthError, ProbeError
from deployer.model import Blob, Connection, Secret
from deployer.sh import Program, sh
from deployer.transport import SshOptions, Transport, open_transport

WHO = Program((sh("id -un"), sh('client=${{connection%% *}}; echo "${{client%.*}}"')), become=True)


@pytest.fixture(scope="module")
def by_profile(lab_of) -> dict[str, labs.LabHost]:
    lab = lab_of("sudo", "sudo-password", "closed", "stock")
    return {host.profile: host for host in lab.hosts}


@pytest.fixture
def reach(tmp_path: Path):
    opened: list[Transport] = []
    options = SshOptions(ssh_config=None, home=tmp_path)

    def connect(host: labs.LabHost, password: str | None = None) -> Transport:
        lab = host.home.parent.parent
        connection = Connection(
            host.address,
            user=host.user,
            private_key=lab / "id_ed25519",
            become=True,
            ssh_options={"userknownhostsfile": str(lab / "known_hosts")},
        )
        if password is not None:
            connection = replace(connection, become_password=Secret(password, "become password"))
        opened.append(open_transport(host.name, connection, options))
        return opened[-1]

    yield connect
    for transport in opened:
        transport.close()


def answers(transport: Transport, program: Program = WHO) -> list[str]:
    return [frame.out for frame in transport.run(program, timeout=60)]


def attempts(host: labs.LabHost, ssh) -> str:
    return ssh(host, "journalctl --sync; journalctl -q -t sudo -o cat")[1]


@pytest.mark.parametrize(("profile", "password"), [("sudo", None), ("sudo-password", labs.PASSWORD)])
def test_a_user_becomes_root_and_the_program_knows_where_it_came_from(by_profile, reach, profile, password):
    host = by_profile[profile]
    transport = reach(host, password)
    assert answers(transport) == ["root", host.address.rpartition(".")[0]]
    assert answers(transport, replace(WHO, become=False))[0] == "deploy"


@pytest.mark.parametrize(("profile", "password"), [("sudo", None), ("sudo-password", labs.PASSWORD)])
def test_uploads_and_large_answers_pass_through_sudo(by_profile, reach, profile, password):
    blob = Blob.of(bytes(range(256)) * 16_000)
    program = Program(
        (sh('sha256sum <"$blobs/0" | cut -c 1-64'), sh("head -c 60000 /dev/zero | tr '\\0' x")),
        writes=True,
        blobs=(blob,),
        become=True,
    )
    digest, large = answers(reach(by_profile[profile], password), program)
    assert digest == blob.sha256
    assert len(large) == 60_000


def test_a_password_that_is_needed_and_not_given_is_one_clear_refusal(by_profile, reach):
    with pytest.raises(AuthError, match="a password is required"):
        answers(reach(by_profile["sudo-password"]))


def test_a_wrong_password_is_tried_exactly_once_by_a_whole_run(by_profile, reach, ssh, eventually):
    host = by_profile["sudo-password"]
    before = attempts(host, ssh).count("incorrect password attempt")
    for transport in (reach(host, "canary-wrong"), reach(host, "canary-wrong")):
        with pytest.raises(AuthError):
            answers(transport)
        # It tells when it ends, which may be after us.
        eventually(lambda: attempts(host, ssh).count("incorrect password attempt") > before)
    log = attempts(host, ssh)
    assert log.count("incorrect password attempt") == before + 1
    assert "2 incorrect" not in log
    assert "3 incorrect" not in log
    assert "canary" not in log


def test_a_host_with_one_session_and_no_forwarding_is_enough_for_programs_and_streams(by_profile, reach):
    transport = reach(by_profile["closed"])
    for _ in range(5):
        assert answers(transport)[0] == "root"
        stream = transport.connect("127.0.0.1", 22, timeout=20)
        assert stream.recv(4) == b"SSH-"
        stream.close()


def test_a_host_has_one_key_whatever_it_is_called(by_profile, reach):
    first, again, other = (reach(by_profile[profile]) for profile in ("closed", "closed", "stock"))
    assert first.host_key == again.host_key != other.host_key


@pytest.mark.parametrize(
    ("path", "text", "error", "problem", "hint"),
    [
        ("/etc/sudoers.d/00-tty", "Defaults requiretty", AuthError, "wants a terminal", "!requiretty"),
        ("/etc/sudoers.d/00-path", "Defaults secure_path=/nowhere", ProbeError, "status 127", "secure_path"),
        ("/etc/sudoers.d/00-noexec", "Defaults noexec", ProbeError, "status 126", "noexec"),
        ("/home/deploy/.bashrc", "exit 3", AuthError, "status 3 before sudo said a word", ".bashrc"),
        ("/home/deploy/.bashrc", "PATH=/nowhere", AuthError, "no sudo in the PATH", ".bashrc"),
        ("/home/deploy/.bashrc", "read -r answer", ProbeError, "something on the host read it first", ".bashrc"),
    ],
)
def test_what_keeps_a_program_from_starting_is_called_by_its_name(
    by_profile, reach, ssh, path, text, error, problem, hint
):
    host = by_profile["sudo"]
    assert ssh(host, f"usermod -s /bin/bash deploy; cp -a {path} /root/kept; echo '{text}' >{path}; :")[0] == 0
    try:
        with pytest.raises(error, match=problem) as caught:
            answers(reach(host))
        assert hint in caught.value.hint
    finally:
        ssh(host, f"rm -f {path}; [ ! -e /root/kept ] || mv /root/kept {path}")
    assert answers(reach(host))[0] == "root"


@pytest.mark.parametrize("shell", ["/bin/rbash", "/usr/sbin/nologin"])
def test_a_login_shell_that_runs_nothing_is_blamed_and_not_sudo(by_profile, reach, ssh, shell):
    host = by_profile["sudo"]
    assert ssh(host, f"usermod -s {shell} deploy")[0] == 0
    try:
        with pytest.raises(AuthError, match="login shell of this user runs no commands"):
            answers(reach(host))
    finally:
        ssh(host, "usermod -s /bin/bash deploy")
    assert answers(reach(host))[0] == "root"


@pytest.mark.parametrize(
    ("age", "problem"),
    [("-E 0", "account has expired"), ("-d 0", "password of this user has expired")],
    ids=["account", "password"],
)
def test_an_account_or_a_password_that_has_expired_is_called_by_its_name(by_profile, reach, ssh, age, problem):
    host = by_profile["sudo"]
    assert ssh(host, f"chage {age} deploy")[0] == 0
    try:
        with pytest.raises(AuthError, match=problem):
            answers(reach(host))
    finally:
        ssh(host, "chage -E -1 -d 20000 deploy")
    assert answers(reach(host))[0] == "root"


@pytest.mark.parametrize(
    ("words", "state"),
    [
        ("System is going down. Unprivileged users are not permitted to log in anymore.", "shutting down"),
        ("System is booting up. Unprivileged users are not permitted to log in yet.", "still starting"),
    ],
    ids=["down", "up"],
)
def test_a_host_that_shuts_down_or_starts_bans_nobody(by_profile, reach, ssh, words, state):
    host = by_profile["sudo"]
    assert ssh(host, f"echo '{words} For technical details, see pam_nologin(8).' >/run/nologin")[0] == 0
    try:
        with pytest.raises(AuthError, match=f"the host is {state}"):
            answers(reach(host))
    finally:
        ssh(host, "rm /run/nologin")
    assert answers(reach(host))[0] == "root"


def test_a_password_that_a_shell_would_read_is_only_a_password(by_profile, reach, ssh):
    """Reported of others: pyinfra-dev/pyinfra#1103 (a semicolon), #417 (a quote at its end)."""
    host, strange = by_profile["sudo-password"], 'a;b "c" $(touch /canary) `x` \\\'%s"'
    assert ssh(host, "chpasswd", stdin=f"deploy:{strange}\n".encode())[0] == 0
    try:
        assert answers(reach(host, strange))[0] == "root"
        assert ssh(host, "ls /canary")[0] != 0
    finally:
        ssh(host, "chpasswd", stdin=f"deploy:{labs.PASSWORD}\n".encode())
