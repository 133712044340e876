"""What is not supported and stands under a condition: it is refused on a host on which the condition holds.

Roles have branches for other systems, and switches for what few people use. Where the condition leaves such a task out,
nothing is lost; where it holds, or nobody can know it before something has been changed, the task is refused before any
host is changed (`deployer.resolve.making`).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from deployer.errors import ConfigError
from deployer.gathering import Gathering
from deployer.load.instead import INSTEAD_OF_MODULES, OF_OTHER_SYSTEMS
from deployer.load.keywords import instead, short_name
from deployer.load.marked import Map

if TYPE_CHECKING:
    from deployer.load.inherited import Inherited


class NotHere(ConfigError):
    """A module that Ansible has and this has not."""


def conditional(given: Map, inherited: Inherited, problems: Gathering) -> bool:
    """Return whether hosts may leave a task out: it or something around it has a condition."""
    return not problems.strict and bool("when" in given or inherited.when or inherited.gated)


def refused_here(key: str, under: bool) -> bool:
    """Return whether a module or word is refused where it is read.

    Args:
        key: as it is written.
        under: whether it stands under a condition.
    """
    module = short_name(key)
    return bool(instead(key)) and module not in OF_OTHER_SYSTEMS and not (under and module in INSTEAD_OF_MODULES)


def standing(wrong: Iterable[ConfigError], under: bool) -> list[ConfigError]:
    """Return what of it is refused where it is read: what is not here is left to the hosts, under a condition."""
    return [error for error in wrong if not (under and isinstance(error, NotHere))]
