"""``inventory``, ``modules``, ``release``, ``docs``, ``import``, ``version``: look around without touching a host."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from invoke.collection import Collection
from invoke.context import Context

from deployer.cli.command import Flag, Subcommand, err, out
from deployer.cli.flags import SOURCE_FLAGS, options
from deployer.errors import ConfigError


def inventory(c: Context, *, list: bool, graph: bool, host: str, **given: Any) -> None:  # noqa: A002 - Ansible's flag
    """Show the inventory as deployer reads it; secrets print as ***."""
    del c
    from deployer.app import show_inventory

    if sum((list, graph, bool(host))) != 1:
        raise ConfigError("say what to show", hint="one of --list, --graph, --host HOST")
    out(show_inventory(options(given | {"playbook": ""}), graph=graph, host=host))


def _list(c: Context) -> None:
    """List all modules, each with what it is for."""
    del c
    from deployer import modules

    for name in modules.names():
        out(f"{name:<14} {(modules.class_of(name).__doc__ or '').splitlines()[0]}")


def show(c: Context, *, name: str) -> None:
    """Show a module: what it does, every argument, an example."""
    del c
    from deployer import modules
    from deployer.fields import nearest
    from deployer.report.reference import reference

    try:
        out(reference(name, modules.class_of(name)))
    except KeyError:
        raise ConfigError(f"there is no module {name!r}", hint=nearest(name, modules.names())) from None


def _inspect(c: Context, *, file: str, json: bool) -> None:
    """Show what a release tarball contains, what it needs of a host, and what in it conflicts with the inventory."""
    del c
    from pathlib import Path

    from deployer.beam import remembered
    from deployer.report import contents

    held = remembered.learn(Path(file))
    out(contents.as_json(held) if json else contents.as_text(held))


def docs(c: Context, *, page: str) -> None:
    """Print a page of the documentation, or the example inventory; without a name, list them."""
    del c
    from deployer.fields import nearest
    from deployer.load.shipped import shipped_pages

    pages = shipped_pages()
    if not page:
        for name, path in pages.items():
            out(f"{name:<24} {_title(path.read_text(encoding='utf-8'))}")
        return
    name = page.removeprefix("docs/").removesuffix(".md")
    if name not in pages:
        raise ConfigError(f"there is no page {page!r}", hint=nearest(name, pages))
    out(pages[name].read_text(encoding="utf-8").rstrip("\n"))


def _title(text: str) -> str:
    """Return what a page is about: its heading, or its first comment."""
    return next(line.lstrip("# ") for line in text.splitlines() if line.startswith("#"))


def _import(c: Context, *, path: str) -> None:
    """Print a patch that makes an Ansible project load: new spelling, and engine: ansible for the rest."""
    del c
    from deployer.importing import import_project

    found = import_project(Path(path))
    sys.stdout.write(found.patch)
    err(f"{found.places} places change, {found.marked} of them say engine: ansible; apply it with patch -p1")
    for line in found.left:
        err(line)


def _version(c: Context) -> None:
    """Print the program's version."""
    del c
    from deployer import __version__

    out(f"deployer {__version__}")


COMMANDS = (
    Subcommand(docs, (Flag("page", "the page's name; left out: all names"),)),
    Subcommand(_import, (Flag("path", "the project's directory, or a playbook in it", word=True),)),
    Subcommand(_version, ()),
    Subcommand(
        inventory,
        (
            *SOURCE_FLAGS,
            Flag("list", "all hosts with their variables, as JSON", default=False),
            Flag("graph", "the tree of groups", default=False),
            Flag("host", "one host's variables, as JSON"),
        ),
    ),
    Collection("modules", Subcommand(_list, ()), Subcommand(show, (Flag("name", "the module", word=True),))),
    Collection(
        "release",
        Subcommand(
            _inspect,
            (Flag("file", "the release's .tar.gz", word=True), Flag("json", "the same as JSON", default=False)),
        ),
    ),
)
