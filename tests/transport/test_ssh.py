"""SSH against a real sshd: who is trusted, what is offered, and what happens when the peer misbehaves."""

from __future__ import annotations

import re
import shutil
import signal
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sshd import Sshd, keygen, public, wait_for

from deployer.errors import AuthError, ConfigError, ConnectionLost, HostKeyError, Unreachable
from deployer.model import Blob
from deployer.sh import Program, sh
from deployer.transport import SshOptions, Transport

HELLO = Program((sh("echo hello"),))
Start = Callable[..., Sshd]
Reach = Callable[..., Transport]


def answer(transport: Transport) -> str:
    return "".join(frame.out for frame in transport.run(HELLO, timeout=20))


# Host keys ------------------------------------------------------------------------------------------------------------


def no_login_was_tried(server: Sshd) -> bool:
    wait_for(lambda: "preauth" in server.log)
    return "authenticating user" not in server.log and "publickey" not in server.log


def test_a_changed_host_key_is_refused_before_any_login_and_both_fingerprints_are_shown(
    start_sshd: Start, reach: Reach, tmp_path: Path
) -> None:
    server = start_sshd()
    other = keygen(tmp_path / "other")
    server.known_hosts.write_text(f"[127.0.0.1]:{server.port} {public(other)}\n")
    with pytest.raises(HostKeyError) as caught:
        reach(server, server.options(accept_new=True))
    shown = re.findall(r"SHA256:\S{43}", str(caught.value))
    listed = [subprocess.check_output(["ssh-keygen", "-lf", key], text=True) for key in (server.home / "host", other)]
    assert len(shown) == 2
    assert all(fingerprint in line for fingerprint, line in zip(shown, listed, strict=True))
    assert no_login_was_tried(server)


def test_an_unknown_host_is_refused_before_any_login(start_sshd: Start, reach: Reach) -> None:
    server = start_sshd()
    server.known_hosts.write_text("")
    with pytest.raises(HostKeyError, match="--accept-new-host-keys"):
        reach(server)
    assert no_login_was_tried(server)


def test_a_new_host_is_written_down_once_when_that_is_wanted(start_sshd: Start, reach: Reach) -> None:
    server = start_sshd()
    server.known_hosts.write_text("# ends without a newline")
    options = server.options(accept_new=True)
    for _ in range(2):
        assert answer(reach(server, options)) == "hello"
    assert server.known_hosts.read_text() == f"# ends without a newline\n{server.host_line}\n"
    assert answer(reach(server)) == "hello"


def test_a_revoked_key_is_refused_even_where_it_is_also_known(start_sshd: Start, reach: Reach) -> None:
    server = start_sshd()
    server.known_hosts.write_text(f"{server.host_line}\n@revoked * {public(server.home / 'host')}\n")
    with pytest.raises(HostKeyError, match="revoked"):
        reach(server, server.options(accept_new=True))
    assert no_login_was_tried(server)


def test_a_hashed_name_is_recognised(start_sshd: Start, reach: Reach) -> None:
    server = start_sshd()
    subprocess.run(["ssh-keygen", "-q", "-H", "-f", server.known_hosts], check=True, capture_output=True)
    assert server.known_hosts.read_text().startswith("|1|")
    assert answer(reach(server)) == "hello"


def test_a_known_key_of_another_type_is_the_one_asked_for(start_sshd: Start, reach: Reach, tmp_path: Path) -> None:
    ecdsa = tmp_path / "ecdsa"
    subprocess.run(["ssh-keygen", "-q", "-t", "ecdsa", "-N", "", "-f", ecdsa], check=True)
    server = start_sshd(f"HostKey {ecdsa}")
    server.known_hosts.write_text(f"[127.0.0.1]:{server.port} {public(ecdsa)}\n")
    assert answer(reach(server)) == "hello"


def test_a_damaged_known_hosts_stops_before_any_connection(start_sshd: Start, reach: Reach) -> None:
    server = start_sshd()
    server.known_hosts.write_text(f"{server.host_line}\nother ssh-ed25519 AAAAC3Nz\n")
    with pytest.raises(ConfigError, match=r"known_hosts:2: .*damaged"):
        reach(server)
    assert "Connection from" not in server.log


