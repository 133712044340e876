"""Trials that take long are left out of a usual run: DEPLOYER_RELIABILITY_ALL=1 or naming the row has them."""

from __future__ import annotations

import os

import pytest


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what is marked as long."""
    if os.environ.get("DEPLOYER_RELIABILITY_ALL") == "1":
        return
    long = [item for item in items if item.get_closest_marker("long")]
    items[:] = [item for item in items if item not in long]
    config.hook.pytest_deselected(items=long)
