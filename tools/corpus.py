"""Read a tree of Ansible projects: which load here, which are refused and why, which additions would unlock most.

``tools/corpus.py DIRECTORY [--places]`` takes every role (a folder with ``tasks/main.yml``) and every playbook below
the directory as it is, loads it, and where that goes well resolves it for one Debian host whose facts are made up.
A role that they ask for is taken from another project of the tree that has it; where none has, it counts as empty, and
the unit is counted among those that need it: to Ansible, too, it is missing.
Nothing is connected to, nothing is changed. ``--places`` prints every refusal with its place; ``--import`` tells
instead what ``deployer import`` would change in each project.
"""

from __future__ import annotations

import json
import re
import statistics
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from deployer.errors import ConfigError, DeployerError
from deployer.importing import import_project, playbooks_below, roles_below
from deployer.load.inventory import Inventory, load_inventory
from deployer.load.playbook import load_playbook
from deployer.load.unsupported import NotHere
from deployer.model import Play
from deployer.resolve import FleetNeeds, Resolver, RunWords, judge

FACTS = json.loads((Path(__file__).parent / "corpus_facts.json").read_text())
"""Of a Debian host, as it would say them."""
FACTS["ansible_facts"] = {name.removeprefix("ansible_"): value for name, value in FACTS.items()}
_LACKS = re.compile(r"there is no role '([\w.-]+(?:/[\w.-]+)*)'")
FEW = 5
"""So many places a person changes without a converter."""


@dataclass(frozen=True, slots=True)
class Unit:
    """A role or a playbook, and what is refused of it: reasons with their places.

    ``late``: only when it is resolved. ``engine``: with --ansible-fallback all of it is taken. ``absent``: roles that
    it asks for and that no project of the tree has.
    """

    name: str
    kind: str
    refused: tuple[tuple[str, str], ...]
    late: bool = False
    engine: bool = False
    absent: frozenset[str] = frozenset()

    @property
    def reasons(self) -> frozenset[str]:
        """What would have to be there for it to load."""
        return frozenset() if self.late else frozenset(reason for reason, _ in self.refused)


def reason(error: ConfigError) -> str:
    """Return what is refused, without what only this place has: names of words stay, values go."""
    message = error.message.splitlines()[0]
    if match := re.match(r"unknown word '([^']*)'(.*)", message):
        return f"unknown word {match[1]}{match[2]}"
    if match := re.match(r"'(?:[\w]+\.[\w]+\.)?([^']*)' is not supported", message):
        return f"{match[1]} is not supported"
    if match := re.match(r"there is no module '([^']*)'", message):
        return f"no module {match[1]}"
    message = re.sub(r"'[^']*'|\"[^\"]*\"", "…", message)
    return re.sub(r"(there is no (?:file|playbook)) \S+", r"\1 …", message)[:90]


def hosts_of(plays: Sequence[Play], directory: Path) -> Inventory:
    """Return an inventory with one host, which is in every group that a play names."""
    names = {word for play in plays for word in re.findall(r"[A-Za-z_][\w-]*", play.hosts)} - {"all", "localhost"}
    groups = {name: {"hosts": {"h": None}} for name in sorted(names)}
    file = directory / "hosts.yml"
    file.write_text(yaml.safe_dump({"all": {"hosts": {"h": None}, "children": groups}}))
    inventory = load_inventory([file])
    for play in (play for play in plays if play.local):
        inventory = inventory.with_here(play.hosts)
    return inventory


def tried(playbook: Path, role_paths: Sequence[Path], directory: Path) -> tuple[list[ConfigError], bool]:
    """Return what is refused of a playbook, and whether that came only when it was resolved.

    What is not here and is left to the hosts is refused all the same where this one would run it.
    """
    try:
        plays = load_playbook(playbook, role_paths=role_paths, judge=judge)
    except DeployerError as error:
        return [one for one in error.each if isinstance(one, ConfigError)], False
    wrong: list[ConfigError] = []
    for play in plays:
        try:
            inventory = hosts_of([play], directory)
            resolver = Resolver(inventory, play, RunWords(needs=FleetNeeds(tarball=False, secrets=False)))
            resolver.resolve(inventory.hosts["h"], FACTS)
        except DeployerError as error:
            wrong += [one for one in error.each if isinstance(one, ConfigError)]
    lacking = [one for one in wrong if isinstance(one, NotHere)]
    return lacking or wrong, not lacking


def shelf(root: Path, roles: Sequence[Path], own: Path, name: str) -> Path | None:
    """Return the role of the tree that a name means: its folder's, its project's or its Galaxy name; own ones first."""
    found = [role for role in roles if name in _names(root, role)]
    return min(found, key=lambda role: role.relative_to(root).parts[0] != own.relative_to(root).parts[0], default=None)


def _names(root: Path, role: Path) -> set[str]:
    project = role.relative_to(root).parts[0] if role != root else role.name
    owner, _, repository = project.partition("+")
    short = re.sub("^(?:ansible-)?(?:role-)?", "", repository)
    names = {role.name, f"{role.parent.name}/{role.name}"}
    return names | {repository, short, f"{owner}.{repository}", f"{owner}.{short}"} if repository else names


