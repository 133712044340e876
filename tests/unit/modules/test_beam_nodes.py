"""The nodes of a release: what runs, from where, with which files; and the switch, on a real shell."""

from __future__ import annotations

from dataclasses import replace

import pytest

from deployer.errors import ConfigError, ProbeError
from deployer.fields import build
from deployer.model import Absent, Change, Present
from deployer.modules.beam_nodes import BeamNodes
from deployer.releases.node_unit import NodeUnit

ID = "1.4.2-0f3a9c71"
HERE = f"/opt/shop/versions/{ID}"
SHOP = NodeUnit(
    name="shop",
    unit="shop.service",
    runtime="/run/beam/shop",
    configs=("/etc/beam/shop/shop.vm.args", "/etc/beam/shop/private/shop.env"),
    shared=("/etc/beam/shop/ca.pem",),
)
JOBS = NodeUnit(name="jobs", unit="jobs.service", runtime="/run/beam/jobs", configs=("/etc/beam/shop/jobs.vm.args",))
NODES = BeamNodes(root="/opt/shop", id=ID, cookie="/etc/beam/shop/private/cookie", nodes=(SHOP,))
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
ALL_HOSTS_AT_ONCE = "as the current generation has them"
DROP_IN = "/etc/systemd/system/shop.service.d/00-deployer.conf"
STAGE = f"stage {ID} with its files"
EXE = f"{HERE}/erts-13.1.5/bin/beam.smp"


def told(shown: dict[str, str] | None = None, without: tuple[str, ...] = (), **keys: str) -> str:
    unit = "\n".join(f"{key}={value}" for key, value in {**SHOWN, **(shown or {})}.items())
    said = {"current": f"versions/{ID}", "loose": "", "shown_0": unit, "exe_0": EXE, "stale_0": "", **keys}
    return "".join(f"{key}={value}\x1e" for key, value in said.items() if key not in without)


def differing(out: str, node: BeamNodes = NODES) -> dict[str, str | None]:
    return {key: change.before for key, change in node.differences(node.parse(out)).items()}


DEAD = {"ActiveState": "inactive", "SubState": "dead", "MainPID": "0"}
CASES: dict[str, tuple[str, dict[str, str | None]]] = {
    "all is as declared": (told(), {}),
    "an older release runs": (
        told(exe_0="/opt/shop/versions/1.4.1-aaaaaaaa/erts-13.1.5/bin/beam.smp"),
        {"shop release": "/opt/shop/versions/1.4.1-aaaaaaaa"},
    ),
    "its directory has been removed": (told(exe_0=f"{EXE} (deleted)"), {"shop release": f"{HERE} (deleted)"}),
    "something else runs": (told(exe_0="/usr/bin/dash"), {"shop release": "/usr/bin/dash"}),
    "a file has not been read": (
        told(stale_0="/etc/beam/shop/shop.vm.args"),
        {"shop config": "older than /etc/beam/shop/shop.vm.args"},
    ),
    "the unit has not been read": (
        told({"NeedDaemonReload": "yes"}),
        {"shop config": "older than /etc/systemd/system/shop.service"},
    ),
    "it left no mark at its start": (
        told(without=("stale_0",)),
        {"shop config": "unknown: another unit has started it"},
    ),
    "it does not start at boot": (told({"UnitFileState": "disabled"}), {"shop enabled": "disabled"}),
    "it does not run": (told(DEAD, ("exe_0", "stale_0")), {"shop release": "none", "shop active": "inactive"}),
    "it crashes again and again": (
        told({"ActiveState": "activating", "SubState": "auto-restart", "MainPID": "0"}, ("exe_0", "stale_0")),
        {"shop release": "none", "shop active": "restarting"},
    ),
    "it has given up": (
        told({**DEAD, "ActiveState": "failed"}, ("exe_0", "stale_0")),
        {"shop release": "none", "shop active": "failed"},
    ),
}


@pytest.mark.parametrize(("out", "expected"), CASES.values(), ids=CASES)
def test_what_the_host_says_is_judged(out: str, expected: dict[str, str | None]) -> None:
    assert differing(out) == expected


def test_a_host_without_link_and_units_has_no_nodes() -> None:
    unit = {**DEAD, "LoadState": "not-found", "FragmentPath": "", "UnitFileState": ""}
    assert NODES.parse(told(unit, ("current", "exe_0", "stale_0"))) == Absent()
    assert NODES.parse(told(unit, ("exe_0", "stale_0"))) == Present(
        {"current": f"versions/{ID}", "files": ALL_HOSTS_AT_ONCE, "left behind": "nothing"}
    )


def test_a_node_that_was_renamed_stops_in_the_switch_and_one_that_is_merely_gone_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"left behind: old\.service of /opt/shop, no longer declared") as caught:
        NODES.parse(told(left="old.service"))
    assert "deployer retire" in caught.value.hint
    removing = replace(NODES, remove_left_behind=True)
    (step,) = removing.fix(removing.differences(removing.parse(told(left="old.service"))))
    assert step.what == "stop old.service"
    fresh = told(
        {**DEAD, "LoadState": "not-found", "FragmentPath": "", "UnitFileState": ""},
        ("exe_0", "stale_0"),
        left="old.service",
    )
    *_, switch = NODES.fix(NODES.differences(NODES.parse(fresh)))
    assert switch.what == "enable shop.service and stop old.service, restart shop.service"
    assert "gone=old.service" in switch.text.text


