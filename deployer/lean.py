"""What a start costs and nobody uses is left out while the program is loaded: a third of ``deployer plan``'s own time.

`invoke` imports ``unittest.mock`` (and with it asyncio) for a test double, and a second YAML for files that
`deployer.cli.program` never reads; it and `paramiko` import ``importlib.metadata`` (and with it email and zipfile) for
their own version. A dataclass compiles its methods when it is made, most of which no run calls; a regular expression
is compiled where it is named, and most wait for a text that never comes.
"""

from __future__ import annotations

import gc
import re
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

_SELDOM = (
    *("ast", "bz2", "getpass", "inspect", "locale", "lzma", "pprint", "pty", "random", "shutil", "ssl", "tarfile"),
    *("tempfile", "textwrap"),
)
"""Many name them, few runs need them."""
_BY_NAME = {"ast": "literal_eval", "inspect": "getattr_static", "pprint": "pformat"}
"""Functions of theirs that `jinja2` and `invoke` import by name."""
_GARBAGE = 20_000
"""Objects made, less those gone, between two looks for garbage. A host of a thousand makes some hundred that stay, and
nothing that has to be looked for; by Python's own count every tenth look goes over all of them."""
_lean = False
"""Whether this program was loaded by `loading`."""


@contextmanager
def loading() -> Iterator[None]:
    """Load modules within, and let what has been loaded by the end `stay`.

    Not for threads: other modules that are imported meanwhile see the stand-ins, too.
    """
    global _lean  # noqa: PLW0603
    _lean = True
    gc.disable()
    placed = _stand_ins()
    sys.modules.update(placed)
    ends = [_within_packages(placed), _late_methods(), _late_patterns()]
    try:
        yield
    finally:
        for end in ends:
            end()
        for name, module in placed.items():
            if sys.modules.get(name) is module:
                del sys.modules[name]
        stay()
        gc.enable()


def stay() -> None:
    """Exempt what there is from collections of garbage for good, and have what comes collected less often."""
    gc.freeze()
    gc.set_threshold(_GARBAGE, *gc.get_threshold()[1:])


@contextmanager
def loading_more() -> Iterator[None]:
    """Load what a run turns out to need in the same way, if the program was loaded so and no thread runs beside it."""
    ends = [_late_methods(), _late_patterns()] if _lean and threading.active_count() == 1 else []
    try:
        yield
    finally:
        for end in ends:
            end()


def _stand_ins() -> dict[str, ModuleType]:
    mock, metadata = _LateModule("unittest.mock"), _LateModule("importlib.metadata")
    mock.Mock, metadata.version = object, installed_version  # type: ignore[attr-defined]
    made = {"unittest.mock": mock, "importlib.metadata": metadata, "invoke.vendor.yaml": ModuleType("yaml")}
    late = {name: _LateModule(name) for name in _SELDOM}
    for module, name in _BY_NAME.items():
        setattr(late[module], name, partial(_called, late[module], name))
    return {name: module for name, module in {**made, **late}.items() if name not in sys.modules}


def _within_packages(placed: dict[str, ModuleType]) -> Callable[[], None]:
    """Have ``importlib.metadata.version`` find what is placed, too, however it was imported; return what ends that."""
    names = [(sys.modules.get(name.rpartition(".")[0]), name.rpartition(".")[2], placed[name]) for name in placed]
    inside = [(package, own, module) for package, own, module in names if package and own not in vars(package)]
    for package, own, module in inside:
        setattr(package, own, module)

    def end() -> None:
        for package, own, module in inside:
            if vars(package).get(own) is module:
                delattr(package, own)

    return end


class _LateModule(ModuleType):
    """A module of Python's own that is loaded when something of it is first wanted."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        found = _loaded(self, name)
        setattr(self, name, found)
        return found


def _loaded(late: _LateModule, name: str) -> Any:
    if sys.modules.get(late.__name__) is late:
        del sys.modules[late.__name__]
    return getattr(import_module(late.__name__), name)


def _called(late: _LateModule, name: str, *args: Any, **named: Any) -> Any:
    return _loaded(late, name)(*args, **named)


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
    """Have dataclasses write and compile a method when it is first called; return what ends that.

    Python 3.13 compiles all methods of a class at once, and is left alone.
    """
    import dataclasses  # not before the stand-ins are there: it wants `inspect`

    make = getattr(dataclasses, "_create_fn", None)
    if make is None:
        return lambda: None
    inspect, brief = dataclasses.inspect, _LateModule("inspect")  # type: ignore[attr-defined]
    brief.signature = lambda _: ""  # type: ignore[attr-defined]  # what it says of a private class without a docstring
    init = dataclasses._init_fn  # type: ignore[attr-defined]

    def later(name: str, write: Callable[[], Any]) -> Callable[..., Any]:
        def method(self: Any, *given: Any, **named: Any) -> Any:
            made = write()
            for owner in type(self).__mro__:
                if vars(owner).get(name) is method:
                    made.__qualname__ = method.__qualname__
                    setattr(owner, name, made)
            return made(self, *given, **named)

        method.__name__ = name
        return method

    vars(dataclasses).update(
        _create_fn=lambda name, *args, **named: later(name, partial(make, name, *args, **named)),
        _init_fn=lambda *args, **named: later("__init__", partial(init, *args, **named)),
        inspect=brief,
    )
    return lambda: vars(dataclasses).update(_create_fn=make, _init_fn=init, inspect=inspect)


def _late_patterns() -> Callable[[], None]:
    """Have `re.compile` hand out what is compiled when it is first asked for anything; return what ends that."""
    make = re.compile
    re.compile = lambda pattern, flags=0: _LatePattern(make, pattern, flags)  # type: ignore[assignment]
    return lambda: setattr(re, "compile", make)


class _LatePattern:
    """A regular expression; once it is compiled, its methods are the compiled one's own.

    What is wrong with it shows when it is used: the tests load everything without `loading`, and are told at once.
    """

    __class__ = re.Pattern  # type: ignore[assignment]  # the functions of re, and others, take no stranger

    def __init__(self, make: Callable[..., Any], pattern: Any, flags: int) -> None:
        self._make, self.pattern, self._flags = make, pattern, flags

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, int]]:
        return self._make, (self.pattern, self._flags)  # its copies are compiled

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._make(self.pattern, self._flags), name)  # which re keeps, too
        setattr(self, name, found)
        return found
