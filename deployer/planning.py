"""Plans that are kept: ``plan --out`` writes one, ``apply`` does exactly that or nothing, ``plan --show`` tells it."""

from __future__ import annotations

import io
import itertools
import os
import re
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import TextIO

from deployer import __version__
from deployer.engine.host_run import Context
from deployer.engine.roll.play import Goal, PlayRun
from deployer.errors import At, ConfigError, Problems
from deployer.events import Note
from deployer.load.playbook import find_playbook
from deployer.model import Host
from deployer.options import Options
from deployer.plays import RunKind, each_play
from deployer.project import Project, load, names_hosts
from deployer.resolve import Resolver
from deployer.runtime import asker
from deployer.salts import pin_salts
from deployer.saved import origins
from deployer.saved.digests import Digests
from deployer.saved.plan_file import AGAIN, SavedPlan, Seal, new_plan, plan_in, with_plays
from deployer.saved.shown import plan_text, until
from deployer.saved.witnesses import Checker, Keeper
from deployer.sh.frame import this_run

_TIME = re.compile(r"([1-9][0-9]{0,5})([smhd])", re.ASCII)
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_LONGEST = 30 * 86400


def lifetime_of(text: str) -> int:
    """Return the seconds of ``90s``, ``30m``, ``2h`` or ``1d``, for which a plan is to be good; raises ConfigError."""
    found = _TIME.fullmatch(text)
    seconds = int(found[1]) * _SECONDS[found[2]] if found else 0
    if not 0 < seconds <= _LONGEST:
        raise ConfigError(f"--expires {text!r} is not a duration", hint="write 90s, 30m, 2h or 1d; at most 30d")
    return seconds


def keep(options: Options, file: Path, expires: str, out: TextIO | None = None) -> int:
    """Plan, keep the plan in a file, and return the exit code; nothing is kept unless every host could be planned.

    Args:
        options: as for a plan.
        file: is made, or replaced where it is a plan already.
        expires: how long the plan is good, as `lifetime_of` reads it.
        out: where the report goes.

    Raises:
        ConfigError: what is written is wrong, or the file cannot be written.
    """
    seconds, seal = lifetime_of(expires), Seal.of_machine()
    _check_place(file)
    options = origins.anywhere(options, find_playbook(Path(options.playbook)))
    plan = new_plan(this_run().partition(" ")[2], seconds, version=__version__, code=origins.program())
    key = seal.of_plan(plan.id)
    pin_salts(key)
    digests, project = Digests(key), load(options)
    for play in (play for play in project.plays if play.ansible):
        hint = "a plan that is kept is compared with what hosts say; ansible-core does not tell that"
        raise ConfigError("a play of ansible-core's cannot be kept", where=play.mark, hint=hint)
    plan = replace(
        plan,
        options=origins.kept(options),
        extra_vars=origins.extra_digest(options, digests),
        sources=origins.source_digests(project, digests),
    )
    return each_play(_Keeping(project, plan, digests, seal, file).walk, project, out, RunKind(ahead=True))


@dataclass(slots=True)
class _Keeping:
    """Plans play after play, and keeps the plan with the last one.

    Attributes:
        left: how many hosts are not planned yet.
    """

    project: Project
    plan: SavedPlan
    digests: Digests
    seal: Seal
    file: Path
    keepers: list[Keeper] = field(default_factory=list)
    left: int = field(init=False)

    def __post_init__(self) -> None:
        self.left = sum(len(hosts) for _, hosts in self.project.work())

    def walk(self, context: Context, resolver: Resolver, hosts: Sequence[Host]) -> int:
        """Plan one play, and return its exit code."""
        self.keepers.append(Keeper(resolver.play.name, self.digests))
        self.left -= len(hosts)
        drift = 2 if self.project.options.detailed_exitcode else 0
        keeper, learn = self.keepers[-1], resolver.learn
        code = PlayRun(context, resolver, hosts, Goal.PLAN, drift_code=drift, learn=learn, witness=keeper).run()
        if not self.left:
            context.emit(self._kept(code))
        return code

    def _kept(self, code: int) -> Note:
        """Write the plan when it is whole, and say so or why not."""
        plays = tuple(keeper.kept for keeper in self.keepers if keeper.kept)
        if code not in (0, 2) or len(plays) != len(self.keepers):
            return Note(f"no plan was kept in {self.file}: not every host could be planned")
        self.seal.write(with_plays(self.plan, plays), self.file)
        return Note(f"kept in {self.file}, good until {until(self.plan)}; to do it: deployer apply {self.file}")