# Login ----------------------------------------------------------------------------------------------------------------


def test_one_named_key_is_the_only_one_offered(start_sshd: Start, reach: Reach, tmp_path: Path) -> None:
    server = start_sshd("MaxAuthTries 6")
    (server.home / ".ssh").mkdir()
    shutil.copy(server.key, server.home / ".ssh" / "id_ed25519")
    with pytest.raises(AuthError, match="wrong"):
        reach(server, private_key=keygen(tmp_path / "wrong"))
    wait_for(lambda: "preauth" in server.log)
    assert len(re.findall("Failed publickey|userauth_pubkey", server.log)) <= 1
    assert "Accepted" not in server.log


def test_default_key_files_are_tried_when_none_is_named(start_sshd: Start, reach: Reach) -> None:
    server = start_sshd()
    (server.home / ".ssh").mkdir()
    shutil.copy(server.key, server.home / ".ssh" / "id_ed25519")
    assert answer(reach(server, private_key=None)) == "hello"


def test_no_key_at_all_says_so(sshd: Sshd, reach: Reach, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    with pytest.raises(AuthError, match="no key"):
        reach(sshd, private_key=None)


@pytest.fixture
def agent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    path = tmp_path / "agent"
    process = subprocess.Popen(["ssh-agent", "-D", "-a", path], stdout=subprocess.DEVNULL)
    wait_for(path.exists)
    monkeypatch.setenv("SSH_AUTH_SOCK", str(path))
    yield path
    process.kill()
    process.wait()


def test_the_agent_signs_and_is_never_forwarded(start_sshd: Start, reach: Reach, agent: Path) -> None:
    server = start_sshd()
    subprocess.run(["ssh-add", "-q", server.key], check=True, capture_output=True)
    transport = reach(server, private_key=None)
    (frame,) = transport.run(Program((sh('echo "${{SSH_AUTH_SOCK-none}}"'),)), timeout=20)
    assert frame.out == "none"


def test_a_frozen_agent_is_no_hang(sshd: Sshd, reach: Reach, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deployer.transport.auth._AGENT_PATIENCE", 0.2)
    monkeypatch.setenv("SSH_AUTH_SOCK", str(tmp_path / "frozen"))
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "frozen"))
        server.listen()
        assert answer(reach(sshd)) == "hello"


def test_a_passphrase_is_asked_once_for_all_hosts(start_sshd: Start, reach: Reach, tmp_path: Path) -> None:
    server, asked = start_sshd(), []
    key = keygen(tmp_path / "locked", "geheim")
    (server.home / "authorized_keys").write_text(public(key))

    def ask(prompt: str) -> str:
        asked.append(prompt)
        return "geheim"

    options = server.options(ask=ask)
    with ThreadPoolExecutor(4) as pool:
        for transport in pool.map(lambda _: reach(server, options, private_key=key), range(4)):
            assert answer(transport) == "hello"
    assert asked == [f"Passphrase for {key}: "]


def test_a_wrong_passphrase_is_not_asked_for_again_by_the_next_host(sshd: Sshd, reach: Reach, tmp_path: Path) -> None:
    asked: list[str] = []

    def ask(prompt: str) -> str:
        asked.append(prompt)
        return "wrong"

    options, key = sshd.options(ask=ask), keygen(tmp_path / "locked", "geheim")
    for _ in range(2):
        with pytest.raises(ConfigError, match="passphrase was wrong"):
            reach(sshd, options, private_key=key)
    assert len(asked) == 3


def test_only_modern_algorithms_are_offered() -> None:
    from deployer.transport import wire

    with socket.create_server(("127.0.0.1", 0)) as server:
        client = wire.Client(socket.create_connection(server.getsockname()), ("ssh-rsa", "ssh-dss"))
        client.start_client(event=threading.Event())
        peer, _ = server.accept()
        with peer:
            peer.sendall(b"SSH-2.0-test\r\n")
            reader = peer.makefile("rb")
            assert reader.readline().startswith(b"SSH-2.0-")
            offer = reader.read(int.from_bytes(reader.read(4), "big"))
            reader.close()
        client.hang_up()
    for word in (b"cbc", b"3des", b"md5", b"sha1", b"ssh-dss", b"ecdsa", b"nistp"):
        assert word not in offer
    assert b"kex-strict-c-v00@openssh.com" in offer


