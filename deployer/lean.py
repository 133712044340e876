"""What a start costs and nobody uses is left out while the program is loaded: a third of ``deployer plan``'s own time.

`invoke` imports ``unittest.mock`` (and with it asyncio) for a test double, and a second YAML for files that
`deployer.cli.program` never reads; it and `paramiko` import ``importlib.metadata`` (and with it email and zipfile) for
their own version. A dataclass compiles its methods when it is made, most of which no run calls.
"""

from __future__ import annotations

import dataclasses
import gc
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any


@contextmanager
def loading() -> Iterator[None]:
    """Load modules within. What has been loaded by its end is exempt from collections of garbage for good.

    Not for threads: other modules that are imported meanwhile see the stand-ins, too.
    """
    gc.disable()
    placed = _stand_ins()
    sys.modules.update(placed)
    compiles = _late_methods()
    try:
        yield
    finally:
        compiles()
        for name in placed:
            del sys.modules[name]
        gc.freeze()
        gc.enable()


def _stand_ins() -> dict[str, ModuleType]:
    mock, metadata = ModuleType("unittest.mock"), ModuleType("importlib.metadata")
    mock.Mock, metadata.version = object, installed_version  # type: ignore[attr-defined]
    made = {"unittest.mock": mock, "importlib.metadata": metadata, "invoke.vendor.yaml": ModuleType("yaml")}
    return {name: module for name, module in made.items() if name not in sys.modules}


def installed_version(name: str) -> str:
    """Return an installed package's version: from the name of its metadata's directory, else from the metadata."""
    spec = find_spec(name)
    places = (Path(place).parent for place in (spec and spec.submodule_search_locations) or ())
    for info in (info for place in places for info in place.glob(f"{name}-*.dist-info")):
        return info.name.removesuffix(".dist-info").rpartition("-")[2]
    sys.modules.pop("importlib.metadata", None)
    from importlib.metadata import version

    return version(name)


def _late_methods() -> Callable[[], None]:
    """Have dataclasses compile a method when it is first called; return what ends that.

    Python 3.13 compiles all methods of a class at once, and is left alone.
    """
    make = getattr(dataclasses, "_create_fn", None)
    if make is None:
        return lambda: None

    def later(name: str, *args: Any, **kwargs: Any) -> Callable[..., Any]:
        def method(self: Any, *given: Any, **named: Any) -> Any:
            made = make(name, *args, **kwargs)
            for owner in type(self).__mro__:
                if vars(owner).get(name) is method:
                    made.__qualname__ = method.__qualname__
                    setattr(owner, name, made)
            return made(self, *given, **named)

        method.__name__ = name
        return method

    dataclasses._create_fn = later  # type: ignore[attr-defined]
    return lambda: setattr(dataclasses, "_create_fn", make)
