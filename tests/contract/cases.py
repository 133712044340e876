"""Instances of every module: as documented, with every choice taken, and with hostile text in every place."""

from __future__ import annotations

import collections.abc
import io
import tarfile
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from itertools import islice
from typing import Any, Literal, get_args, get_origin

import yaml

from deployer import checks, modules
from deployer.beam.authority import Authority
from deployer.errors import ConfigError
from deployer.fields import Field, build, describe
from deployer.model import Absent, Blob, Present, Secret
from deployer.modules import Module
from deployer.sh import Sh

NODE = Authority.make("shop", datetime.now(UTC)).issue("10.0.0.2", 90, datetime.now(UTC))
SAID = {"certificate": NODE.chain, "key": NODE.key, "authority": NODE.authority}
"""What templates of the examples give, where any text will not do."""
COOKIE = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"
HOSTILE = (
    "'; touch $CANARY; $(touch $CANARY) `touch $CANARY`",
    '"; touch $CANARY; "$(touch $CANARY)',
    "x\ntouch $CANARY\n",
    "x; touch $CANARY #",
    "-x$(touch $CANARY)",
    "{0}{}%s%n\\",
)
DRESSES = ("{}", "/srv/{}", "/srv/shop/{}", "{}.service", "x{}", "root{}", "test -s %s {}", "true {}")


@cache
def archive() -> bytes:
    """Return a tar file with one file in it."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as made:
        made.addfile(tarfile.TarInfo("pages"))
    return packed.getvalue()


@cache
def example(module: str) -> list[dict[str, Any]]:
    """Return the arguments of each task in a module's example, with a blob where a file of the controller is named.

    They are shared: take copies with what is to be other in them.
    """
    cls = modules.class_of(module)
    found = []
    for task in yaml.safe_load(cls.EXAMPLE):
        (args,) = (value for key, value in task.items() if key not in ("name", "notify", "register"))
        found.append({key: _given(cls, key, value) for key, value in args.items()})
    return found


def _given(cls: type[Module], key: str, value: Any) -> Any:
    if key in cls.SOURCES or "Blob" in str(
        next(f.type for f in describe(cls) if key in (f.name, *f.doc.alias.split()))
    ):
        return Blob.of({"Unarchive": archive(), "Script": "#!/bin/sh\ntouch seeded\n"}.get(cls.__name__, "a file\n"))
    return SAID.get(key, COOKIE) if isinstance(value, str) and value.startswith("{{") else value


def instances(module: str) -> list[Module]:
    return [build(modules.class_of(module), args) for args in example(module)]


def variants(module: str) -> Iterator[Module]:
    """Yield the module with each argument as documented, and with each word or truth value that it can be."""
    for field in describe(modules.class_of(module)):
        for value in (field.doc.example, *_choices(field.type)):
            if value is not None:
                yield from islice(built(module, field, value), 1)


def _choices(hint: Any) -> tuple[Any, ...]:
    if hint is bool:
        return (True, False)
    return get_args(hint) if get_origin(hint) is Literal else tuple(v for arg in get_args(hint) for v in _choices(arg))


def texts(instance: Module) -> Iterator[Sh]:
    """Yield all that a module can ask for: the probe, the way from nothing and from nothing right, and the act."""
    yield instance.probe()
    ways = (instance.fix(instance.differences(seen)) for seen in (Absent(), Present({})))
    yield from (step.text for way in (*ways, instance.act()) for step in way)


def fields_of_text() -> Iterator[tuple[str, str]]:
    for module in modules.names():
        for field in describe(modules.class_of(module)):
            if (module, field.name) == ("script", "src"):  # it is a program: what is in it runs
                continue
            if _holds_text(field.type) and field.doc.check is not checks.sh_script:
                yield module, field.name


def _holds_text(hint: Any) -> bool:
    return hint in (str, Secret, Blob) or any(_holds_text(arg) for arg in get_args(hint))


def shaped(hint: Any, text: str) -> Iterator[Any]:
    """Yield values of a type that hold ``text``."""
    if hint in (str, Secret):
        yield text if hint is str else Secret(text)
    elif hint is Blob:
        yield Blob.of(text)
    elif get_origin(hint) is tuple:
        yield from ((value,) for value in shaped(get_args(hint)[0], text))
    elif get_origin(hint) is collections.abc.Mapping:
        yield from ({"K": value} for value in shaped(get_args(hint)[1], text))
        yield {text: "x"}
    else:
        for arg in get_args(hint):
            if arg in (str, Secret, Blob) or get_origin(arg):
                yield from shaped(arg, text)


def built(module: str, field: Field, value: Any) -> Iterator[Module]:
    """Yield the examples of a module with one argument replaced, where the module accepts that."""
    for args in example(module):
        for without in (None, *args):
            given = {key: args[key] for key in args if key not in (without, *field.doc.alias.split())} | {
                field.name: value
            }
            try:
                yield build(modules.class_of(module), given)
            except ConfigError:
                continue
            break


def dressed(module: str, field: Field, hostile: str) -> Iterator[Module]:
    """Yield instances that hold a hostile text in one argument, in whatever form the module accepts it."""
    for dress in DRESSES:
        for value in shaped(field.type, dress.replace("{}", hostile, 1)):
            yield from built(module, field, value)
