"""A node's unit: what runs, from where, and whether it has read its files."""

from __future__ import annotations

from dataclasses import replace

import pytest

from deployer.errors import ConfigError, ProbeError
from deployer.fields import build
from deployer.model import Absent, Change, Present
from deployer.modules.beam_node import BeamNode

HERE = "/opt/shop/versions/1.4.2-0f3a9c71"
NODE = BeamNode(
    unit="shop.service",
    release=HERE,
    runtime="/run/beam/shop",
    configs=("/etc/beam/shop/shop.vm.args", "/etc/beam/shop/private/cookie"),
)
SHOWN = {
    "LoadState": "loaded",
    "ActiveState": "active",
    "SubState": "running",
    "UnitFileState": "enabled",
    "FragmentPath": "/etc/systemd/system/shop.service",
    "DropInPaths": "",
    "NeedDaemonReload": "no",
    "MainPID": "77",
}
EXE = f"{HERE}/erts-13.1.5/bin/beam.smp"


def told(shown: dict[str, str] | None = None, without: tuple[str, ...] = (), **keys: str) -> str:
    unit = "\n".join(f"{key}={value}" for key, value in {**SHOWN, **(shown or {})}.items())
    said = {"shown": unit, "exe": EXE, "stale": "", **keys}
    return "".join(f"{key}={value}\x1e" for key, value in said.items() if key not in without)


def differing(out: str, node: BeamNode = NODE) -> dict[str, str | None]:
    return {key: change.before for key, change in node.differences(node.parse(out)).items()}


DEAD = {"ActiveState": "inactive", "SubState": "dead", "MainPID": "0"}
CASES: dict[str, tuple[str, dict[str, str | None]]] = {
    "all is as declared": (told(), {}),
    "an older release runs": (
        told(exe="/opt/shop/versions/1.4.1-aaaaaaaa/erts-13.1.5/bin/beam.smp"),
        {"release": "/opt/shop/versions/1.4.1-aaaaaaaa"},
    ),
    "its directory has been removed": (told(exe=f"{EXE} (deleted)"), {"release": f"{HERE} (deleted)"}),
    "something else runs": (told(exe="/usr/bin/dash"), {"release": "/usr/bin/dash"}),
    "a file has not been read": (
        told(stale="/etc/beam/shop/shop.vm.args"),
        {"config": "older than /etc/beam/shop/shop.vm.args"},
    ),
    "the unit has not been read": (
        told({"NeedDaemonReload": "yes"}),
        {"config": "older than /etc/systemd/system/shop.service"},
    ),
    "it left no mark at its start": (told(without=("stale",)), {"config": "unknown: another unit has started it"}),
    "it does not start at boot": (told({"UnitFileState": "disabled"}), {"enabled": "disabled"}),
    "it does not run": (told(DEAD, ("exe", "stale")), {"release": "none", "active": "inactive"}),
    "it crashes again and again": (
        told({"ActiveState": "activating", "SubState": "auto-restart", "MainPID": "0"}, ("exe", "stale")),
        {"release": "none", "active": "restarting"},
    ),
    "it has given up": (
        told({**DEAD, "ActiveState": "failed"}, ("exe", "stale")),
        {"release": "none", "active": "failed"},
    ),
}


@pytest.mark.parametrize(("out", "expected"), CASES.values(), ids=CASES)
def test_what_the_host_says_is_judged(out: str, expected: dict[str, str | None]) -> None:
    assert differing(out) == expected


def test_a_host_without_the_unit_has_no_node() -> None:
    unit = {**DEAD, "LoadState": "not-found", "FragmentPath": "", "UnitFileState": ""}
    assert NODE.parse(told(unit, ("exe", "stale"))) == Absent()


@pytest.mark.parametrize("path", ["/lib/systemd/system/ssh.service", "/etc/systemd/system/sshd.service"])
def test_a_unit_of_the_system_is_never_taken_over(path: str) -> None:
    with pytest.raises(ConfigError, match="exists already"):
        replace(NODE, unit="ssh.service").parse(told({"FragmentPath": path}))


@pytest.mark.parametrize("shown", ["", "LoadState=loaded", "nonsense"])
def test_a_unit_that_systemd_does_not_describe_is_a_probe_error(shown: str) -> None:
    with pytest.raises(ProbeError, match="systemctl"):
        NODE.parse(f"shown={shown}\x1e")


def whats(node: BeamNode, *keys: str) -> list[str]:
    return [step.what for step in node.fix({key: Change(key, "x", "y") for key in keys})]


def test_each_change_has_its_step() -> None:
    assert whats(NODE) == []
    assert whats(NODE, "enabled") == ["enable shop.service"]
    assert whats(NODE, "config") == ["restart shop.service"]
    assert whats(NODE, "state", "release", "config", "enabled", "active") == ["enable and restart shop.service"]
    assert whats(replace(NODE, state="stopped", enabled=False), "enabled", "active") == [
        "disable and stop shop.service"
    ]


def test_a_stopped_node_may_have_unread_files() -> None:
    stopped = replace(NODE, state="stopped", enabled=False)
    out = told({**DEAD, "UnitFileState": "disabled", "NeedDaemonReload": "yes"}, ("exe", "stale"))
    assert differing(out, stopped) == {}


FORESEEN = {
    "a file it reads": ("/etc/beam/shop/shop.vm.args", {"config": "older than /etc/beam/shop/shop.vm.args"}),
    "its unit's file": ("/etc/systemd/system/shop.service", {"config": "older than /etc/systemd/system/shop.service"}),
    "its unit": ("shop.service", {"config": "older than shop.service"}),
    "its release": (HERE, {"release": f"{HERE} (before it is replaced)"}),
    "something else": ("/etc/motd", {}),
}


@pytest.mark.parametrize(("touched", "expected"), FORESEEN.values(), ids=FORESEEN)
def test_a_plan_foresees_the_restart(touched: str, expected: dict[str, str | None]) -> None:
    seen = NODE.foresee(frozenset({touched}), NODE.parse(told()))
    assert {key: change.before for key, change in NODE.differences(seen).items()} == expected


def test_a_plan_does_not_invent_a_node_that_is_not_there() -> None:
    assert NODE.foresee(frozenset({"shop.service"}), Absent()) == Absent()


@pytest.mark.parametrize(
    "unit", ["shop", "../x.service", "a b.service", "x@y.service", "-x.service", "Shop.service", ""]
)
def test_a_unit_is_named_like_a_node(unit: str) -> None:
    with pytest.raises(ConfigError, match="unit"):
        build(BeamNode, {"unit": unit, "release": HERE, "runtime": "/run/beam/shop"})


def test_desired_names_only_what_is_judged() -> None:
    seen = NODE.parse(told())
    assert isinstance(seen, Present)
    assert NODE.desired().keys.keys() <= seen.keys.keys()