# Shells, sessions, forwarding -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("shell", ["bash", "dash", "zsh", "fish", "tcsh"])
def test_every_login_shell_starts_the_same_program(start_sshd: Start, reach: Reach, shell: str) -> None:
    if not shutil.which(shell):
        pytest.skip(f"{shell} is not installed")
    server = start_sshd(f'ForceCommand exec {shell} -c "$SSH_ORIGINAL_COMMAND"')
    (frame,) = reach(server).run(Program((sh('echo "$client"'),)), timeout=20)
    assert frame.out == "127.0.0.1"


def test_a_talkative_login_shell_is_no_answer(start_sshd: Start, reach: Reach) -> None:
    noise = "head -c 3000000 /dev/zero >&2; echo Welcome; printf 'no newline'"
    server = start_sshd(f'ForceCommand {noise}; eval "$SSH_ORIGINAL_COMMAND"')
    assert answer(reach(server)) == "hello"


def test_a_user_without_a_shell_is_refused_in_the_hosts_own_words(start_sshd: Start, reach: Reach) -> None:
    server = start_sshd("ForceCommand echo This account is currently not available.; exit 1")
    with pytest.raises(AuthError, match="currently not available"):
        answer(reach(server))


def test_one_session_at_a_time_is_enough_and_streams_do_not_count(start_sshd: Start, reach: Reach) -> None:
    server = start_sshd("MaxSessions 1")
    transport = reach(server)
    frames = transport.run(Program((sh("echo one"), sh("sleep 0.2; echo two"))), timeout=20)
    assert next(frames).out == "one"
    stream = transport.connect("127.0.0.1", server.port, timeout=20)
    assert stream.recv(4) == b"SSH-"
    assert [frame.out for frame in frames] == ["two"]
    for _ in range(5):
        assert answer(transport) == "hello"
    stream.close()


def test_sftp_is_not_needed_and_no_secret_is_in_argv(start_sshd: Start, reach: Reach) -> None:
    transport = reach(start_sshd())
    secret = "canary-5f1c"
    show = sh("cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' ' '")
    program = Program((show,), writes=True, blobs=(Blob.of(secret),))
    (frame,) = transport.run(program, timeout=20)
    assert secret not in frame.out
    assert program.marker not in frame.out


# Peers that misbehave -------------------------------------------------------------------------------------------------


def test_a_frozen_host_is_found_by_the_keepalive(start_sshd: Start, reach: Reach, tmp_path: Path) -> None:
    server = start_sshd()
    transport = reach(server, server.options(keepalive=0.3))
    forever = sh("until [ -e {} ]; do sleep 0.1; done", tmp_path / "go")
    frames = transport.run(Program((sh("true"), forever)), timeout=600)
    next(frames)
    server.signal_sessions(signal.SIGSTOP)
    with pytest.raises(ConnectionLost):
        next(frames)
    (tmp_path / "go").touch()


def test_a_host_that_freezes_in_mid_upload_is_found_too(start_sshd: Start, reach: Reach, tmp_path: Path) -> None:
    server = start_sshd()
    transport = reach(server, server.options(keepalive=0.3))
    answer(transport)
    server.signal_sessions(signal.SIGSTOP)
    program = Program((sh("true"),), writes=True, blobs=(Blob.of(b"x" * 8_000_000),))
    with pytest.raises(ConnectionLost):
        list(transport.run(program, timeout=600))


def test_a_quiet_host_that_answers_the_keepalive_is_not_lost(start_sshd: Start, reach: Reach, tmp_path: Path) -> None:
    server = start_sshd("LogLevel DEBUG3")
    transport = reach(server, server.options(keepalive=0.3))
    waiting = sh("until [ -e {} ]; do sleep 0.1; done; echo done", tmp_path / "go")
    frames = transport.run(Program((sh("true"), waiting)), timeout=600)
    next(frames)
    wait_for(lambda: server.log.count("keepalive@openssh.com") >= 8)
    (tmp_path / "go").touch()
    assert next(frames).out == "done"