def test_what_does_not_lead_to_the_current_generation_is_named() -> None:
    apart = differing(told(loose="/etc/beam/shop/shop.vm.args\n/opt/shop/current\n"))
    assert apart == {"files": "apart from it: /etc/beam/shop/shop.vm.args, /opt/shop/current"}


def test_a_root_that_somebody_else_could_exchange_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"users other than root can change release\.root /opt/shop: /srv/app"):
        NODES.parse(told(insecure="/srv/app (drwxr-xr-x, shop:shop)\n"))
    assert "\ninsecure /opt/shop /opt\n" in NODES.probe().text


def test_a_directory_in_the_place_of_the_link_is_refused_before_anything_stops() -> None:
    with pytest.raises(ConfigError, match="/opt/shop/current is a directory") as caught:
        NODES.parse(told(directory="yes"))
    assert "mv /opt/shop/current" in caught.value.hint


@pytest.mark.parametrize("path", ["/lib/systemd/system/ssh.service", "/etc/systemd/system/sshd.service"])
def test_a_unit_of_the_system_is_never_taken_over(path: str) -> None:
    with pytest.raises(ConfigError, match="already exists"):
        replace(NODES, nodes=(replace(SHOP, unit="ssh.service"),)).parse(told({"FragmentPath": path}))


@pytest.mark.parametrize("shown", ["", "LoadState=loaded", "nonsense"])
def test_a_unit_that_systemd_does_not_describe_is_a_probe_error(shown: str) -> None:
    with pytest.raises(ProbeError, match="systemctl"):
        NODES.parse(f"loose=\x1eshown_0={shown}\x1e")


BOTH = replace(NODES, nodes=(SHOP, JOBS))


def whats(node: BeamNodes, *keys: str) -> list[str]:
    return [step.what for step in node.fix({key: Change(key, "x", "y") for key in keys})]


def test_each_change_has_its_step_and_a_node_that_is_well_is_left_alone() -> None:
    assert whats(BOTH) == []
    assert whats(BOTH, "shop enabled") == ["enable shop.service"]
    assert whats(BOTH, "jobs config") == [STAGE, "restart jobs.service"]
    assert whats(BOTH, "shop release", "jobs active") == [STAGE, "restart shop.service, jobs.service"]
    assert whats(BOTH, "current", "shop release") == [STAGE, f"switch to {ID} and restart shop.service"]
    assert whats(BOTH, "current") == [STAGE, f"make {ID} current"]
    assert whats(BOTH, "files") == [STAGE, f"make {ID} current"]
    everything = ("state", "current", *(f"{n} {k}" for n in ("shop", "jobs") for k in ("release", "enabled")))
    assert whats(BOTH, *everything) == [
        STAGE,
        f"enable shop.service, jobs.service and switch to {ID} and restart shop.service, jobs.service",
    ]


def test_a_release_that_failed_here_is_refused_until_the_person_says_so() -> None:
    out = told(current="versions/1.4.1-aaaaaaaa", bad="it did not start")
    with pytest.raises(ConfigError, match="marked bad on this host: it did not start") as caught:
        NODES.parse(out)
    assert "deploy_again=true" in caught.value.hint
    assert "current" in differing(out, replace(NODES, again=True))
    assert differing(told(bad="it did not start")) == {}, "what runs already is not refused"


FORESEEN = {
    "a file it reads": ("/etc/beam/shop/shop.vm.args", "older than /etc/beam/shop/shop.vm.args"),
    "the cluster's cookie": ("/etc/beam/shop/private/cookie", "older than /etc/beam/shop/private/cookie"),
    "the cluster's authority": ("/etc/beam/shop/ca.pem", "older than /etc/beam/shop/ca.pem"),
    "its unit's text": (DROP_IN, f"older than {DROP_IN}"),
    "its unit": ("shop.service", "older than shop.service"),
}


@pytest.mark.parametrize(("touched", "expected"), FORESEEN.values(), ids=FORESEEN)
def test_a_plan_foresees_the_restart(touched: str, expected: str) -> None:
    seen = NODES.predict(frozenset({touched, "/etc/motd"}), NODES.parse(told()))
    assert {key: change.before for key, change in NODES.differences(seen).items()} == {"shop config": expected}


def test_what_the_whole_cluster_shares_does_not_come_back_with_a_release() -> None:
    assert NODES.files == (DROP_IN, *SHOP.configs)
    assert " /etc/beam/shop/ca.pem " in str(NODES.probe()), "it has to be read all the same"


def test_a_plan_foresees_that_a_release_is_replaced_in_place() -> None:
    seen = NODES.predict(frozenset({HERE}), NODES.parse(told()))
    found = {key: change.before for key, change in NODES.differences(seen).items()}
    assert found == {"shop release": f"{HERE} (before it is replaced)"}


def test_a_plan_does_not_invent_a_node_that_is_not_there() -> None:
    assert NODES.predict(frozenset({"shop.service"}), Absent()) == Absent()


@pytest.mark.parametrize(
    "unit", ["shop", "../x.service", "a b.service", "x@y.service", "-x.service", "Shop.service", ""]
)
def test_a_unit_is_named_like_a_node(unit: str) -> None:
    with pytest.raises(ConfigError, match="unit"):
        build(
            BeamNodes, {"root": "/opt/shop", "id": ID, "nodes": [{"name": "shop", "unit": unit, "runtime": "/run/x"}]}
        )


def test_desired_names_only_what_is_judged() -> None:
    seen = NODES.parse(told())
    assert isinstance(seen, Present)
    assert NODES.desired().keys.keys() <= seen.keys.keys()
