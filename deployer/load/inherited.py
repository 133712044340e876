"""What plays, roles and imports hand down to their tasks, and the words that all of them share."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

from deployer.gathering import Gathering
from deployer.load.keywords import boolean, expression, items, mapping, text, words
from deployer.load.marked import Map, Text, joined
from deployer.model import Block

_DROPPED = frozenset(("sudo", "sudo_user"))


@dataclass(frozen=True, slots=True)
class Inherited:
    """What a play or a role hands down to its tasks; `with_words` adds what a role or import says itself.

    Attributes:
        entry: variables below ``vars:`` of a role's entry: weaker than those of its tasks. beside: those that stand
            beside its ``role:``, and of roles around it. params: these and those of includes, stronger than its tasks'.
        around: what the roles around it have, weaker than its own ``role_vars``.
        block_vars: variables of the blocks and imports around it, weaker than its own.
        blocks: those around it that say what happens when a task fails, each with the part one is in.
        notify: handlers that the blocks around it notify.
        private: the variables of the role that is read next are no other role's.
        become_around: what stands for a ``become`` or ``become_user`` that is ``omit``: those around it, nearest first.
        looked: the files around it that are read only to know who becomes root there, by directory and name.
        gated: an include around it has a condition.
        files: directories whose ``files/`` and ``templates/`` are looked in; see `deployer.load.sources`.
    """

    when: tuple[str, ...] = ()
    tags: frozenset[str] = frozenset()
    become: bool | str | None = None
    become_user: str | None = None
    become_around: tuple[tuple[bool | str | None, str | None], ...] = ()
    environment: Mapping[str, Any] = field(default_factory=Map)
    role: str = ""
    role_path: Path | None = None
    defaults: Map = field(default_factory=Map)
    role_vars: Map = field(default_factory=Map)
    entry: Map = field(default_factory=Map)
    beside: Map = field(default_factory=Map)
    params: Map = field(default_factory=Map)
    around: Map = field(default_factory=Map)
    block_vars: Map = field(default_factory=Map)
    no_log: bool = False
    notify: tuple[str, ...] = ()
    run_once: bool | str = False
    blocks: tuple[tuple[Block, str], ...] = ()
    private: bool = False
    depth: int = 0
    looked: frozenset[tuple[Path, str]] = frozenset()
    gated: bool = False
    delegate_to: str | None = None
    ignore_errors: Any = None

    def with_words(self, given: Map) -> Inherited:
        """Return what is handed down below ``given``, which may say when, tags, become, become_user, environment."""
        become, once = _said(given, "become"), _said(given, "run_once")
        return replace(
            self,
            when=self.when + conditions(given),
            tags=self.tags | tags(given),
            become=self.become if become is None else become,
            run_once=self.run_once if once is None else once,
            become_user=text(given, "become_user", self.become_user),
            become_around=self._around(given),
            delegate_to=text(given, "delegate_to", self.delegate_to),
            ignore_errors=given.get("ignore_errors", self.ignore_errors),
            environment=joined(self.environment, *_environments(given)),
            notify=self.notify + words(given, "notify") if "block" in given else self.notify,
        )

    def _around(self, given: Map) -> tuple[tuple[bool | str | None, str | None], ...]:
        omits = any("omit" in str(given.get(word)) for word in ("become", "become_user"))
        return ((self.become, self.become_user), *self.become_around) if omits else self.become_around

    def variables(self, own: Map) -> Map:
        """Return what a task sees of role, blocks, itself and the includes around it; the last is the strongest."""
        stronger = (self.block_vars, own, self.params)
        return joined(self.role_vars, *stronger) if any(stronger) else self.role_vars

    def hides(self, given: Map) -> bool:
        """Return whether nothing of a task or block may be shown, by its own ``no_log`` or the one around it."""
        if "{{" in str(given.get("no_log")):
            return True  # whatever it will say: nothing is shown that it may hide
        said = boolean(given, "no_log")
        return self.no_log if said is None else said


class Listed(NamedTuple):
    """A role whose tasks are listed: under which conditions and tags, and whether an include may leave it out.

    ``own``: those conditions and tags that stand at the role itself; with others it is another role to Ansible.
    """

    path: Path
    when: frozenset[str]
    gated: bool
    tags: frozenset[str]
    own: tuple[object, ...]

    def serves(self, path: Path, wanted: Inherited, own: tuple[object, ...]) -> bool:
        """Return whether it is done on each host on which the same role would be, listed again, if tags choose it."""
        return (path, own) == (self.path, self.own) and not self.gated and self.when <= {*wanted.when}


def _said(given: Map, word: str) -> bool | str | None:
    """Return what a word says: true or false, a template that will tell, or None where it is not there."""
    value = given.get(word)
    return value if isinstance(value, str) and "{{" in value else boolean(given, word)


def read_today(given: Map, problems: Gathering) -> Map:
    """Return a play, task or role with ``sudo`` of old as the ``become`` that it is; ``problems`` hears of it."""
    if _DROPPED.isdisjoint(given):
        return given
    from deployer.load.outdated import become_of_old

    return become_of_old(given, problems.outdated)


def _environments(given: Map) -> Iterator[Map]:
    """Yield the mappings of ``environment``; a template that gives one stands under itself (`environment_of`).

    Raises:
        ConfigError: it is neither a mapping nor a template, nor a list of them.
    """
    for item, at in items(given, "environment"):
        whole = isinstance(item, str) and "{{" in item
        yield Map({item: item}, at, {item: at}) if whole else mapping(item, "environment", at)


def conditions(given: Map) -> tuple[str, ...]:
    """Return the conditions under ``when``.

    Raises:
        ConfigError: one is not text or has braces.
    """
    return tuple(
        Text(str(item).lower(), at) if isinstance(item, bool) else expression(item, "when", at)
        for item, at in items(given, "when")
    )


def tags(given: Map) -> frozenset[str]:
    """Return the tags under ``tags``; commas separate, as in Ansible."""
    return frozenset(tag.strip() for word in words(given, "tags") for tag in word.split(",") if tag.strip())