def apply_plan(file: Path, options: Options, out: TextIO | None = None) -> int:
    """Do what a plan says, all of it or nothing, and return the exit code.

    Args:
        file: the plan.
        options: what a plan does not keep: variables of the command line, which have to be those of the plan, and what
            is printed.
        out: where the report goes.

    Raises:
        ConfigError: the plan does not hold any more, was used, or is not what this machine has sealed.
    """
    seal = Seal.of_machine()
    plan = seal.read(file)
    _check_fresh(plan, seal)
    key = seal.of_plan(plan.id)
    pin_salts(key)
    digests = Digests(key)
    options = origins.anywhere(origins.kept_flags(plan.options, options), Path(plan.options["playbook"]))
    Problems.check(_given_otherwise(plan, options, digests))
    Problems.check(_gone(options))
    project = load(options)
    Problems.check(_edited(plan, project, digests))
    if len(plan.plays) > 1:
        said = io.StringIO()
        quiet = replace(project, options=replace(project.options, report=()))
        if code := _walked(plan, quiet, digests, lambda: None, said, Goal.PLAN):
            (out or sys.stdout).write(said.getvalue())
            return code
    use = cache(lambda: seal.use(plan, this_run()))  # by the first play that begins
    return _walked(plan, project, digests, use, out, Goal.DEPLOY)


def _walked(
    plan: SavedPlan, project: Project, digests: Digests, begin: Callable[[], object], out: TextIO | None, goal: Goal
) -> int:
    plays = itertools.count()

    def walk(context: Context, resolver: Resolver, hosts: Sequence[Host]) -> int:
        number = next(plays)
        if number >= len(plan.plays):
            problem = (
                "hosts are walked in more parts than the plan has: how they are reached (ansible_connection) differs"
            )
            raise ConfigError(problem, hint=AGAIN)
        later = goal is Goal.DEPLOY and number > 0
        checker = Checker(plan.plays[number], digests, context.emit, begin, later)
        ask = asker(context.stop, json=project.options.json)
        return PlayRun(context, resolver, hosts, goal, ask=ask, witness=checker, learn=resolver.learn).run()

    noted = "deploy" if goal is Goal.DEPLOY else ""
    return each_play(walk, project, out, RunKind("apply a plan of", what=noted, noted=noted, ahead=True))


def show_plan(file: Path, *, as_json: bool, pages: Sequence[str] = ()) -> str:
    """Return a plan for a person, or as it is, and write it to pages, too.

    Raises:
        ConfigError: this machine has not sealed it, or a page cannot be written.
    """
    seal = Seal.of_machine()
    plan = seal.read(file)
    if pages:
        from deployer.saved.shown_page import write_plan_pages

        write_plan_pages(pages, plan, seal.used(plan), time.time())
    if as_json:
        return file.read_text(encoding="ascii").rstrip("\n")
    return "\n".join(plan_text(plan, seal.used(plan), time.time()))


def _check_place(file: Path) -> None:
    """Refuse what a plan cannot be written to, before any host is asked; nothing but a plan is replaced by one."""
    with At(file):
        if file.is_dir() or not file.absolute().parent.is_dir():
            raise ConfigError("--out names a file in a directory that is there")
        if file.exists():
            try:
                plan_in(file)
            except ConfigError:
                hint = "--out replaces nothing but a plan; name another file"
                raise ConfigError("it is there, and no plan of deployer", hint=hint) from None
        if not os.access(file.absolute().parent, os.W_OK | os.X_OK):
            raise ConfigError("its directory cannot be written to")


def _check_fresh(plan: SavedPlan, seal: Seal) -> None:
    now = time.time()
    if used := seal.used(plan):
        raise ConfigError(f"the plan was applied already, by the run {used}", hint=AGAIN)
    if not plan.made <= now + 1:
        raise ConfigError("the plan was made later than this machine's clock shows", hint=AGAIN)
    if now >= plan.expires:
        raise ConfigError(f"the plan was good until {until(plan)}", hint=AGAIN)


def _given_otherwise(plan: SavedPlan, options: Options, digests: Digests) -> Iterator[ConfigError]:
    if (plan.version, plan.code) != (__version__, origins.program()):
        same = f", whose files were others than those of {__version__} here" * (plan.version == __version__)
        yield ConfigError(f"the plan was made by deployer {plan.version}{same}", hint=AGAIN)
    if plan.extra_vars != origins.extra_digest(options, digests):
        words = "the plan was made with other variables of the command line (-e)"
        yield ConfigError(words, hint="they may be secrets, so a plan does not hold them: give the same ones again")


def _gone(options: Options) -> Iterator[ConfigError]:
    for path in (options.playbook, *(word for word in options.inventory if not names_hosts(word))):
        if not Path(path).exists():
            hint = "apply reads the files again where they lay when the plan was made: have them there, or plan anew"
            yield ConfigError("the plan was made from it, and it is not there", where=path, hint=hint)


def _edited(plan: SavedPlan, project: Project, digests: Digests) -> Iterator[ConfigError]:
    now = origins.source_digests(project, digests)
    for path in dict.fromkeys((*plan.sources, *now)):
        was, is_ = plan.sources.get(path), now.get(path)
        if was != is_:
            what = "was edited" if was and is_ else "is gone" if was else "is new"
            yield ConfigError(f"{what} since the plan was made", where=path, hint=AGAIN)
    if sum(len(play.hosts) for play in plan.plays) != sum(len(hosts) for _, hosts in project.work()):
        yield ConfigError("the plays are others than the plan has", hint=AGAIN)