def test_a_step_finishes_when_its_connection_is_killed(start_sshd: Start, reach: Reach, tmp_path: Path) -> None:
    server = start_sshd()
    began, go, done = (tmp_path / name for name in ("began", "go", "done"))
    step = sh("echo noise; touch {}; until [ -e {} ]; do sleep 0.05; done; echo more; touch {}", began, go, done)
    frames = reach(server).run(Program((sh("true"), step), writes=True), timeout=600)
    next(frames)
    wait_for(began.exists)
    server.signal_sessions(signal.SIGKILL)
    with pytest.raises(ConnectionLost):
        next(frames)
    go.touch()
    wait_for(done.exists)


def test_a_dead_connection_stays_dead_and_says_so(start_sshd: Start, reach: Reach) -> None:
    server = start_sshd()
    transport = reach(server)
    server.signal_sessions(signal.SIGKILL)
    with pytest.raises(ConnectionLost):
        answer(transport)
    with pytest.raises(ConnectionLost):
        answer(transport)
    with pytest.raises(ConnectionLost):
        transport.connect("127.0.0.1", server.port, timeout=5)


class Listener:
    """Accepts connections and treats the first ``drops`` of them badly; later ones are led to a real server."""

    def __init__(self, drops: int, words: bytes = b"", leads_to: int = 0) -> None:
        self.server = socket.create_server(("127.0.0.1", 0))
        self.port = self.server.getsockname()[1]
        self.drops, self.words, self.leads_to, self.accepted = drops, words, leads_to, 0
        self.open: list[socket.socket] = []
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                peer, _ = self.server.accept()
            except OSError:
                return
            self.accepted += 1
            self.open.append(peer)
            if self.accepted > self.drops:
                other = socket.create_connection(("127.0.0.1", self.leads_to))
                self.open.append(other)
                for a, b in ((peer, other), (other, peer)):
                    threading.Thread(target=_copy, args=(a, b), daemon=True).start()
            else:
                peer.sendall(self.words)
                peer.shutdown(socket.SHUT_WR) if not self.words.startswith(b"SSH") else None

    def close(self) -> None:
        self.server.shutdown(socket.SHUT_RDWR)
        self.server.close()
        for peer in self.open:
            peer.close()


def _copy(source: socket.socket, sink: socket.socket) -> None:
    try:
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        pass


@pytest.fixture
def listen() -> Iterator[Callable[..., Listener]]:
    made: list[Listener] = []

    def make(*args: object, **kwargs: object) -> Listener:
        made.append(Listener(*args, **kwargs))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for listener in made:
        listener.close()


def test_a_drop_before_the_banner_is_tried_again(sshd: Sshd, reach: Reach, listen: Callable[..., Listener]) -> None:
    listener = listen(2, b"Exceeded MaxStartups\r\n", leads_to=sshd.port)
    sshd.known_hosts.write_text(f"{sshd.host_line}\n{sshd.host_line.replace(str(sshd.port), str(listener.port))}\n")
    assert answer(reach(sshd, port=listener.port)) == "hello"
    assert listener.accepted == 3


def test_a_server_that_always_drops_is_left_alone_after_three(
    sshd: Sshd, reach: Reach, listen: Callable[..., Listener]
) -> None:
    listener = listen(99)
    with pytest.raises(Unreachable, match="before the SSH banner"):
        reach(sshd, port=listener.port)
    assert listener.accepted == 3


