"""``package``: only what is missing is installed, and the host is believed only about what was asked."""

from __future__ import annotations

import pytest

from deployer.errors import ConfigError, ProbeError
from tests.unit.modules.tables import answer, differing, fixed, make


@pytest.mark.parametrize(
    ("args", "found", "expected"),
    [
        ({"name": "sudo"}, "sudo ", {}),
        ({"name": ["sudo", "curl"]}, "sudo ", {"curl": ("absent", "present")}),
        ({"name": ["sudo"], "state": "absent"}, "sudo ", {"sudo": ("present", "absent")}),
        ({"name": ["sudo"], "state": "absent"}, "", {}),
        ({"name": "sudo=1:1.9-2+b1"}, "sudo=1:1.9-2+b1 ", {}),
        ({"name": ["sudo=1.9", "curl"]}, "sudo=1.8 curl ", {"sudo": ("1.8", "1.9")}),
        ({"name": ["sudo=1.9"]}, "", {"sudo": ("absent", "1.9")}),
    ],
)
def test_a_plan_says_what_differs(args: dict[str, object], found: str, expected: object) -> None:
    assert differing(make("package", **args), answer(found=found)) == expected


@pytest.mark.parametrize(
    ("args", "complaint"),
    [
        ({"name": "sudo", "state": "latest"}, "another version every day"),
        ({"name": "sudo=1.9*"}, "whole version"),
        ({"name": "sudo=1.9", "state": "absent"}, "by its name alone"),
        ({"name": "-y"}, "bare name"),
        ({"name": ["sudo", "a b"]}, "'a b'"),
        ({"name": []}, "at least one"),
    ],
)
def test_what_cannot_be_meant_is_refused(args: dict[str, object], complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        make("package", **args)


def test_only_what_is_missing_is_installed() -> None:
    text = fixed(make("package", name=["sudo", "curl"]), answer(found="sudo "))
    assert "apt install -- curl\n" in text
    assert "sudo" not in text


def test_a_version_that_is_another_one_is_installed_by_name_and_version() -> None:
    text = fixed(make("package", name=["sudo=1.9", "curl"]), answer(found="sudo=1.8 curl "))
    assert "apt install -- sudo=1.9\n" in text


def test_a_host_that_names_what_nobody_asked_for_is_not_believed() -> None:
    with pytest.raises(ProbeError):
        make("package", name="sudo").parse(answer(found="bash "))


def test_a_package_from_elsewhere_is_fetched_by_a_task_before() -> None:
    with pytest.raises(ConfigError, match="fetch it with get_url in an earlier task"):
        make("apt", deb="https://10.0.0.9/shop.deb")
