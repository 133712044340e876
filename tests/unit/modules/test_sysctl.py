"""``sysctl``: names as sysctl reads them, the file first and the kernel after it."""

from __future__ import annotations

from pathlib import Path

import pytest

from deployer.errors import ConfigError
from tests.contract.sandbox import Sandbox
from tests.unit.modules.tables import answer, differing, make


@pytest.mark.parametrize(
    ("args", "out", "expected"),
    [
        ({"value": 1}, answer(value=" 1", live="1", read="yes"), {}),
        ({"value": "1"}, answer(live="0", read="yes"), {"value": (None, "1"), "live": ("0", "1")}),
        ({"value": "1"}, answer(value="1", live="0", read="yes"), {"live": ("0", "1")}),
        ({"value": "1", "reload": False}, answer(value="1", live="0", read="yes"), {}),
        (
            {"value": "1", "reload": False, "sysctl_set": True},
            answer(value="1", live="0", read="yes"),
            {"live": ("0", "1")},
        ),
        ({"value": "4096   87380"}, answer(value="4096 87380", live="4096\t87380", read="yes"), {}),
        ({"state": "absent"}, answer(value="1", live="0", read="yes"), {"state": ("present", "absent")}),
        ({"state": "absent"}, answer(live="0", read="yes"), {}),
    ],
)
def test_a_plan_says_what_differs(args: dict[str, object], out: str, expected: object) -> None:
    assert differing(make("sysctl", name="net.ipv4.ip_forward", **args), out) == expected


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("net.ipv4.ip_forward", "/proc/sys/net/ipv4/ip_forward"),
        ("net/ipv4/ip_forward", "/proc/sys/net/ipv4/ip_forward"),
        ("net.ipv4.conf.eth0/1.forwarding", "/proc/sys/net/ipv4/conf/eth0.1/forwarding"),
        ("net/ipv4/conf/eth0.1/forwarding", "/proc/sys/net/ipv4/conf/eth0.1/forwarding"),
    ],
)
def test_a_name_is_read_as_sysctl_reads_it(name: str, place: str) -> None:
    assert f"live={place}\n" in make("sysctl", name=name, value="1").probe().text


@pytest.mark.parametrize(
    "args",
    [
        {"name": "net.ipv4.ip_forward"},
        {"name": "net.ipv4.ip_forward", "value": "1", "state": "absent"},
        {"name": "../../etc/passwd", "value": "1"},
        {"name": "net..ipv4", "value": "1"},
        {"name": "net", "value": "1"},
        {"name": "net.ipv4.ip_forward", "value": "1\nkernel.panic=1"},
    ],
)
def test_what_cannot_be_meant_is_refused(args: dict[str, object]) -> None:
    with pytest.raises(ConfigError):
        make("sysctl", **args)


def test_the_kernel_is_told_after_the_file_is_written() -> None:
    module = make("sysctl", name="net.ipv4.ip_forward", value="1")
    steps = module.fix(module.differences(module.parse(answer(read="yes"))))
    assert [step.what.split()[0] for step in steps] == ["write", "set"]


@pytest.mark.parametrize(
    ("args", "left"),
    [
        ({"value": "20"}, "# ours\nvm.swappiness=20\n#vm.swappiness = 1\nkernel.panic=1\n"),
        ({"state": "absent"}, "# ours\n#vm.swappiness = 1\nkernel.panic=1\n"),
    ],
)
def test_a_line_is_written_in_the_place_of_the_first_one_as_ansible_does(
    tmp_path: Path, args: dict[str, str], left: str
) -> None:
    host = Sandbox.make(tmp_path)
    file = host.home / "root/etc/sysctl.d/60-shop.conf"
    file.write_text("# ours\nvm.swappiness = 10\n#vm.swappiness = 1\nkernel.panic=1\nvm/swappiness=11\n")
    line = make("sysctl", name="vm.swappiness", sysctl_file="/etc/sysctl.d/60-shop.conf", reload=False, **args)
    host.steps(line.fix(line.differences(line.parse(host.probe(line).out))))
    assert file.read_text() == left
    assert line.differences(line.parse(host.probe(line).out)) == {}
