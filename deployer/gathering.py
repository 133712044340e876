"""Going on after what is wrong, so that one report has all of it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from deployer.errors import ConfigError, Problems, SecretError


class Gathering:
    """What is wrong in many places, gathered while the reading goes on, so that one report has it all.

    Attributes:
        found: the errors so far.
        strict: what is not supported is wrong although a condition may leave it out.
        outdated: words of an Ansible that nobody has any more, which are read all the same, each with its place.
    """

    def __init__(self, *, strict: bool = False) -> None:
        self.strict = strict
        self.outdated: list[tuple[str, str]] = []
        self.found: list[ConfigError] = []

    @contextmanager
    def going_on(self) -> Iterator[None]:
        """Keep what goes wrong inside for `check`; a secret that cannot be read ends the reading, as others would."""
        try:
            yield
        except SecretError:
            raise
        except ConfigError as error:
            self.found += error.each

    def check(self) -> None:
        """Raise what was found, by file and line; nothing when all is well."""
        Problems.check(sorted(self.found, key=_place))


def _place(error: ConfigError) -> tuple[str, int, int]:
    match = re.fullmatch(r"(.*?)(?::(\d+))?(?::(\d+))?", error.where)
    return (match[1], int(match[2] or 0), int(match[3] or 0)) if match else (error.where, 0, 0)
