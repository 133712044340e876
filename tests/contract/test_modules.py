"""What every module promises, whoever wrote it: the test finds them by itself."""

from __future__ import annotations

import inspect
import os
from itertools import groupby, islice
from operator import itemgetter
from pathlib import Path

import pytest

from deployer import modules
from deployer.errors import ProbeError
from deployer.fields import Field, describe
from deployer.model import Absent, Present
from deployer.modules import Module
from deployer.sh import Frame, Program, Sh
from tests.contract.cases import HOSTILE, dressed, fields_of_text, instances, variants
from tests.contract.sandbox import FILES, SYSTEM, Sandbox


@pytest.fixture
def sandbox(tmp_path: Path) -> Sandbox:
    return Sandbox.make(tmp_path)


every = pytest.mark.parametrize("module", modules.names())


@every
def test_a_module_and_all_its_arguments_are_documented(module: str) -> None:
    cls = modules.class_of(module)
    assert inspect.getdoc(cls)
    assert [field.name for field in describe(cls) if not field.doc.text] == []


@every
def test_the_example_of_a_module_is_accepted(module: str) -> None:
    assert all(isinstance(instance, Module) for instance in instances(module))


@every
def test_where_nothing_differs_there_is_nothing_to_do(module: str) -> None:
    for instance in [*instances(module), *variants(module)]:
        assert instance.fix({}) == ()
        if isinstance(wanted := instance.desired(), Present):
            assert instance.differences(wanted) == {}
        else:
            assert instance.differences(Absent()) == {}


GENERAL = "test_general_modules.py::test_every_example_converges_on_a_fresh_host"
MOVING = "test_moving.py::test_another_epmd_port_or_kind_of_names_is_refused_until_the_cluster_may_be_restarted"
PROVEN_IN_THE_LAB = {
    **dict.fromkeys(
        ("rabbitmq_plugin", "rabbitmq_vhost", "rabbitmq_user", "rabbitmq_policy"),
        "test_rabbitmq.py::test_what_rabbitmq_holds_is_declared_and_taken_away",
    ),
    "apt": "test_general_modules.py::test_apt_installs_upgrades_and_purges_from_a_repository",
    "apt_key": "test_brought_modules.py::test_only_the_key_of_a_repository_vouches_for_it",
    "apt_repository": "test_brought_modules.py::test_a_repository_is_added_used_and_taken_away",
    "authorized_key": "test_brought_modules.py::test_a_key_lets_its_owner_in_until_it_is_taken_out",
    "beam_nodes": "test_deploy.py::test_the_release_is_complete_belongs_to_root_and_has_lost_its_cookie",
    "distribution": MOVING,
    "dpkg_selections": "test_general_modules.py::test_packages_are_seen_and_removed",
    "epmd": "test_attacks.py::test_an_epmd_that_is_not_the_releases_is_found_not_started_and_replaced",
    "firewall": "test_drift.py::test_drift_is_found_without_a_touch_and_mended",
    "get_url": "test_same_as_ansible.py::test_a_playbook_leaves_the_same_behind_under_both",
    "git": "test_brought_modules.py::test_a_checkout_follows_its_branch_as_the_user_it_belongs_to",
    "group": GENERAL,
    "hostname": "test_brought_modules.py::test_a_host_has_its_name_and_its_timezone",
    "package": "test_general_modules.py::test_packages_are_seen_and_removed",
    "package_facts": "test_same_as_ansible.py::test_small_playbooks_leave_the_same_behind_under_both",
    "preflight": "test_preflight.py::test_all_that_is_wrong_on_all_hosts_is_said_at_once_and_no_host_is_touched",
    "release": "test_deploy.py::test_the_release_is_complete_belongs_to_root_and_has_lost_its_cookie",
    "replace": "test_general_modules.py::test_parts_of_a_file_are_put_in_taken_out_and_replaced",
    "shell": GENERAL,
    "systemd": "test_general_modules.py::test_a_unit_is_written_read_started_restarted_and_deleted",
    "systemd_unit": "test_general_modules.py::test_a_unit_is_written_read_started_restarted_and_deleted",
    "timezone": "test_brought_modules.py::test_a_host_has_its_name_and_its_timezone",
    **dict.fromkeys(
        ("alternatives", "debconf", "locale_gen", "mount"),
        "test_brought_modules.py::test_what_a_system_is_told_is_so_and_taken_back",
    ),
    "pip": "test_brought_modules.py::test_a_package_of_python_is_installed_into_its_own_environment",
    "unarchive": "test_brought_modules.py::test_an_archive_is_unpacked_where_others_own_the_directory",
    "wait_for": "test_brought_modules.py::test_a_port_is_waited_for_that_opens_later",
    "uri": "test_brought_modules.py::test_a_server_is_asked_by_the_host_itself",
    "user": "test_general_modules.py::test_an_account_is_made_changed_and_deleted",
}
"""Modules that talk to the system or want a real release → the lab test that proves their second reading."""


def test_every_proof_that_is_named_is_there() -> None:
    lab = Path(__file__).parents[1] / "lab"
    named = [place.partition("::") for place in PROVEN_IN_THE_LAB.values()]
    assert [name for file, _, name in named if f"def {name}(" not in (lab / file).read_text()] == []


