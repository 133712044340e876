"""pam_limits leaves a text as community.general's module of that name does, whose answers these are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from deployer.errors import ConfigError
from deployer.modules.pam_limits import PamLimits
from tests.unit.modules.host_text import converge
from tests.unit.modules.tables import make

TEXT = "# ours\n@shop  soft nofile 10 # why\n* hard core 0"
LIMIT = {"domain": "@shop", "limit_type": "soft", "limit_item": "nofile"}
LEFT: tuple[tuple[dict[str, Any], str], ...] = (
    ({"value": "20"}, "# ours\n@shop\tsoft\tnofile\t20\t# why\n\n* hard core 0"),
    ({"value": "10"}, "# ours\n@shop  soft nofile 10 # why\n* hard core 0"),
    ({"value": "5", "use_max": True}, "# ours\n@shop  soft nofile 10 # why\n* hard core 0"),
    ({"value": "5", "use_min": True}, "# ours\n@shop\tsoft\tnofile\t5\t# why\n\n* hard core 0"),
    ({"value": "unlimited", "use_max": True}, "# ours\n@shop\tsoft\tnofile\tunlimited\t# why\n\n* hard core 0"),
    ({"value": "20", "comment": "more"}, "# ours\n@shop\tsoft\tnofile\t20\t#more\n* hard core 0"),
    (
        {"value": "20", "limit_type": "hard"},
        "# ours\n@shop  soft nofile 10 # why\n* hard core 0\n@shop\thard\tnofile\t20\t# why\n\n",
    ),
    (
        {"value": "-5", "limit_item": "nice"},
        "# ours\n@shop  soft nofile 10 # why\n* hard core 0\n@shop\tsoft\tnice\t-5\t# why\n\n",
    ),
)


@pytest.mark.parametrize(("args", "left"), LEFT)
def test_a_text_is_left_as_the_collection_leaves_it(args: dict[str, Any], left: str) -> None:
    made = make("pam_limits", **{**LIMIT, **args})
    assert isinstance(made, PamLimits)
    assert made.path == "/etc/security/limits.conf"
    assert made.edited(TEXT) == left
    assert made.edited(left) == left


def test_a_file_is_made_and_read_again(tmp_path: Path) -> None:
    given = {**LIMIT, "dest": str(tmp_path / "shop.conf"), "domain": "$(x)'"}
    assert converge(make("pam_limits", **given, value="20"), tmp_path) == ["content"]
    assert (tmp_path / "shop.conf").read_text() == "$(x)'\tsoft\tnofile\t20\n"


@pytest.mark.parametrize(
    "args",
    [
        {"value": "many"},
        {"value": "20", "limit_item": "nice"},
        {"value": "20", "use_max": True, "use_min": True},
        {"value": "20", "domain": "a b"},
        {"value": "20", "state": "absent"},
    ],
)
def test_what_is_no_limit_is_refused(args: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        make("pam_limits", **{**LIMIT, **args})


def test_a_value_there_that_is_none_is_told() -> None:
    made = make("pam_limits", **LIMIT, value="20", use_max=True)
    assert isinstance(made, PamLimits)
    with pytest.raises(ConfigError, match="has the value 'many'"):
        made.edited("@shop soft nofile many\n")
