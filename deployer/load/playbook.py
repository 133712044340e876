"""Playbooks: plays with their roles, tasks and handlers, everything read and checked before any host is touched."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from deployer.errors import At, ConfigError
from deployer.gathering import Gathering
from deployer.load import yaml
from deployer.load.inherited import Inherited
from deployer.load.keywords import check_words, mapping, sequence, short_word
from deployer.load.marked import Map, joined
from deployer.load.play_reader import PlayReader, ReadWith
from deployer.load.secrets import Vaults
from deployer.load.shipped import shipped_playbooks
from deployer.load.tasks import MAX_IMPORTS, TaskJudge
from deployer.load.varfiles import variables
from deployer.model import Mark, Play

__all__ = ["find_playbook", "load_playbook"]


def find_playbook(path: Path) -> Path:
    """Return the file of a playbook argument: the path itself, or deployer's own playbook of that name.

    Raises:
        ConfigError: there is neither.
    """
    if path.is_file():
        return path
    if path.parent in (Path(), Path("playbooks")) and (shipped_playbooks() / path.name).is_file():
        return shipped_playbooks() / path.name
    known = [file.name for file in sorted(shipped_playbooks().glob("*.yml"))]
    hint = f"deployer's own playbooks are {', '.join(known)}" if known else ""
    raise ConfigError("there is no such playbook", where=path, hint=hint)


def load_playbook(
    path: Path,
    *,
    role_paths: Sequence[Path] = (),
    vaults: Vaults | None = None,
    judge: TaskJudge = lambda _task: (),
    fallback: bool = False,
) -> tuple[Play, ...]:
    """Read a playbook with everything it uses.

    Roles are searched in ``roles/`` of the playbook's directory, of its parent, and of the working directory, then in
    the playbook's directory itself, in ``role_paths``, and among deployer's own.

    Args:
        path: a file, or the name of one of deployer's own playbooks.
        role_paths: more directories with roles.
        vaults: opens encrypted ``vars_files``; None leaves out their variables.
        judge: returns the errors in a task's module and arguments that can be found before anything is rendered.
        fallback: let ansible-core run what is not supported; `Play.ansible` says why.

    Raises:
        ConfigError: with file, line, column, what is wrong and what to write instead; if there are several errors,
            `Problems` has all that can be found without a host, by file.
        SecretError: a file of variables cannot be decrypted.
    """
    reader = _Reader(role_paths, vaults, judge, fallback)
    with reader.problems.going_on():
        reader.read(find_playbook(path))
    reader.problems.check()
    if not reader.problems.outdated:
        return tuple(reader.plays)
    from deployer.load.outdated import outdated_notes

    first, *others = reader.plays
    return replace(first, notes=outdated_notes(reader.problems.outdated)), *others


@dataclass(slots=True)
class _Reader:
    """Reads a playbook and those that it imports."""

    role_paths: Sequence[Path]
    vaults: Vaults | None
    judge: TaskJudge
    fallback: bool = False
    problems: Gathering = field(default_factory=Gathering)
    plays: list[Play] = field(default_factory=list)

    def read(self, path: Path, depth: int = 0, above: Inherited | None = None, given_vars: Map | None = None) -> None:
        where = Mark(str(path))
        try:
            value = yaml.read(path)
        except ConfigError as error:
            if not self.fallback:
                raise
            from deployer.load import engines

            self.plays.append(engines.whole_playbook(path, engines.first_of([error])))
            return
        items = sequence(value, "a playbook", where)
        if not items:
            raise ConfigError("the playbook is empty", where=where, hint="write - hosts: …, then roles: or tasks:")
        for i, item in enumerate(items):
            with self.problems.going_on():
                given = mapping(item, "a play", items.at(i))
                if "include" in given and "hosts" not in given:
                    from deployer.load.outdated import import_of_old

                    given = import_of_old(given, self.problems.outdated)
                if any(short_word(word) == "import_playbook" for word in given):
                    self._import(given, path, i, depth, above or Inherited(), given_vars or Map())
                else:
                    self.plays += self._plays(given, path, i, above or Inherited(), given_vars or Map())

    def _plays(self, given: Map, path: Path, number: int, above: Inherited, above_it: Map) -> list[Play]:
        def read(play: Map) -> tuple[list[Play], list[ConfigError]]:
            own = ReadWith(self.role_paths, self.vaults, self.judge, Gathering(strict=self.fallback))
            found: list[Play] = []
            with own.problems.going_on():
                for part in _parts(play, path, number):
                    with own.problems.going_on():
                        found.append(part if isinstance(part, Play) else PlayReader(part, path, own, above).play())
            self.problems.outdated += own.problems.outdated if play is given else []
            return found, own.problems.found

        plays, wrong = read(given)
        if wrong and self.fallback:
            from deployer.load.falling_back import handed_over

            plays, wrong = handed_over(given, path, number, plays, wrong, read)
        self.problems.found += wrong
        if (above_it or above != Inherited()) and any(play.ansible for play in plays):
            hint = "write engine: ansible on the import_playbook that has them"
            raise ConfigError(
                "engine: ansible here would lose the tags, when or vars of the import",
                where=given.mark,
                hint=hint,
            )
        return [replace(play, vars=joined(above_it, play.vars)) for play in plays] if above_it else plays

    def _import(self, given: Map, path: Path, number: int, depth: int, above: Inherited, own: Map) -> None:
        word = next(key for key in given if short_word(key) == "import_playbook")
        if "engine" in given:
            from deployer.load import engines

            if engines.engine_of(given) == "ansible":
                self.plays.append(engines.imported_playbook(given, word, path, number))
                return
        with self.problems.going_on():
            check_words(given, (word, "name", "tags", "when", "vars", "engine"), "an import of a playbook")
            own = joined(own, variables(given.get("vars"), given.at("vars")))
            above = above.with_words(given)
        with At(given.at(word)):
            name = given[word]
            if not isinstance(name, str) or "{{" in name:
                raise ConfigError("import_playbook needs a file name without templates")
            if depth >= MAX_IMPORTS:
                raise ConfigError(f"imports are nested deeper than {MAX_IMPORTS}")
            beside = path.parent / name
            try:
                file = beside if beside.is_file() else find_playbook(Path(name))
            except ConfigError:
                raise ConfigError(f"there is no playbook {beside}") from None
            self.read(file, depth + 1, above, own)


def _parts(given: Map, path: Path, number: int) -> list[Map | Play]:
    """Return a play, split by its engines; without the word ``engine`` it is one part."""
    roles = given.get("roles")
    if "engine" not in given and not any(
        isinstance(entry, Map) and "engine" in entry for entry in (roles if isinstance(roles, list) else ())
    ):
        return [given]
    from deployer.load import engines

    return engines.parts_of(given, path, number)
