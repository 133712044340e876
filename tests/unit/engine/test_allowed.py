"""What the user of a task lacks is told in the plan, where the host tells it: nothing is touched then."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from deployer.engine.walk import plan as planning
from deployer.engine.walk.allowed import check_able
from deployer.engine.walk.probe import probe_program, read_probes
from deployer.engine.walk.walk import Walk
from deployer.errors import ConfigError
from deployer.transport.wrappers import Passing, ReadOnly
from tests.unit.engine.engine_kit import DirectoryHost, Events
from tests.unit.project_files import Project
from tests.unit.sh_runner import frames

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="becoming another user takes root")


def planned(project: Project, tasks: str, tmp_path: Path) -> planning.Plan:
    project.tasks(tasks, become="true")
    actions = project.actions()
    found = frames(probe_program(actions, become=True), ["sh"], tmp_path)
    return planning.make(actions, read_probes(actions, found), (), frozenset())


@pytest.fixture
def place() -> Iterator[Path]:
    """A directory that everybody may look into: root's, with one of nobody's in it.

    It is none of pytest's: each run of pytest that begins meanwhile shuts those to others.
    """
    with TemporaryDirectory() as made:
        place = Path(made)
        place.chmod(0o755)
        (place / "theirs").mkdir()
        os.chown(place / "theirs", 65534, 65534)
        (place / "own").write_text("x\n")
        os.chown(place / "own", 65534, 65534)
        yield place


AS_NOBODY = ", become_user: nobody}"


@pytest.mark.parametrize(
    ("task", "why"),
    [
        ("{copy: {dest: PLACE/new, content: x}", "may not write in PLACE:"),
        ("{file: {path: PLACE/not/there, state: directory}", "may not write in PLACE:"),
        ("{copy: {dest: PLACE/theirs/new, content: x}", ""),
        ("{copy: {dest: PLACE/theirs/new, content: x, mode: '0600'}, no_log: true", ""),
        ("{file: {path: PLACE/own, mode: '0600'}", ""),
        ("{file: {path: PLACE, mode: '0755'}", ""),
        ("{group: {name: no-such-group}", "is not root:"),
        ("{hostname: {name: no-such-host}", "is not root:"),
        ("{sysctl: {name: vm.swappiness, value: 11}", "is not root:"),
        (
            "{pam_limits: {domain: x, limit_type: soft, limit_item: nofile, value: 10, dest: PLACE/x}",
            "may not write in",
        ),
        ("{command: {cmd: x, creates: PLACE/new}", ""),
        ("{copy: {dest: PLACE/new, content: x}, ignore_errors: true", ""),
    ],
)
def test_what_a_user_may_not_do_is_refused_in_the_plan(
    project: Project, place: Path, tmp_path: Path, task: str, why: str
) -> None:
    plan = planned(project, f"- {task.replace('PLACE', str(place))}{AS_NOBODY}\n", tmp_path)
    said = why.replace("PLACE", str(place))
    (one,) = plan.tasks
    assert (one.verdict == "refused", said in one.reason) == (bool(why), True)
    if why:
        assert "this task runs as nobody, who" in one.reason
        with pytest.raises(ConfigError, match="set become: true") as caught:
            check_able(plan.refused)
        assert "site.yml" in str(caught.value.where)
    else:
        check_able(plan.refused)


def test_what_an_earlier_task_gives_him_may_be_enough(project: Project, place: Path, tmp_path: Path) -> None:
    mine = f"- {{copy: {{dest: {place}/new/x, content: x}}{AS_NOBODY}\n"
    for first in (
        f"file: {{path: {place}/new, state: directory, owner: nobody}}",
        f"shell: install -d -o nobody {place}/new",
        "user: {name: nobody, groups: [daemon], append: true}",
    ):
        assert planned(project, f"- {first}\n{mine}", tmp_path).refused == ()
    other = f"- file: {{path: {place}/other, state: directory}}\n"
    assert len(planned(project, f"{other}{mine}", tmp_path).refused) == 1


SHUT = {
    "copy": "{copy: {dest: PLACE/shut/x, content: x}",
    "file": "{file: {path: PLACE/shut/deep/er, state: directory}",
    "stat": "{stat: {path: PLACE/shut/x}, register: there",
    "slurp": "{slurp: {src: PLACE/shut/x}, register: there",
    "find, which has seen another": "{find: {paths: [PLACE, PLACE/shut/x]}, register: there",
}


@pytest.mark.parametrize("task", SHUT.values(), ids=SHUT)
def test_a_directory_that_he_may_not_look_into_is_told_unless_an_earlier_task_changes_it(
    project: Project, place: Path, tmp_path: Path, task: str
) -> None:
    (place / "shut").mkdir(0o700)
    mine = f"- {task.replace('PLACE', str(place))}{AS_NOBODY}\n"
    (one,) = planned(project, mine, tmp_path).refused
    only_files = task.startswith(("{copy", "{file"))
    assert f"may not {'write in' if only_files else 'look into'} {place}/shut:" in one.reason
    first = f"- file: {{path: {place}/shut, state: directory, owner: nobody}}\n"
    opened = planned(project, f"{first}{mine}", tmp_path)
    assert [one.verdict for one in opened.tasks] == ["change", "unknown"]
    later = f"nobody may not look into {place}/shut" if only_files else "it reads what earlier tasks may change"
    assert opened.tasks[1].reason == later
    other = f"- file: {{path: {place}/other, state: directory}}\n"
    assert [one.verdict for one in planned(project, f"{other}{mine}", tmp_path).tasks] == ["change", "refused"]
    project.tasks(mine, become="true")
    for behind in (False, True):
        walk = Walk(ReadOnly(DirectoryHost(tmp_path)), project.resolve(), Events(), behind=behind)
        assert bool(walk.audit().refused) != behind


def test_in_a_plan_nobody_knows_what_the_plays_before_will_have_given_him(
    project: Project, place: Path, tmp_path: Path
) -> None:
    project.tasks(f"- {{copy: {{dest: {place}/new/x, content: x}}{AS_NOBODY}\n", become="true")
    for transport, behind, refused in ((ReadOnly, False, True), (ReadOnly, True, False), (Passing, True, True)):
        walk = Walk(transport(DirectoryHost(tmp_path)), project.resolve(), Events(), behind=behind)
        assert bool(walk.audit().refused) == refused
    project.tasks(f"- {{group: {{name: no-such-group}}{AS_NOBODY}\n", become="true")
    assert Walk(ReadOnly(DirectoryHost(tmp_path)), project.resolve(), Events(), behind=True).audit().refused