def unit(path: Path, kind: str, root: Path, roles: Sequence[Path]) -> Unit:
    """Return one role or playbook with what is refused of it."""
    role_paths, absent = list(dict.fromkeys(role.parent for role in roles)), set[str]()
    with tempfile.TemporaryDirectory() as scratch:
        role_paths.append(Path(scratch) / "others")
        playbook = path
        if kind == "role":
            playbook = Path(scratch) / "site.yml"
            (Path(scratch) / "roles").mkdir()
            name = path.name if re.fullmatch(r"[\w.-]+", path.name) else "role"
            (Path(scratch) / "roles" / name).symlink_to(path.resolve())
            playbook.write_text(f"- hosts: all\n  become: true\n  roles: [{name}]\n")
        wrong, late = tried(playbook, role_paths, Path(scratch))
        while lacks := {match[1] for one in wrong if (match := _LACKS.match(one.message))} - absent:
            for name in lacks:
                absent |= {name}
                if ".." in Path(name).parts:  # a stranger's text: nothing is written outside of the scratch directory
                    continue
                given = shelf(root, roles, path, name)
                (role_paths[-1] / name).parent.mkdir(parents=True, exist_ok=True)
                if given:
                    (role_paths[-1] / name).symlink_to(given.resolve())
                else:
                    (role_paths[-1] / name / "tasks").mkdir(parents=True)
                    (role_paths[-1] / name / "tasks" / "main.yml").write_text("[]\n")
            wrong, late = tried(playbook, role_paths, Path(scratch))
        absent = {name for name in absent if not (role_paths[-1] / name).is_symlink()}
        taken = bool(wrong) and not late and taken_over(playbook, role_paths)
    refused = tuple((reason(error), f"{error.where}: {error.message.splitlines()[0]}") for error in wrong)
    whole = taken or late or not refused
    return Unit(str(path.relative_to(root)) or ".", kind, refused, late and bool(refused), whole, frozenset(absent))


def taken_over(playbook: Path, role_paths: Sequence[Path]) -> bool:
    """Return whether ansible-core is given what is not supported of a playbook, so that nothing of it is left."""
    try:
        load_playbook(playbook, role_paths=role_paths, judge=judge, fallback=True)
    except DeployerError:
        return False
    return True


def greedy(units: Sequence[Unit], steps: int = 30) -> Iterator[tuple[str, int]]:
    """Yield additions in the order in which each unlocks most, with how many units load then."""
    left = [set(one.reasons) for one in units if one.reasons]
    done = len(units) - len(left)
    for _ in range(steps):
        worth: Counter[str] = Counter()
        for reasons in left:
            for one in reasons:
                worth[one] += 1 / len(reasons) ** 3
        if not worth:
            return
        best = max(worth, key=lambda one: (sum(reasons == {one} for reasons in left), worth[one], one))
        left = [reasons - {best} for reasons in left]
        done += sum(not reasons for reasons in left)
        left = [reasons for reasons in left if reasons]
        yield best, done


def told(kind: str, units: Sequence[Unit]) -> None:
    """Print the figures of one kind of unit."""
    if not units:
        return
    loaded = [one for one in units if not one.reasons]
    whole = [one for one in loaded if not one.refused]
    few = [one for one in units if len(one.refused) <= FEW]
    places = [len(one.refused) for one in units]
    print(f"\n## {kind}s: {len(units)}, load {len(loaded)}, resolve too {len(whole)}, at most {FEW} places {len(few)}")
    why = Counter(one for unit in units for one in {reason for reason, _ in unit.refused})
    print(f"load, or are ansible-core's with --ansible-fallback: {sum(one.engine for one in units)}")
    print(f"need a role that is not in the tree, and was taken as empty: {sum(bool(one.absent) for one in units)}")
    print(f"places that are refused: {sum(places)}, median {statistics.median(places):g}")
    print("refused for (in how many):")
    for one, count in why.most_common(40):
        print(f"  {count:4} {one}")
    print("additions that unlock most, one after the other (then load):")
    for one, done in greedy(units):
        print(f"  {done:4} {one}")


def importing(root: Path) -> None:
    """Print for each project, a directory below the root, what ``deployer import`` would change."""
    changed, well = [], 0
    projects = sorted(path for path in root.iterdir() if path.is_dir())
    for project in projects:
        try:
            with tempfile.TemporaryDirectory() as scratch:  # a checkout of OWNER+NAME is called NAME
                called = Path(scratch) / project.name.rpartition("+")[2]
                called.symlink_to(project.resolve())
                found = import_project(called)
        except DeployerError as error:
            print(f"import {project.name}: {error.message}")
            continue
        changed.append(found.places)
        well += not any("--ansible-fallback alone" in one for one in found.left)
        print(f"import {project.name}: {found.places} places, {found.marked} of them engine: ansible")
        for left in found.left:
            print(f"    {left}")
    few = sum(places <= FEW for places in changed)
    print(f"\n## imports: {len(changed)}, at most {FEW} places {few}, every playbook loads then {well}")


def main(root: Path, *, places: bool = False) -> None:
    """Print what is refused of the tree, and the figures."""
    roles = list(dict.fromkeys(roles_below(root)))
    units = [unit(path, "role", root, roles) for path in roles]
    units += [unit(path, "playbook", root, roles) for path in playbooks_below(root, roles)]
    for one in units:
        state = "loads" if not one.refused else "loads, is not resolved" if one.late else "refused"
        print(
            f"{one.kind} {one.name}: {state} ({len(one.refused)})" if one.refused else f"{one.kind} {one.name}: {state}"
        )
        for _, place in one.refused if places else ():
            print(f"    {place}")
    for kind in ("role", "playbook"):
        told(kind, [one for one in units if one.kind == kind])


if __name__ == "__main__":
    if "--import" in sys.argv:
        importing(Path(next(word for word in sys.argv[1:] if not word.startswith("-"))))
        sys.exit()
    main(Path(next(word for word in sys.argv[1:] if not word.startswith("-"))), places="--places" in sys.argv)
