"""Whose release a tarball holds, mix's or rebar3's, and so which of its files count at a start.

``mix release`` starts by its own script, which reads ``env.sh``. ``rebar3 tar`` packs what relx assembles: a script of
its own, ``start_clean.boot``, and ``vm.args`` and ``sys.config``, perhaps as ``.src`` with variables to fill in (relx,
"Configuration"). Distillery's releases have sh texts of their own beside these.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Literal

from deployer.beam.clashes import Clash
from deployer.beam.contents import Contents
from deployer.errors import ConfigError

BuiltBy = Literal["mix", "rebar3"]
_CLEAN = "start_clean.boot"


def maker_of(path: Path, seen: Contents, version: str) -> BuiltBy:
    """Return whose release it is; raises ConfigError for one that nothing here can start."""
    if version in seen.environments:
        return "mix"
    starts = {name for of, name in seen.starts if of == version}
    if starts == {_CLEAN}:
        return "rebar3"
    other = sorted(starts - {_CLEAN})
    has = f"no env.sh, but {other[0]}" if other else f"neither env.sh nor {_CLEAN}"
    problem = f"is no tarball of mix release or of rebar3: releases/{version} has {has}"
    raise ConfigError(problem, where=path, hint="build it with one of the two: others have other start scripts")


def read_at_start(seen: Contents, version: str, maker: BuiltBy, name: str) -> str:
    """Return which file of that name a start reads; of rebar3's it may be one that is filled in."""
    file = f"releases/{version}/{name}"
    return f"{file}.src" if maker == "rebar3" and f"{file}.src" in seen.clashes else file


def clashes_of(seen: Contents, version: str, maker: BuiltBy, name: str) -> Iterator[Clash]:
    """Yield the lines of the files that count which speak of what the fleet decides, and hooks that do not run."""
    if maker == "mix":
        for file in ("env.sh", "vm.args", "remote.vm.args", "sys.config"):
            yield from seen.clashes.get(f"releases/{version}/{file}", ())
        return
    for file in (read_at_start(seen, version, maker, kind) for kind in ("vm.args", "sys.config")):
        for clash in seen.clashes.get(file, ()):
            out = clash.line in seen.left_out.get(file, ())
            yield replace(clash, harm="never", advice="it is left out: the fleet decides that") if out else clash
    yield from seen.hooks.get(name, ())
