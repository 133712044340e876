"""``deployer import``: what a project of Ansible's has to change so that it loads, as a patch.

Spelling is changed where one line says the same in words that are understood. What is not supported is marked
``engine: ansible``: a role where it is listed, or else its play, or the import of its playbook. Nothing is written but
the patch; what no mark helps is told. What molecule runs is left alone: that is ansible-playbook, which knows no marks.
"""

from __future__ import annotations

import difflib
import re
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from deployer.copying import CHANGEABLE, copy_project
from deployer.errors import ConfigError, DeployerError
from deployer.load.engines import composed
from deployer.load.falling_back import leaning
from deployer.load.marking import edited, needed_marks, old_includes, possible_marks, shared_plays
from deployer.load.playbook import load_playbook
from deployer.load.respelling import respelled
from deployer.resolve import judge

_ROUNDS = 40
_INSIDE = ("tasks", "handlers", "vars", "defaults", "meta", "files")


@dataclass(slots=True)
class Imported:
    """What importing gave.

    Attributes:
        patch: a unified diff, to be applied in the project with ``patch -p1`` or ``git apply``.
        places: how many lines or marks it changes; ``marked``: those that say ``engine: ansible``.
        left: what it does not help, with the reason.
    """

    patch: str = ""
    places: int = 0
    marked: int = 0
    left: list[str] = field(default_factory=list)


def roles_below(root: Path) -> Iterator[Path]:
    """Yield every folder that is a role."""
    for name in ("main.yml", "main.yaml"):
        yield from (file.parent.parent for file in sorted(root.rglob(f"tasks/{name}")))


def playbooks_below(root: Path, roles: Sequence[Path]) -> Iterator[Path]:
    """Yield every file that is a list of plays, outside of what belongs to a role."""
    inside = [role / folder for role in roles for folder in _INSIDE]
    for file in sorted([*root.rglob("*.yml"), *root.rglob("*.yaml")]):
        if any(file.is_relative_to(folder) for folder in inside) or "/.git/" in str(file):
            continue
        try:
            text = file.read_text(errors="replace")
        except OSError:
            continue
        if re.search(r"^\s*-\s+(?:.*\n)?\s*hosts:", text, re.MULTILINE) or re.search(
            r"^-\s+(?:ansible\.\S+)?import_playbook", text, re.MULTILINE
        ):
            yield file


def import_project(path: Path) -> Imported:
    """Return what makes a project load.

    Args:
        path: its directory, or one playbook in it.

    Raises:
        ConfigError: there is nothing of Ansible's.
    """
    if not path.exists():
        raise ConfigError("there is no such project", where=path, hint="give its directory, or a playbook in it")
    root = path if path.is_dir() else path.parent
    with tempfile.TemporaryDirectory(prefix="deployer-import-") as scratch:
        # By its own name, for a project that is a role is listed by that in its tests.
        name = (root if root.name not in ("", "..") else root.resolve()).name
        work = Path(scratch).resolve() / (name or "project")
        unread = copy_project(root, work, path if path.is_file() else None)
        roles = list(dict.fromkeys(roles_below(work)))
        found = [work / path.name] if path.is_file() else list(playbooks_below(work, roles))
        if not found and not roles:
            raise ConfigError("there is no playbook and no role", where=path)
        importer = _Importer(work, list(dict.fromkeys(role.parent for role in roles)))
        importer.told.left += unread
        for playbook in found:
            importer.playbook(playbook)
        wrong = [role for role in roles if importer.role(role)] if path.is_dir() else []
        for role in roles if importer.told.marked else wrong:  # a play that is marked may list any of them
            importer.includes(role)
        importer.told.patch = "".join(_patches(root, work))
        return importer.told


