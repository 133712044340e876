"""A node is restarted when its unit has another life than before; a start wants any."""

from __future__ import annotations

import pytest

from deployer.engine.roll.restart import Lives
from deployer.errors import ConfigError
from deployer.model import Change, Present

UNITS = {"shop.service": "aaa", "jobs.service": "bbb"}


def said(*units: tuple[str, str], load: str = "loaded") -> str:
    return "".join(
        f"life_{at}=LoadState={load}\nActiveState={active}\nInvocationID={life}\x1e"
        for at, (active, life) in enumerate(units, 1)
    )


@pytest.mark.parametrize(
    ("wanted", "first", "found"),
    [
        ("restarted", ("active", "aaa"), "runs"),
        ("restarted", ("active", "ccc"), "restarted"),
        ("restarted", ("failed", "ccc"), "failed"),
        ("started", ("active", "aaa"), "started"),
        ("started", ("inactive", ""), "inactive"),
    ],
)
def test_what_a_unit_is_follows_from_its_life(wanted, first, found) -> None:
    module = Lives(wanted=wanted, before=UNITS)
    assert module.parse(said(first, ("active", "ddd"))) == Present({"shop.service": found, "jobs.service": wanted})


def test_only_those_that_are_not_so_yet_are_touched_and_a_note_is_left() -> None:
    module = Lives(wanted="restarted", before=UNITS)
    (step,) = module.fix({"shop.service": Change("shop.service", "runs", "restarted")})
    assert step.what == "restart shop.service"
    assert "set -- shop.service\n" in step.text.text
    assert "systemctl restart -- " in step.text.text
    assert "logger -t deployer" in step.text.text
    assert module.fix({}) == ()
    assert module.desired() == Present(dict.fromkeys(UNITS, "restarted"))


def test_a_unit_that_nobody_has_deployed_is_said() -> None:
    with pytest.raises(ConfigError, match=r"there is no shop\.service, jobs\.service on this host"):
        Lives(wanted="started", before=UNITS).parse(said(("inactive", ""), ("inactive", ""), load="not-found"))
