"""``--list-hosts``, ``--list-tasks``, ``--list-tags``, ``--syntax-check``: what a playbook has, without any host."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from deployer.model import Task
from deployer.options import Options, words_of
from deployer.project import load
from deployer.resolve import Choice


def listing(options: Options, *, hosts: bool, tasks: bool, tags: bool) -> str:
    """Return what was asked for of all plays, laid out as Ansible does; nothing of all three: that the syntax is right.

    Raises:
        ConfigError: anything of the playbook, its roles, variables or the inventory is wrong.
    """
    project = load(options, ask=False, need_secrets=False)
    choice = Choice.of(words_of(options.tags), words_of(options.skip_tags))
    lines = ["", f"playbook: {options.playbook}"]
    for number, (play, chosen) in enumerate(project.work(), 1) if hosts or tasks or tags else ():
        lines += ["", f"  play #{number} ({play.hosts}): {play.name}\tTAGS: [{_joined(play.tags)}]"]
        if hosts:
            lines += [f"    pattern: {play.hosts.split(',')!r}", f"    hosts ({len(chosen)}):"]
            lines += [f"      {host.name}" for host in chosen]
        lines += ["    run by ansible-core, which knows its tasks and tags"] if play.ansible else []
        shown = [task for task in play.tasks if not task.implicit]
        taken = [task for task in shown if choice.chooses(task)]
        if tasks:
            lines += ["    tasks:", *(_line(task) for task in taken)]
        if tags:
            every = shown if choice == Choice.of((), ()) else taken
            lines += [f"      TASK TAGS: [{_joined((*play.tags, *_tags(every)))}]"]
    return "\n".join(lines)


def _line(task: Task) -> str:
    name = f"{task.role} : {task.name}" if task.role else task.name
    return f"      {name}\tTAGS: [{_joined(task.tags)}]"


def _tags(tasks: Iterable[Task]) -> Iterator[str]:
    for task in tasks:
        yield from task.tags


def _joined(tags: Iterable[str]) -> str:
    return ", ".join(sorted(set(tags)))
