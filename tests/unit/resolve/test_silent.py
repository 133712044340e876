"""Words that say nothing here are taken as long as they ask for what happens anyway."""

from __future__ import annotations

from pathlib import Path

import pytest

from deployer.errors import ConfigError
from deployer.load.inventory import load_inventory
from deployer.load.playbook import load_playbook
from deployer.model import Host
from deployer.modules import Module
from deployer.resolve import Resolver, judge
from deployer.resolve.action import Action


def _actions(directory: Path, task: str, variables: str = "{}", **files: str) -> list[Action]:
    (directory / "hosts.yml").write_text("all: {hosts: {h: {ansible_user: lee}, other: {ansible_user: lee}}}")
    (directory / "site.yml").write_text(f"- hosts: h\n  become: true\n  vars: {variables}\n  tasks:\n    - {task}\n")
    for name, text in files.items():
        (directory / f"{name}.yml").write_text(text)
    (play,) = load_playbook(directory / "site.yml", judge=judge)
    inventory = load_inventory([directory / "hosts.yml"])
    host: Host = inventory.hosts["h"]
    return list(Resolver(inventory, play).resolve(host, {}).actions)


def _module(directory: Path, task: str, variables: str = "{}") -> Module:
    (action,) = _actions(directory, task, variables)
    assert isinstance(action.module, Module)
    return action.module


@pytest.mark.parametrize(
    ("said", "plain"),
    [
        ("copy: {dest: /x, content: y, setype: etc_t, follow: false}", "copy: {dest: /x, content: y}"),
        ("file: {path: /x, state: directory, follow: yes}", "file: {path: /x, state: directory}"),
        ("service: {name: x, state: started, use: systemd, sleep: 5}", "service: {name: x, state: started}"),
        ("systemd: {name: x, state: started, scope: '{{ scope }}'}", "systemd: {name: x, state: started}"),
        ("package: {name: x, use: '{{ nobody | default(omit) }}'}", "package: {name: x}"),
        (
            "authorized_key: {user: x, key: '{{ key }}', key_options: '{{ a | default(None) }}'}",
            "authorized_key: {user: x, key: '{{ key }}'}",
        ),
        ("user: {name: a, groups: '{{ no | default(None) }}', comment: '{{ none }}'}", "user: {name: a}"),
        ("shell: {cmd: echo, creates: /x, warn: false}", "shell: {cmd: echo, creates: /x}"),
        ("unarchive: {src: /x.tar, dest: /y, copy: no}", "unarchive: {src: /x.tar, dest: /y, remote_src: true}"),
        ("apt: {name: 'a, b,c', update_cache: true}", "apt: {name: [a, b, c], update_cache: true}"),
        ("package: {name: '{{ both }}'}", "package: {name: [a, b]}"),
        ("copy: {dest: /x, content: y, unsafe_writes: true}", "copy: {dest: /x, content: y}"),
        ("user: {name: x, ssh_key_type: ed25519, ssh_key_comment: '{{ scope }}'}", "user: {name: x}"),
        ("file: {path: /x, state: directory, mode: '0o750'}", "file: {path: /x, state: directory, mode: '0750'}"),
    ],
)
def test_it_is_as_if_it_had_not_been_said(tmp_path: Path, said: str, plain: str) -> None:
    variables = "{scope: system, both: 'a,b', key: ssh-ed25519 AAAA}"
    assert _module(tmp_path, said, variables) == _module(tmp_path, plain, variables)


@pytest.mark.parametrize(
    ("task", "problem"),
    [
        ("apt: {name: a, state: '{{ no | default(None) }}'}", "state cannot be None"),
        ("apt: {name: [a], purge: '{{ no | default(None) }}'}", "purge must be true or false"),
        ("authorized_key: {user: x, key: y, manage_dir: '{{ no | default(None) }}'}", "must be true or false"),
        ("copy: {dest: /x, content: y, follow: true}", "follow cannot be 'True'"),
        ("systemd: {name: x, state: started, scope: user}", "scope cannot be 'user'"),
        ("systemd: {name: x, state: started, scope: '{{ scope }}'}", "scope cannot be 'user'"),
    ],
)
def test_what_asks_for_something_else_is_refused(tmp_path: Path, task: str, problem: str) -> None:
    with pytest.raises(ConfigError, match=problem) as told:
        _module(tmp_path, task, "{scope: user}")
    assert "site.yml:5" in str(told.value)


def test_no_packages_are_none_to_install(tmp_path: Path) -> None:
    module = _module(tmp_path, "apt: {name: '{{ [] }}', state: present}")
    assert module.differences(module.parse("found=\x1e")) == {}
    with pytest.raises(ConfigError, match="apt needs name, deb or update_cache"):
        _module(tmp_path, "apt: {state: present}")


@pytest.mark.parametrize(("said", "user"), [("true", None), ("false", "lee")])
def test_become_may_be_a_template(tmp_path: Path, said: str, user: str | None) -> None:
    (action,) = _actions(tmp_path, "{command: echo, become: '{{ wanted }}'}", f"{{wanted: {said}}}")
    assert action.user == user


def test_a_mode_may_be_that_of_the_file_here(tmp_path: Path) -> None:
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "run").write_text("echo\n")
    (tmp_path / "files" / "run").chmod(0o751)
    module = _module(tmp_path, "copy: {src: run, dest: /srv/run, mode: preserve}")
    assert module == _module(tmp_path, "copy: {src: run, dest: /srv/run, mode: '0751'}")


def test_words_of_dnf_stop_those_alone_who_would_run_them(tmp_path: Path) -> None:
    task = "{package: {name: x, enablerepo: epel}, when: system == 'RedHat'}"
    (action,) = _actions(tmp_path, task, "{system: Debian}")
    assert action.skip == "not: system == 'RedHat'"
    with pytest.raises(ConfigError, match="enablerepo of a package is not supported"):
        _actions(tmp_path, task, "{system: RedHat}")


def test_what_a_block_delegates_its_tasks_are_delegated(tmp_path: Path) -> None:
    (one,) = _actions(tmp_path, "{delegate_to: other, block: [{command: echo one}]}")
    assert one.place is not None and one.place.name == "other"


def test_what_an_import_delegates_its_tasks_are_delegated(tmp_path: Path) -> None:
    more = "- command: echo one\n- {command: echo two, delegate_to: h}\n"
    one, two = _actions(tmp_path, "{import_tasks: more.yml, delegate_to: other}", more=more)
    assert (one.place.name if one.place else "", two.place) == ("other", None)
