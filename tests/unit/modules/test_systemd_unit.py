"""``systemd_unit``: a file is written and read by systemd in one step."""

from __future__ import annotations

import pytest

from deployer.errors import ConfigError
from deployer.model import Secret
from tests.unit.modules.tables import answer, differing, fixed, make, sha

TEXT = "[Service]\nExecStart=/usr/bin/sleep infinity\n"


def there(load: str = "loaded", reload: str = "no", text: str = TEXT) -> str:
    return answer(type="file", at="root:0:root:0:644", sha=sha(text), load=load, reload=reload)


@pytest.mark.parametrize(
    ("out", "expected"),
    [
        (there(), {}),
        (there(reload="yes"), {"reload": ("yes", "no")}),
        (there(load="bad-setting"), {"load": ("bad-setting", "loaded")}),
    ],
)
def test_a_plan_says_what_differs(out: str, expected: object) -> None:
    assert differing(make("systemd_unit", name="shop.service", content=TEXT), out) == expected


def test_the_file_is_written_and_read_in_one_step() -> None:
    module = make("systemd_unit", name="shop.service", content=TEXT)
    (step,) = module.fix(module.differences(module.parse("")))
    assert step.text.text.splitlines()[-2:] == ["settle /etc/systemd/system/shop.service", "systemctl daemon-reload"]
    assert module.touches() == ("/etc/systemd/system/shop.service", "shop.service")


def test_a_file_that_is_right_and_unread_is_only_read() -> None:
    module = make("systemd_unit", name="shop.service", content=TEXT)
    assert fixed(module, there(reload="yes")) == "systemctl daemon-reload"


def test_systemd_is_asked_about_an_instance_of_a_template() -> None:
    assert "shop@deployer.service" in make("systemd_unit", name="shop@.service", content=TEXT).probe().text


@pytest.mark.parametrize(
    ("args", "complaint"),
    [
        ({"name": "shop", "content": TEXT}, "unit's name"),
        ({"name": "../shop.service", "content": TEXT}, "unit's name"),
        ({"name": "shop.service"}, "needs content"),
        ({"name": "shop.service", "content": TEXT, "state": "absent"}, "needs content"),
        ({"name": "shop.service", "content": Secret("x")}, "secret"),
    ],
)
def test_what_cannot_be_meant_is_refused(args: dict[str, object], complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        make("systemd_unit", **args)
