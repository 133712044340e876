"""What in a release speaks of what the fleet decides, and when a deploy would fail by it."""

from __future__ import annotations

import pytest

from deployer.beam.clashes import Clash, of_args, of_config, of_env
from deployer.beam.overrides import Harm, port_limit
from deployer.beam.sysconfig import Setting, kernel_settings

ARGS: list[tuple[str, list[tuple[str, Harm]]]] = [
    ("## -name demo@127.0.0.1\n# -setcookie x\n+Q 65536\n-env ERL_FULLSWEEP_AFTER 10", []),
    ("-start_epmd false", []),
    ("-kernel net_ticktime 10 prevent_overlapping_partitions false", []),
    ("-eval 'io:format(\"-sname\")' # -sname", []),
    ("+K true -extra -sname not-a-flag", []),
    ("-name demo@10.0.0.1", [("-name", "never")]),
    ("+A 5 -sname demo", [("-sname", "long")]),
    ("-setcookie other", [("-setcookie", "never")]),
    ("-setcookie demo@10.0.0.1 other", [("-setcookie", "always")]),
    ("-nocookie", [("-nocookie", "always")]),
    ("-start_epmd true", [("-start_epmd", "always")]),
    ("-erl_epmd_port 6789 -epmd_module x", [("-erl_epmd_port", "always"), ("-epmd_module", "always")]),
    ("-dist_listen false", [("-dist_listen", "always")]),
    ("-proto_dist\n  inet6_tcp", [("-proto_dist", "always")]),
    ("-detached -heart", [("-detached", "always"), ("-heart", "never")]),
    ("-kernel inet_dist_listen_min 9000", [("inet_dist_listen_min", "never")]),
    ("-kernel logger_level info epmd_module x", [("epmd_module", "always")]),
    ("-env HOME /home/demo", [("-env HOME", "always")]),
    ("'-sname' demo", [("-sname", "long")]),
]


def judged(found: list[Clash]) -> list[tuple[str, Harm]]:
    return [(clash.what, clash.harm) for clash in found]


@pytest.mark.parametrize(("text", "expected"), ARGS, ids=[text for text, _ in ARGS])
def test_flags_of_an_args_file(text: str, expected: list[tuple[str, Harm]]) -> None:
    assert judged(list(of_args("releases/1.0/vm.args", text))) == expected


def test_remote_commands_need_no_ear() -> None:
    assert list(of_args("releases/1.0/remote.vm.args", "-dist_listen false -hidden")) == []


ENV: list[tuple[str, list[tuple[str, Harm]]]] = [
    ("#!/bin/sh\n# export RELEASE_NODE=demo\nexport DATABASE_POOL=5", []),
    ('export RELEASE_NODE="${RELEASE_NODE:-demo@127.0.0.1}"', []),
    ("RELEASE_TMP=/x date", []),
    ("echo RELEASE_TMP=/x 'HOME=/y'", []),
    ("cat >/dev/null <<EOF\nHOME=/y\nEOF", []),
    ('A="a # b"; HOME=/x', [("HOME", "always")]),
    ("export RELEASE_NODE=demo@$(hostname -f)", [("RELEASE_NODE", "always")]),
    ("export RELEASE_NODE=\\\n  demo", [("RELEASE_NODE", "always")]),
    ("RELEASE_COOKIE=x; export RELEASE_COOKIE", [("RELEASE_COOKIE", "always")]),
    ("A=1 RELEASE_VM_ARGS=/x", [("RELEASE_VM_ARGS", "always")]),
    ("unset RELEASE_COOKIE X", [("RELEASE_COOKIE", "always")]),
    ("export RELEASE_DISTRIBUTION=name", [("RELEASE_DISTRIBUTION", "short")]),
    ("export RELEASE_DISTRIBUTION='sname'", [("RELEASE_DISTRIBUTION", "long")]),
    ("export RELEASE_DISTRIBUTION=none", [("RELEASE_DISTRIBUTION", "always")]),
    ("case $RELEASE_COMMAND in\n  start*) export HOME=/x ;;\nesac\nHOME=/y", [("HOME", "perhaps"), ("HOME", "always")]),
    ("if true; then HOME=/x; fi; HOME=/y", [("HOME", "perhaps"), ("HOME", "always")]),
    ("f() {\n  HOME=/x\n}\n", [("HOME", "perhaps")]),
    ('[ -n "$HOME" ] || HOME=/x', []),
    ("A='\n'\nHOME=/x", [("HOME", "perhaps")]),
    ("export LANG=de_DE", [("LANG", "never")]),
    ('ERL_AFLAGS="-proto_dist inet6_tcp"', [("ERL_AFLAGS -proto_dist", "always")]),
    (
        'ELIXIR_ERL_OPTIONS="+fnu -kernel inet_dist_listen_min 1"',
        [("ELIXIR_ERL_OPTIONS inet_dist_listen_min", "always")],
    ),
    ('ERL_ZFLAGS="-kernel inet_dist_listen_min 1"', [("ERL_ZFLAGS inet_dist_listen_min", "never")]),
    ('ERL_AFLAGS="-name x@y"', [("ERL_AFLAGS -name", "always")]),
]