@dataclass(slots=True)
class _Importer:
    """Changes the copy of a project, one playbook after the other."""

    root: Path
    role_paths: Sequence[Path]
    told: Imported = field(default_factory=Imported)

    def _wrong(self, playbook: Path) -> tuple[ConfigError, ...]:
        try:
            load_playbook(playbook, role_paths=self.role_paths, judge=judge)
        except DeployerError as error:
            return tuple(one for one in getattr(error, "each", ()) if isinstance(one, ConfigError))
        return ()

    def playbook(self, path: Path) -> None:
        """Change what keeps a playbook from loading: spelling first, then marks."""
        spelled = ""
        for _ in range(_ROUNDS):
            wrong = self._wrong(path)
            if not wrong:
                break
            if not spelled and self._respell(wrong):
                continue
            spelled = spelled or self._text(path)
            if not (spelled and self._mark(path, wrong)):
                first = f"{self._shown(wrong[0].where)}: {wrong[0].message.splitlines()[0]}"
                self.told.left.append(f"{path.relative_to(self.root)} runs with --ansible-fallback alone: {first}")
                if spelled:
                    path.write_text(spelled)
                return
        if spelled:
            edits = list(needed_marks(spelled, self._together(path)))
            path.write_text(edited(spelled, *edits))
            self.told.places += len(edits)
            self.told.marked += len(edits)

    def _together(self, path: Path) -> str:
        """Return the marked text of a playbook; plays whose roles share variables that two engines would have whole."""
        text = path.read_text()
        shared = [mark for mark, theirs, ours in shared_plays(text) if leaning(*map(self._folders, (theirs, ours)))]
        path.write_text(edited(text, *shared))
        if shared and self._wrong(path):
            name = path.relative_to(self.root)
            self.told.left.append(f"{name} has roles that share variables, and two engines would run them")
            path.write_text(text)
        return path.read_text()

    def _folders(self, names: set[str]) -> set[Path]:
        return {folder / name for folder in self.role_paths for name in names if (folder / name / "tasks").is_dir()}

    def includes(self, role: Path) -> None:
        """Write the includes of old in a role's tasks as ansible-core, which may get it, has them."""
        for file in sorted(file for folder in ("tasks", "handlers") for file in (role / folder).rglob("*.y*ml")):
            source = self._text(file)
            with suppress(ConfigError):
                edits = list(old_includes(composed(file))) if "include" in source else []
                if edits:
                    file.write_text(edited(source, *edits))
                    self.told.places += len(edits)

    def role(self, path: Path) -> bool:
        """Change the spelling of a role, tell what is left of it, and return whether something is."""
        with tempfile.TemporaryDirectory() as scratch:
            playbook = Path(scratch) / "site.yml"
            name = path.name if re.fullmatch(r"[\w.-]+", path.name) and path != self.root else "role"
            (Path(scratch) / "roles").mkdir()
            (Path(scratch) / "roles" / name).symlink_to(path)
            playbook.write_text(f"- hosts: all\n  roles: [{name}]\n")
            for _ in range(_ROUNDS):
                if not (wrong := self._wrong(playbook)) or not self._respell(wrong):
                    break
        if wrong:
            first = f"{self._shown(wrong[0].where)}: {wrong[0].message.splitlines()[0]}"
            name = str(path.relative_to(self.root)) if path != self.root else "the role"
            self.told.left.append(f"{name} wants engine: ansible where it is listed: {first}")
        return bool(wrong)

    def _respell(self, wrong: Sequence[ConfigError]) -> bool:
        places = {(match[1], int(match[2])): error for error in wrong if (match := _PLACE.fullmatch(error.where))}
        done = False
        for (name, number), error in sorted(places.items(), reverse=True):  # a line that goes moves those behind it
            file = Path(name)
            lines = self._text(file).splitlines(keepends=True)
            old = lines[number - 1].rstrip("\n") if number <= len(lines) else ""
            new = respelled(old, error.message)
            if new is not None and new != old:
                lines[number - 1 : number] = [f"{new}\n"] if new else []
                file.write_text("".join(lines))
                self.told.places += 1
                done = True
        return done

    def _text(self, file: Path) -> str:
        """Return what a file of the copy says; nothing where it is none, or a link leads out of it: it is not ours."""
        try:
            return file.read_text() if file.resolve().is_relative_to(self.root) else ""
        except (OSError, UnicodeDecodeError):
            return ""

    def _mark(self, path: Path, wrong: Sequence[ConfigError]) -> bool:
        """Mark the first thing that helps; everything else is looked at again."""
        source = path.read_text()
        try:
            top = composed(path)
        except ConfigError:
            return False
        before = len(wrong)
        for edits in possible_marks(top, source, self._broken(wrong)):
            path.write_text(edited(source, *edits))
            if len(self._wrong(path)) < before:
                return True
        path.write_text(source)
        return False

    def _broken(self, wrong: Sequence[ConfigError]) -> set[str]:
        """Return names of folders in which something is wrong: roles that are tried first."""
        places = [Path(match[1]) for error in wrong if (match := _PLACE.fullmatch(error.where))]
        inside = [place.relative_to(self.root) for place in places if place.is_relative_to(self.root)]
        return {part for place in inside for part in place.parts}

    def _shown(self, where: str) -> str:
        return where.replace(f"{self.root}/", "")


_PLACE = re.compile(r"(.+?):(\d+)(?::\d+)?")


def _patches(root: Path, work: Path) -> Iterator[str]:
    for file in sorted(work.rglob("*")):
        if file.is_symlink() or not file.is_file() or file.suffix not in CHANGEABLE:
            continue
        old = root / file.relative_to(work)
        try:
            before, after, raw = old.read_text(), file.read_text(), old.read_bytes()
        except (OSError, UnicodeDecodeError):
            continue
        if before != after and raw == before.replace("\n", "\r\n").encode():
            before, after = (text.replace("\n", "\r\n") for text in (before, after))
        name = str(file.relative_to(work))
        lines = difflib.unified_diff(before.splitlines(True), after.splitlines(True), f"a/{name}", f"b/{name}")
        for line in lines if before != after else ():
            yield line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"
