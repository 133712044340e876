"""Variables that the tests of templates render with."""

from __future__ import annotations

from typing import Any

from deployer.load.template import Layer, Variables
from deployer.model import Mark, Secret

CANARY = "canary-5e1d"
HERE = Mark("play.yml", 3, 4)


def variables(**values: Any) -> Variables:
    base = {
        "host": "10.0.0.1",
        "url": "http://{{ host }}:{{ port }}/",
        "port": 4000,
        "flag": True,
        "names": ["a", "b", "a"],
        "shop": {"name": "shop", "ports": [1, 2]},
    }
    return Variables([Layer({**base, **values})], lambda encrypted, name: Secret(CANARY, name))
