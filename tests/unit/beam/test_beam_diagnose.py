"""The last lines of a node, and the cause and advice that a known one gives."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployer.beam.diagnose import diagnose

NO_DISTRIBUTION = (
    "Kernel pid terminated (application_controller) ({application_start_failure,kernel,{{shutdown,"
    "{failed_to_start_child,net_sup,{shutdown,{failed_to_start_child,net_kernel,{'EXIT',nodistribution}}}}},{kernel,start,[normal,[]]}}})"
)
COOKIE_MODE = NO_DISTRIBUTION.replace(
    "net_kernel,{'EXIT',nodistribution}",
    'auth,{"Cookie file /run/demo/.erlang.cookie must be accessible by owner only",[]}',
)

SEEN = [
    (
        "Protocol 'inet_tcp': the name a@127.0.0.1 seems to be in use by another Erlang node",
        "registered as a@127.0.0.1",
    ),
    ("[error] Failed to start Ranch listener Demo.HTTP in :ranch_tcp:listen for reason :eacces", "only root may"),
    ("** (EXIT) shutdown: failed to start child: :listener: {:error, :eacces}", "only root may use ports below 1024"),
    ("Protocol 'inet_tcp': register/listen error: eaddrinuse", "distribution port is taken"),
    ("Protocol 'inet_tcp': register/listen error: econnrefused", "no EPMD answers"),
    ("Protocol 'inet_tcp': register/listen error: eaddrnotavail", "does not have the address"),
    ("Protocol 'inet_tcp': register/listen error: eacces", "cannot listen for distribution: eacces"),
    ("Protocol 'inet_tls': not supported", "does not contain ssl"),
    ("Cookie file /tmp/h/.erlang.cookie must be accessible by owner only", "can read the cookie file"),
    (f"Slogan: {COOKIE_MODE}", "can read the cookie file"),
    ("Error when reading /run/demo/.erlang.cookie: eacces", "cannot read its cookie file: eacces"),
    ("Too short cookie string", "cookie file is empty"),
    ("shop.service: start-post operation timed out. Terminating.", "not ready within the time"),
    ("cat: /opt/demo/releases/COOKIE: No such file or directory", "releases/COOKIE"),
    ('[{filename,basedir_join_home,1,[{file,"filename.erl"},{line,1026}]},', "HOME is not set"),
    ("** System running to use fully qualified hostnames ** Hostname vm is illegal **", "cannot be mixed"),
    ("Can't set short node name!", "cannot be mixed"),
    (
        'could not start kernel pid (application_controller) ({bad_environment_value,"[a@127.0.0.1,b"})',
        "[a@127.0.0.1,b",
    ),
    ('** (System.EnvError) could not fetch environment variable "DATABASE_URL" because it is not set', "DATABASE_URL"),
    ("** (RuntimeError) environment variable SECRET_KEY_BASE is missing.", "SECRET_KEY_BASE"),
    (
        "ERROR: Cannot start release because it could not write /opt/demo/tmp/demo-0.1.0-2026-611a.runtime.config",
        "may not",
    ),
    ("epmd: /lib/x86_64-linux-gnu/libc.so.6: version `GLIBC_2.38' not found (required by epmd)", "GLIBC_2.38"),
    ("beam.smp: error while loading shared libraries: libtinfo.so.6: cannot open shared object file", "libtinfo.so.6"),
    ("{error,{load_failed,\"Failed to load NIF library: '/opt/x/crypto.so: undefined symbol: EVP_x'\"}}", "crypto.so"),
    ("The on_load function for module 'Elixir.Argon2.Base' returned:", "Elixir.Argon2.Base"),
    (
        "/opt/demo/erts-13.1.5/bin/erl: 23: exec: /opt/demo/erts-13.1.5/bin/erlexec: Exec format error",
        "another kind of machine",
    ),
    ("cat: write error: No space left on device", "file system of the host is full"),
    ('eheap_alloc: Cannot allocate 1234567890 bytes of memory (of type "heap").', "out of memory"),
    ("demo.service: Failed to determine user credentials: No such process", "user does not exist"),
    ("demo.service: Main process exited, code=exited, status=203/EXEC", "start script"),
    ("/bin/sh: 1: exec: /opt/demo/current/bin/demo: Permission denied", "start script"),
    ("demo.service: Failed to load environment files: No such file or directory", "environment file"),
    ("init terminating in do_boot ({cannot get bootfile,/nonexistent.boot})", "boot script is missing"),
    (
        "[error] Failed to start Ranch listener Demo.HTTP in :ranch_tcp:listen for reason :eaddrinuse",
        "application itself",
    ),
    ("Running Demo.Endpoint with Bandit 1.5 at 0.0.0.0:4000 (http) failed, port already in use", "application itself"),
    ("(DBConnection.ConnectionError) tcp connect (db1:5432): connection refused - :econnrefused", "reach db1:5432"),
    (f"Slogan: {NO_DISTRIBUTION}", "without distribution"),
    ("14:12:27.329 [notice] Application kv_server exited: shutdown", "gave up"),
    ('{"Kernel pid terminated",application_controller,"{application_terminated,kv_server,shutdown}"}', "gave up"),
    ("Application demo exited: Demo.Application.start(:normal, []) returned an error", "did not start"),
]


@pytest.mark.parametrize(("line", "cause"), SEEN)
def test_a_known_line_gives_its_cause_and_one_line_of_advice(line: str, cause: str) -> None:
    said = diagnose(["[info] starting", line, "demo.service: Scheduled restart job"])
    assert said is not None
    assert cause in said.cause
    assert said.line == line[:300]
    assert said.advice
    assert "\n" not in said.advice + said.cause
    assert "{" not in said.advice


def test_the_telling_line_wins_over_what_followed_from_it() -> None:
    said = diagnose(["Can't set long node name!", f"Slogan: {NO_DISTRIBUTION}"])
    assert said is not None
    assert said.line == "Can't set long node name!"


def test_of_equal_lines_the_newest_is_taken() -> None:
    said = diagnose([f"** environment variable {name} is missing" for name in ("OLD", "NEW")])
    assert said is not None
    assert "NEW" in said.cause


@pytest.mark.parametrize("lines", [[], [""], ["[info] all is well", "GET / 200"]])
def test_unknown_lines_give_no_advice(lines: list[str]) -> None:
    assert diagnose(lines) is None


@given(st.lists(st.text(max_size=200) | st.sampled_from([line for line, _ in SEEN]), max_size=8))
def test_no_lines_make_it_fail(lines: list[str]) -> None:
    said = diagnose(lines)
    assert said is None or said.line in [line[:300] for line in lines]
