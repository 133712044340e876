"""What steers a node from outside of what we write: found by what systemd says, and held to the one rule."""

from __future__ import annotations

from pathlib import Path

import pytest

from deployer.errors import ConfigError
from deployer.releases.doors import OUTSIDE, check_outside
from deployer.sh import Program, Sh, lines, sh
from tests.unit.sh_runner import frames

STUB = """
systemctl() {{
  case $1 in
    show-environment) printf '%s\\n' {} ;;
    show) printf '%s\\n' {} ;;
  esac
}}
"""


def seen(tmp: Path, *, manager: str = "PATH=/usr/bin:/bin", shown: str = "Environment=") -> str:
    text = lines(sh(STUB, manager, shown), OUTSIDE, Sh('unit_show shop.service\noutside\nprintf %s "$steered"'))
    (frame,) = frames(Program((text,)), ["dash"], tmp)
    return frame.out


def refused(said: str) -> str:
    with pytest.raises(ConfigError) as caught:
        check_outside("shop.service", said)
    return str(caught.value)


def test_what_is_nobodys_business_is_let_through(tmp_path: Path) -> None:
    said = seen(tmp_path, manager="LANG=C\nHOME=/\nPATH=/usr/bin:/bin", shown='Environment=A=1 "B=ERL_X=2" HOME=/x')
    check_outside("shop.service", said)
    check_outside("shop.service", seen(tmp_path, shown='Environment="ERL_FLAGS=+S 4:4" ERL_ZFLAGS=+K'))


@pytest.mark.parametrize(
    "shown", ['Environment=A=1 "ERL_AFLAGS=-proto_dist inet6_tcp" B=2', 'Environment="ERL_AFLAGS=+S 1 -proto_dist x"']
)
def test_a_drop_in_that_undoes_what_is_declared_is_named(tmp_path: Path, shown: str) -> None:
    said = refused(seen(tmp_path, shown=shown))
    assert said.startswith("ERL_AFLAGS -proto_dist is set for shop.service by Environment= of its unit")
    assert "systemctl cat shop.service" in said


def test_systemds_own_environment_is_a_door_too(tmp_path: Path) -> None:
    said = refused(seen(tmp_path, manager="LANG=C\nRELEASE_BOOT_SCRIPT=start_clean"))
    assert said.startswith("RELEASE_BOOT_SCRIPT is set for shop.service by systemd's own environment")


def test_a_file_of_a_drop_in_wins_over_ours_and_is_read_whole(tmp_path: Path) -> None:
    file = tmp_path / "environment"
    file.write_text("A=1\nexport X\nRELEASE_NODE=canary@x\n")
    ours = "EnvironmentFiles=/etc/beam/shop/private/shop.env (ignore_errors=no)"
    shown = f"{ours}\nEnvironmentFiles={file} (ignore_errors=yes)"
    said = refused(seen(tmp_path, shown=shown))
    assert said.startswith(f"RELEASE_NODE is set for shop.service by {file}, ")
    assert "canary" not in said