def test_a_server_that_freezes_after_its_banner_is_no_hang(
    sshd: Sshd, reach: Reach, listen: Callable[..., Listener], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("deployer.transport.connect._HANDSHAKE", 0.5)
    listener = listen(99, b"SSH-2.0-frozen\r\n")
    with pytest.raises(Unreachable, match="did not finish"):
        reach(sshd, port=listener.port)
    assert listener.accepted == 1


def test_an_address_nobody_has_is_unreachable(sshd: Sshd, reach: Reach) -> None:
    with pytest.raises(Unreachable, match="sshd running"):
        reach(sshd, port=1)
    with pytest.raises(Unreachable, match="resolved"):
        reach(sshd, address="no-such-host.invalid")


def test_more_hosts_than_openings_all_come_through(start_sshd: Start, reach: Reach) -> None:
    server = start_sshd("MaxStartups 10:30:100")
    options = server.options()
    with ThreadPoolExecutor(24) as pool:
        transports = list(pool.map(lambda _: reach(server, options), range(24)))
        assert set(pool.map(answer, transports)) == {"hello"}
    assert "MaxStartups throttling" not in server.log


# Roads ----------------------------------------------------------------------------------------------------------------


def config_for(bastion: Sshd, target: Sshd) -> str:
    return (
        f"Host bastion\n  HostName 127.0.0.1\n  Port {bastion.port}\n  User root\n  IdentityFile {bastion.key}\n"
        f"  UserKnownHostsFile {bastion.known_hosts}\n"
        f"Host web\n  HostName 127.0.0.1\n  Port {target.port}\n  User root\n  IdentityFile {target.key}\n"
        f"  UserKnownHostsFile {target.known_hosts}\n  ProxyJump bastion\n"
    )


def with_config(server: Sshd, text: str) -> SshOptions:
    (server.home / "config").write_text(text)
    return server.options(ssh_config=server.home / "config")


BARE = {"address": "web", "port": None, "user": None, "private_key": None, "ssh_options": {}}


def test_a_jump_host_leads_there_by_its_own_words(start_sshd: Start, reach: Reach) -> None:
    bastion, target = start_sshd(), start_sshd("AllowTcpForwarding no")
    assert answer(reach(target, with_config(target, config_for(bastion, target)), **BARE)) == "hello"
    assert "Accepted publickey" in bastion.log


def test_a_jump_host_that_is_not_known_is_refused(start_sshd: Start, reach: Reach) -> None:
    bastion, target = start_sshd(), start_sshd()
    bastion.known_hosts.write_text("")
    with pytest.raises(HostKeyError, match=str(bastion.port)):
        reach(target, with_config(target, config_for(bastion, target)), **BARE)
    assert no_login_was_tried(bastion)
    assert "Connection from" not in target.log


def test_a_jump_in_a_circle_is_refused(sshd: Sshd, reach: Reach) -> None:
    with pytest.raises(ConfigError, match="circle"):
        reach(sshd, with_config(sshd, "Host *\n  ProxyJump bastion\n"), **BARE)


def test_a_chain_of_jumps_is_walked(start_sshd: Start, reach: Reach) -> None:
    one, two, target = start_sshd(), start_sshd(), start_sshd()
    text = config_for(one, target).replace("ProxyJump bastion", "ProxyJump bastion,middle") + config_for(
        two, target
    ).split("Host web")[0].replace("Host bastion", "Host middle")
    assert answer(reach(target, with_config(target, text), **BARE)) == "hello"
    assert "Accepted publickey" in one.log
    assert "Accepted publickey" in two.log


def test_a_proxy_command_is_the_connection_and_ends_with_it(start_sshd: Start, reach: Reach, tmp_path: Path) -> None:
    bastion, target = start_sshd(), start_sshd()
    command = (
        f"ssh -F none -i {bastion.key} -o UserKnownHostsFile={bastion.known_hosts} -p {bastion.port} "
        "-W %h:%p root@127.0.0.1"
    )
    options = {**target.connection().ssh_options, "proxycommand": command}
    transport = reach(target, ssh_options=options)
    assert answer(transport) == "hello"
    assert len(bastion.sessions()) > 0
    transport.close()
    wait_for(lambda: not bastion.sessions())


def test_nothing_of_a_closed_transport_is_left(start_sshd: Start, reach: Reach) -> None:
    server = start_sshd()
    before = set(Path("/proc/self/fd").iterdir())
    transport = reach(server)
    answer(transport)
    transport.close()
    wait_for(lambda: not server.sessions())
    assert set(Path("/proc/self/fd").iterdir()) <= before
    assert not [thread for thread in threading.enumerate() if isinstance(thread, _client_class())]


def _client_class() -> type:
    from deployer.transport.wire import Client

    return Client
