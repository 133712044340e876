"""EPMD: sockets decide, other clusters' addresses stay, a stranger's port is left alone."""

from __future__ import annotations

from dataclasses import replace

import pytest

from deployer.errors import ConfigError, ProbeError
from deployer.fields import build
from deployer.model import Absent, Present
from deployer.modules.epmd import Epmd

EPMD = Epmd(cluster="shop", addresses=("10.0.0.2",), source="/opt/shop/epmd", version="13.1.5", sha256="a" * 64)
SHOWN = {
    "LoadState": "loaded",
    "ActiveState": "active",
    "SubState": "running",
    "UnitFileState": "enabled",
    "FragmentPath": "/etc/systemd/system/beam-epmd@.service",
    "DropInPaths": "",
    "NeedDaemonReload": "no",
    "MainPID": "77",
}
LOOPBACK = "0100007F 11\n00000000000000000000000001000000 12\n"
GOOD = {
    "version": "13.1.5",
    "digest": "a" * 64,
    "recorded": "a" * 64,
    "own": "10.0.0.2",
    "declared": "10.0.0.2",
    "listening": f"{LOOPBACK}0200000A 13",
    "sockets": "socket:[11]\nsocket:[12]\nsocket:[13]\nsocket:[14]",
    "stale": "",
}


def told(shown: dict[str, str] | None = None, without: tuple[str, ...] = (), **keys: str) -> str:
    unit = "\n".join(f"{key}={value}" for key, value in {**SHOWN, **(shown or {})}.items())
    return "".join(f"{key}={value}\x1e" for key, value in {**GOOD, "shown": unit, **keys}.items() if key not in without)


def differing(out: str, epmd: Epmd = EPMD) -> dict[str, str | None]:
    return {key: change.before for key, change in epmd.differences(epmd.parse(out)).items()}


def test_a_host_that_says_what_was_declared_needs_nothing() -> None:
    assert differing(told()) == {}


def test_a_host_without_ipv6_has_no_loopback_of_that_kind() -> None:
    assert differing(told(listening="0100007F 11\n0200000A 13")) == {}


def test_an_ipv6_address_is_read_as_the_kernel_writes_it() -> None:
    epmd = replace(EPMD, addresses=("fd00::2",))
    out = told(own="fd00::2", declared="fd00::2", listening=f"{LOOPBACK}000000FD000000000000000002000000 13")
    assert differing(out, epmd) == {}


CASES: dict[str, tuple[str, dict[str, str | None]]] = {
    "a newer copy is kept": (told(version="15.2.7"), {}),
    "an older copy is replaced": (told(version="13.1.4"), {"version": "13.1.4"}),
    "a version is compared by number": (told(version="9.3"), {"version": "9.3"}),
    "another release's build of the same version is kept": (told(digest="b" * 64, recorded="b" * 64), {}),
    "an altered program is replaced": (told(digest="b" * 64), {"version": "13.1.5, altered"}),
    "an altered program of a newer version too": (
        told(version="15.2.7", digest="b" * 64),
        {"version": "15.2.7, altered"},
    ),
    "a program that nothing is recorded of": (told(without=("recorded",)), {"version": "13.1.5, not recorded"}),
    "another one that nothing is recorded of": (
        told(without=("recorded",), digest="b" * 64),
        {"version": "13.1.5, altered"},
    ),
    "a program that is gone": (told(without=("digest",)), {"version": "none"}),
    "it listens everywhere": (told(listening="00000000 11"), {"listening": "0.0.0.0"}),
    "it lacks an address": (told(listening=LOOPBACK), {"listening": "127.0.0.1, ::1"}),
    "another cluster's address belongs to it": (
        told(declared="10.0.0.2\n10.0.0.9", listening=f"{LOOPBACK}0200000A 13\n0900000A 14"),
        {},
    ),
    "another cluster's address is missing": (
        told(declared="10.0.0.2\n10.0.0.9"),
        {"listening": "10.0.0.2, 127.0.0.1, ::1"},
    ),
    "its own file says something else": (told(own="10.0.0.7"), {"addresses": "10.0.0.7"}),
    "the unit has changed": (told({"NeedDaemonReload": "yes"}), {"config": "newer than the process"}),
    "a file is newer": (told(stale="/etc/beam/epmd.d/4369"), {"config": "newer than the process"}),
    "it does not start at boot": (told({"UnitFileState": "disabled"}), {"enabled": "disabled"}),
}


