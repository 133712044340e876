"""What is left behind: told, removed last, the firewall's part before the rest."""

from __future__ import annotations

from tests.unit.modules.tables import answer, differing, make

ARGS = {"cluster": "shop", "epmd_port": 4369, "root": "/opt/shop"}


def test_nothing_left_is_nothing_to_do() -> None:
    module = make("left_behind", **ARGS)
    assert differing(module, answer(left="")) == {}
    assert module.fix({}) == ()


def test_what_is_left_goes_last_and_the_firewall_is_closed_to_it_first() -> None:
    module = make("left_behind", **ARGS)
    out = answer(left="files /etc/beam/old\nfirewall part of old\nepmd 4370/shop")
    assert differing(module, out) == {
        "left behind": ("files /etc/beam/old, firewall part of old, epmd 4370/shop", "nothing")
    }
    close, remove = module.fix(module.differences(module.parse(out)))
    assert (close.late, close.confirm, remove.late, remove.confirm) == (True, 60, True, None)
    (only,) = module.fix(module.differences(module.parse(answer(left="epmd 4370/shop"))))
    assert only.what == "remove epmd 4370/shop"