@pytest.mark.parametrize(("text", "expected"), ENV, ids=[text for text, _ in ENV])
def test_what_env_sh_sets(text: str, expected: list[tuple[str, Harm]]) -> None:
    assert judged(list(of_env("releases/1.0/env.sh", text))) == expected


@pytest.mark.parametrize(
    ("text", "limit"),
    [("+Q 2048\n+Q 4096", 4096), ("+Q2048 +K true", 2048), ("## +Q 1", None), ("+Q", None), ("-extra +Q 9", None)],
)
def test_the_last_port_limit_counts(text: str, limit: int | None) -> None:
    assert port_limit(text) == limit


CONFIG = """%% coding: utf-8 {kernel,[{net_ticktime,1}]}
[{elixir,[{a,#{b => {c,<<1,2>>}}}]},{other,[{net_ticktime,9}]},
 {'kernel', [{%}
   inet_dist_use_interface, {0,0, 0,0}}, {epmd_module,"}]"},{y,$}}, {net_ticktime,60}]}, "more.config"].
"""


def test_what_sys_config_sets_of_the_kernel_application() -> None:
    told = {found.key: found.value for found in kernel_settings(CONFIG)}
    assert told == {
        "inet_dist_use_interface": "{0,0, 0,0}", "epmd_module": '"}]"', "y": "$}", "net_ticktime": "60",
    }  # fmt: skip
    found = list(of_config("releases/1.0/sys.config", CONFIG))
    assert judged(found) == [("inet_dist_use_interface", "never"), ("epmd_module", "always")]
    assert (found[0].line, found[0].text) == (4, "inet_dist_use_interface: {0,0, 0,0}")
    assert list(kernel_settings("[{kernel,[{a,1},{b,")) == [Setting("a", "1", 1)], "of a damaged text what can be told"


def test_the_line_is_named_and_no_secret_is_shown() -> None:
    (clash,) = of_env("releases/1.0/env.sh", "#!/bin/sh\n\nexport RELEASE_COOKIE=GEHEIM DB=GEHEIM")
    assert (clash.file, clash.line, clash.text) == ("releases/1.0/env.sh", 3, "RELEASE_COOKIE=…")
    (clash,) = of_args("releases/1.0/vm.args", "+K true\n\n\n-setcookie GEHEIM")
    assert (clash.line, clash.text) == (4, "-setcookie …")


def test_harm_depends_on_the_cluster() -> None:
    (clash,) = of_args("vm.args", "-sname demo")
    assert (clash.breaks("long"), clash.breaks("short")) == (True, False)
    (clash,) = of_env("env.sh", "if true; then\nHOME=/x\nfi")
    assert not clash.breaks("long")


@pytest.mark.parametrize(
    "text", ["'" * 60_000, '"' + "\\" * 60_000, "$(" * 30_000, "{ " * 30_000, "a\\\n" * 20_000, '"' + '\\"' * 30_000]
)
def test_odd_text_is_read_in_no_time(text: str) -> None:
    assert [*of_env("env.sh", text), *of_args("vm.args", text), *of_config("sys.config", text)] == []