@pytest.mark.parametrize(("out", "expected"), CASES.values(), ids=CASES)
def test_what_the_host_says_is_judged_by_its_sockets(out: str, expected: dict[str, str | None]) -> None:
    assert differing(out) == expected


def test_an_epmd_that_a_node_started_is_named_and_taken_over() -> None:
    out = told(
        {"ActiveState": "inactive", "MainPID": "0"},
        ("sockets",),
        listening="00000000 99",
        holder="353 epmd 0::/system.slice/shop.service",
    )
    changes = EPMD.differences(EPMD.parse(out))
    assert changes["holder"].before == "epmd (pid 353 of shop.service)"
    (step,) = EPMD.fix(changes)
    assert "systemctl disable" in step.text.text


def test_debians_own_socket_is_taken_over_and_a_strangers_is_not() -> None:
    held = {"listening": "00000000 99", "holder": "1 systemd 0::/init.scope"}
    off = {"ActiveState": "inactive", "MainPID": "0"}
    seen = EPMD.parse(told(off, ("sockets",), **held, socket="[::]:4369 epmd.socket epmd.service"))
    assert isinstance(seen, Present)
    assert seen.keys["holder"] == "systemd (pid 1 of epmd.socket)"
    with pytest.raises(ConfigError, match=r"port 4369 is held by systemd \(pid 1 of cups\.socket\)"):
        EPMD.parse(told(off, ("sockets",), **held, socket="[::]:4369 cups.socket cups.service"))


def test_a_program_that_is_no_epmd_keeps_its_port() -> None:
    out = told({"MainPID": "0"}, ("sockets",), listening="00000000 99", holder="9 nginx 0::/system.slice/nginx.service")
    with pytest.raises(ConfigError, match=r"held by nginx \(pid 9 of nginx\.service\)"):
        EPMD.parse(out)


def test_an_untouched_host_has_none() -> None:
    out = told({"LoadState": "not-found", "MainPID": "0"}, ("sockets", "version", "own"), declared="", listening="")
    assert EPMD.parse(out) == Absent()


@pytest.mark.parametrize("listening", ["nonsense", "0100007F", "zz 1", "0100007F 1 2"])
def test_sockets_that_make_no_sense_are_a_probe_error(listening: str) -> None:
    with pytest.raises(ProbeError):
        EPMD.parse(told(listening=listening))


def test_the_program_is_copied_only_when_it_is_older() -> None:
    wanted = EPMD.differences(EPMD.parse(told({"ActiveState": "failed"})))
    assert 'draft "$source"' not in EPMD.fix(wanted)[0].text.text
    wanted = EPMD.differences(EPMD.parse(told(version="12.0")))
    assert 'draft "$source"' in EPMD.fix(wanted)[0].text.text


def test_a_program_is_only_remembered_once_it_has_started_and_else_the_one_before_comes_back() -> None:
    (step,) = EPMD.fix(EPMD.differences(EPMD.parse(told(version="12.0"))))
    text = step.text.text
    assert text.index('systemctl restart -- "$unit" || back') < text.index('note "$lib/epmd.version"')
    assert 'mv -T -- "$lib/epmd.old" "$lib/epmd"' in text
    assert "OTP 27.3.4.16" not in text
    known = replace(EPMD, version="15.2.7.11")
    (step,) = known.fix(known.differences(known.parse(told(version="12.0"))))
    assert "OTP 27.3.4.16" in step.text.text


def test_to_be_enabled_needs_no_restart() -> None:
    (step,) = EPMD.fix(EPMD.differences(EPMD.parse(told({"UnitFileState": "disabled"}))))
    assert "restart" not in step.text.text


def test_a_unit_that_is_about_to_change_means_a_restart() -> None:
    seen = EPMD.predict(frozenset({"/etc/systemd/system/beam-epmd@.service"}), EPMD.parse(told()))
    assert list(EPMD.differences(seen)) == ["config"]
    assert EPMD.predict(frozenset({"/etc/motd"}), EPMD.parse(told())) == EPMD.parse(told())


@pytest.mark.parametrize("addresses", [[], ["0.0.0.0"], ["::"], ["web1"], ["10.0.0.2", "x"]])
def test_every_interface_is_no_address(addresses: list[str]) -> None:
    given = {"cluster": "shop", "addresses": addresses, "source": "/opt/shop/epmd", "version": "13.1.5"}
    with pytest.raises(ConfigError, match="addresses"):
        build(Epmd, given)
