"""``systemd``: what a unit should do, in which order it is told, and acts for handlers."""

from __future__ import annotations

import pytest

from deployer.errors import ConfigError, ProbeError
from deployer.model import Present
from deployer.sh.units import UNIT_SAID
from tests.unit.modules.tables import answer, differing, fixed, make


def there(
    load: str = "loaded", active: str = "active", boot: str = "enabled", stale: str = "no", read: str = "/a.conf"
) -> str:
    lines = [f"LoadState={load}", f"ActiveState={active}", f"UnitFileState={boot}", f"NeedDaemonReload={stale}"]
    return answer(shown="\n".join([*lines, f"DropInPaths={read}"]), drop_ins="/a.conf ")


MISSING = there("not-found", "inactive", "")


@pytest.mark.parametrize(
    ("args", "out", "expected"),
    [
        ({"state": "started", "enabled": True}, there(), {}),
        ({"state": "started", "enabled": True}, MISSING, {"enabled": ("no", "yes"), "active": ("inactive", "active")}),
        ({"state": "started"}, there(active="activating"), {"active": ("activating", "active")}),
        ({"state": "started"}, there(active="reloading"), {}),
        ({"state": "started"}, there(active="failed"), {"active": ("failed", "active")}),
        ({"state": "stopped"}, there(active="failed"), {}),
        ({"state": "stopped", "enabled": False}, MISSING, {}),
        ({"enabled": True}, there(boot="static"), {}),
        ({"enabled": False}, there(boot="static"), {}),
        ({"enabled": True}, there(boot="enabled-runtime"), {"enabled": ("until the next boot", "yes")}),
        ({"enabled": False}, there(), {"enabled": ("yes", "no")}),
        ({"masked": True}, there(), {"masked": ("no", "yes")}),
        ({"masked": False}, there("masked", "inactive", "masked"), {"masked": ("yes", "no")}),
        ({"state": "started"}, there(stale="yes"), {"reload": ("yes", "no")}),
        ({"state": "started"}, there(read=""), {"reload": ("yes", "no")}),
        ({"state": "restarted"}, there(active="inactive"), {}),
    ],
)
def test_a_plan_says_what_differs(args: dict[str, object], out: str, expected: object) -> None:
    assert differing(make("systemd", name="shop", **args), out) == expected


@pytest.mark.parametrize(
    ("args", "complaint"),
    [
        ({}, "systemd needs name"),
        ({"state": "started", "daemon_reload": True}, "systemd needs name"),
        ({"name": "-x"}, "unit's name"),
        ({"name": "a b"}, "unit's name"),
        ({"name": "x\nExecStart=/bin/id"}, "unit's name"),
        ({"name": "getty@"}, "template"),
        ({"name": "shop", "masked": True, "state": "started"}, "cannot run and cannot start"),
        ({"name": "shop", "state": "running"}, "cannot be"),
    ],
)
def test_what_cannot_be_meant_is_refused(args: dict[str, object], complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        make("systemd", **args)


def test_the_order_is_unmask_read_enable_start() -> None:
    module = make("systemd", name="shop", state="started", enabled=True, masked=False)
    text = fixed(module, there("masked", "inactive", "masked", "yes"))
    steps = text.replace(UNIT_SAID.text, "")
    places = [steps.index(word) for word in ("unmask", "daemon-reload", "enable", "start")]
    assert places == sorted(places)


def test_a_restart_is_an_act_for_handlers() -> None:
    module = make("systemd", name="shop", state="restarted")
    assert module.handler_only
    assert [step.what for step in module.act()][-1] == "restart shop.service"


def test_daemon_reload_alone_asks_about_all_units() -> None:
    module = make("systemd", daemon_reload=True)
    assert differing(module, answer(reload="yes")) == {"reload": ("yes", "no")}
    assert [step.text.text for step in module.act()] == ["systemctl daemon-reload"]


@pytest.mark.parametrize(
    ("touched", "stale"),
    [
        ({"/etc/systemd/system/shop.service"}, "yes"),
        ({"/etc/systemd/system/shop.service.d/limits.conf"}, "yes"),
        ({"/etc/systemd/system/shop.service", "shop.service"}, "no"),
        ({"/etc/systemd/system/shop.service.bak/x", "/etc/motd"}, "no"),
    ],
)
def test_an_earlier_task_that_writes_the_unit_file_is_foreseen(touched: set[str], stale: str) -> None:
    module = make("systemd", name="shop", state="started")
    seen = module.predict(frozenset(touched), module.parse(there()))
    assert isinstance(seen, Present)
    assert seen.keys["reload"] == stale


def test_an_answer_that_lacks_a_property_is_refused() -> None:
    with pytest.raises(ProbeError, match="ActiveState"):
        make("systemd", name="shop").parse(answer(shown="LoadState=loaded", drop_ins=""))