@every
def test_the_second_reading_agrees_with_what_was_declared(module: str, sandbox: Sandbox) -> None:
    for instance in instances(module):
        first = sandbox.probe(instance)
        if first.rc or sandbox.recorded() or "tarball" in instance.SOURCES.values():
            assert module in PROVEN_IN_THE_LAB, "name the lab test that proves it"
            continue
        changes = instance.differences(instance.parse(first.out))
        done = sandbox.steps(instance.fix(changes))
        if sandbox.recorded():
            assert module in PROVEN_IN_THE_LAB, "name the lab test that proves it"
            continue
        assert [frame.out for frame in done if frame.rc] == []
        again = sandbox.probe(instance)
        assert instance.differences(instance.parse(again.out)) == {}
        assert [frame.out for frame in sandbox.steps(instance.fix(changes)) if frame.rc] == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_modules_that_work_on_files_are_proven_without_a_lab(tmp_path: Path) -> None:
    def alone(module: str) -> bool:
        sandbox = Sandbox.make(tmp_path / module)
        for instance in instances(module):
            out = sandbox.probe(instance)
            if not out.rc and not sandbox.recorded():
                sandbox.steps(instance.fix(instance.differences(instance.parse(out.out))))
        return not sandbox.recorded()

    assert {module for module in ("copy", "template", "file", "command", "sysctl") if not alone(module)} == set()


@every
@pytest.mark.parametrize("answer", ["sh: 1: not found", "{{7*7}}", "a=1", "a=1\x1ea=2\x1e", "type=file\x1e"])
def test_an_answer_that_is_not_one_is_a_probe_error(module: str, answer: str) -> None:
    for instance in instances(module):
        with pytest.raises(ProbeError):
            instance.parse(answer)


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[tuple[Module, Frame]]]:
    """What a fresh host answers to the probes of each module, all asked in one program."""
    asked = [(module, instance) for module in modules.names() for instance in instances(module)]
    sandbox = Sandbox.make(tmp_path_factory.mktemp("answers"))
    found: dict[str, list[tuple[Module, Frame]]] = {module: [] for module, _ in asked}
    for (module, instance), frame in zip(
        asked, sandbox.run(Program(tuple(instance.probe() for _, instance in asked))), strict=True
    ):
        found[module].append((instance, frame))
    return found


@every
def test_an_answer_that_is_cut_is_a_probe_error(module: str, answers: dict[str, list[tuple[Module, Frame]]]) -> None:
    for instance, whole in answers[module]:
        if whole.rc or not whole.out:
            continue
        for cut in {1, len(whole.out) // 3, len(whole.out) - 1}:
            with pytest.raises(ProbeError):
                instance.parse(whole.out[:cut])


FIELDS = [
    pytest.param(module, name, marks=[pytest.mark.slow] if number else [])
    for module, fields in groupby(fields_of_text(), key=itemgetter(0))
    for number, (_, name) in enumerate(fields)
]
"""The first of each module is tried by ``make check``, the others by ``make test``."""


@pytest.mark.parametrize(("module", "name"), FIELDS)
def test_no_value_of_any_argument_is_ever_executed(module: str, name: str, sandbox: Sandbox) -> None:
    field = next(field for field in describe(modules.class_of(module)) if field.name == name)
    accepted = [one for number, hostile in enumerate(HOSTILE) for one in sampled(number, module, field, hostile)]
    asked = tuple(dict.fromkeys(instance.probe() for instance in accepted))
    every = [step for one in accepted for seen in (Absent(), Present({})) for step in one.fix(one.differences(seen))]
    steps = [step for number, step in enumerate(every) if step not in every[:number]]
    sandbox.run(Program(asked))
    sandbox.steps(tuple(steps), stop=False)
    assert not sandbox.canary.exists(), accepted
    cut = [word for call in sandbox.recorded() for word in call if "CANARY" in word and not _whole(word)]
    assert cut == [], "a value arrived in pieces"


def sampled(number: int, module: str, field: Field, hostile: str) -> list[Module]:
    """One of the three dresses in which a value is accepted, each text in another; DEPLOYER_CONTRACT_ALL=1 for all."""
    every = list(islice(dressed(module, field, hostile), 3))
    return every if os.environ.get("DEPLOYER_CONTRACT_ALL") == "1" else every[number % max(1, len(every)) :][:1]


def _whole(word: str) -> bool:
    return any(hostile in word for hostile in HOSTILE)


def test_the_sandbox_notices_a_value_that_is_executed(sandbox: Sandbox) -> None:
    sandbox.run(Program((Sh(f"echo {HOSTILE[1]}"),)))
    assert sandbox.canary.exists()


@pytest.mark.slow
def test_the_sandbox_has_every_tool_that_a_step_asks_for(tmp_path: Path) -> None:
    missing = set()
    for module in modules.names():
        sandbox = Sandbox.make(tmp_path / module)
        for instance in instances(module):
            frames = sandbox.steps(instance.fix(instance.differences(Absent())))
            missing |= {line for frame in frames for line in frame.out.splitlines() if line.endswith(": not found")}
    assert missing == set(), "add it to FILES or SYSTEM in sandbox.py"
    assert not set(FILES) & set(SYSTEM)
