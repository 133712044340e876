"""Variables from the command line: ``-e key=value``, ``-e '{yaml: …}'``, ``-e @file``."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

from deployer.errors import ConfigError
from deployer.load import yaml
from deployer.load.marked import Map, Text, joined
from deployer.load.secrets import Vaults
from deployer.load.varfiles import read_vars, variables
from deployer.model import Mark

_WHERE = Mark("-e")


def extra_variables(words: Sequence[str], vaults: Vaults | None = None) -> Map:
    """Return the variables of all ``-e`` words, the last one winning. Values of ``key=value`` stay text, as in Ansible.

    A dotted name is a piece of a variable (`deployer.load.pieces`); giving the variable whole later undoes it.

    Raises:
        ConfigError: a word is none of the three forms, or a file is wrong.
    """
    found = Map()
    for one in (_one(word.strip(), vaults) for word in words):
        left = {path: value for path, value in found.items() if path.partition(".")[0] not in one}
        found = joined(Map(left, marks=found.marks), one)
    return found


def _one(word: str, vaults: Vaults | None) -> Map:
    if word.startswith("@"):
        return read_vars(Path(word[1:]).expanduser(), vaults)
    if word.startswith("{"):
        return variables(yaml.parse(word, "-e"), _WHERE)
    try:
        pairs = [part.partition("=") for part in shlex.split(word)]
    except ValueError as error:
        raise ConfigError(f"-e: {error}", hint="quote values for the shell: -e 'name=\"a b\"'") from None
    if not pairs or not all(equals for _, equals, _ in pairs):
        raise ConfigError("-e takes NAME=VALUE, NAME.KEY=VALUE, YAML in braces, or @FILE")
    for name, _, _ in pairs:
        root, dot, path = name.partition(".")
        variables(Map({root: None}, _WHERE), _WHERE)
        if dot and not all(path.split(".")):
            raise ConfigError(f"-e {name}: a name between the dots is missing", hint="write NAME.KEY=VALUE")
    return Map(((name, Text(value, _WHERE)) for name, _, value in pairs), _WHERE)
