"""Tasks that change no host: ``set_fact``, ``include_vars``, ``assert``, ``fail``, ``debug``, ``meta``.

All of them run before anything is changed, and use what is known then: variables and facts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deployer.errors import At, ConfigError, NotYet, TaskFails
from deployer.fields import coerce, kind, nearest
from deployer.load.hushed import listening
from deployer.load.inventory import masked
from deployer.load.marked import Map, joined, mark_of, marks_of
from deployer.load.sources import Sources
from deployer.load.template import Variables
from deployer.load.varfiles import read_vars, variables
from deployer.model import Secret, Task
from deployer.resolve.action import Action

_WORDS: Mapping[str, tuple[str, ...]] = {
    "assert": ("that", "msg", "fail_msg", "success_msg", "quiet"),
    "debug": ("msg", "var", "verbosity"),
    "fail": ("msg",),
    "include_vars": ("file", "dir", "name"),
    "meta": ("action",),
    "setup": ("filter", "gather_subset", "gather_timeout", "fact_path"),
}
_ENDS = ("end_host", "end_play")
_NOTHING = ("noop", "reset_connection", "clear_facts", "clear_host_errors")
_META: Mapping[str, str] = {
    "end_batch": "end_host ends the play for those hosts for which its condition holds",
    "end_role": "write when: at the tasks behind it, or a block of them",
    "refresh_inventory": "the inventory is read once; write the hosts into it",
}


def wrong_words(task: Task) -> Iterator[ConfigError]:
    """Yield the errors in such a task's arguments that can be found before anything is rendered."""
    known = _WORDS.get(task.module, ())
    for word in task.args if known else ():
        if word not in known:
            where = marks_of(task.args).get(word, task.mark)
            yield ConfigError(f"unknown word {word!r}", where=where, hint=nearest(word, known))
    if task.module == "assert" and "that" not in task.args:
        yield ConfigError("assert has no condition", where=task.mark, hint="assert: {that: [CONDITION, …]}")
    if task.module == "set_fact" and not task.args:
        yield ConfigError("set_fact sets nothing", where=task.mark, hint="set_fact: {NAME: VALUE}")
    action = task.args.get("action") if task.module == "meta" else None
    if task.module == "meta" and action not in (*_NOTHING, "flush_handlers", *_ENDS):
        hint = _META.get(str(action), "") or nearest(str(action), [*_NOTHING, "flush_handlers", *_ENDS])
        yield ConfigError(f"meta: {action} is not supported", where=task.mark, hint=hint)


@dataclass(frozen=True, slots=True)
class Answers:
    """Runs such tasks for one host; ``put`` stores what they set: facts, and variables of files."""

    sources: Sources
    put: Callable[..., None]

    def answer(self, task: Task, scope: Variables, label: str) -> Action:
        """Run a task and return its message as an action that does nothing.

        Raises:
            ConfigError: an assertion does not hold, the task fails, or one of its arguments is wrong.
        """
        done: Mapping[str, Callable[[Task, Variables, str], Action]] = {
            "assert": self._assert,
            "debug": self._debug,
            "fail": self._fail,
            "include_vars": self._include_vars,
            "meta": self._meta,
            "set_fact": self._set_fact,
            "setup": self._setup,
        }
        with At(task.mark):
            try:
                return done[task.module](task, scope, label)
            except TaskFails as error:
                if not coerce(bool, scope.render(task.result.ignore_errors or False, task.mark), "ignore_errors"):
                    raise
                told = "\n".join(filter(None, (error.message.removeprefix(f"{label}: "), error.hint)))
                return Action(task, label, skip=f"fails: {told}", says=f"fails, which is ignored: {told}")

    def _set_fact(self, task: Task, scope: Variables, label: str) -> Action:
        given = {name: value for name, value in task.args.items() if name != "cacheable"}
        variables(Map(given, task.mark, marks_of(task.args)), task.mark)
        with listening() as heard:
            found = {name: scope.render(value, task.mark, name) for name, value in given.items()}
        self.put(found, {}, hushed=task.no_log or heard.touched)
        return Action(task, label, skip=f"sets {', '.join(found)}")

    def _include_vars(self, task: Task, scope: Variables, label: str) -> Action:
        given = scope.render(task.args, task.mark, "include_vars")
        if "dir" in given:
            roots = self.sources.places("vars", task)
            place = next((root / str(given["dir"]) for root in roots if (root / str(given["dir"])).is_dir()), None)
            if place is None:
                raise ConfigError(f"there is no directory {given['dir']!r}", where=mark_of(task.args, task.mark))
            endings = (".yml", ".yaml", ".json")
            files = [file for file in sorted(place.rglob("*")) if file.is_file() and file.suffix in endings]
        else:
            files = [self.sources.find(str(given.get("file", "")), "vars", task, mark_of(task.args, task.mark))]
        found = joined(*(read_vars(file, self.sources.vaults) for file in files))
        self.put({}, {str(given["name"]): found} if given.get("name") else found)
        return Action(task, label, skip=f"reads {', '.join(Path(file).name for file in files)}")

    def _assert(self, task: Task, scope: Variables, label: str) -> Action:
        that = task.args["that"]
        conditions = that if isinstance(that, list) else [that]
        for condition in conditions:
            if isinstance(condition, bool):
                holds = condition
            elif not isinstance(condition, str) or "{{" in condition:
                raise ConfigError(f"that must be an expression, not {kind(condition)}")
            else:
                holds = scope.holds(condition, mark_of(condition, task.mark))
            if not holds:
                told = task.args.get("fail_msg", task.args.get("msg", ""))
                said = _shown(task, scope, told)
                raise TaskFails(f"{label}: it does not hold: {condition}", hint=said)
        return Action(task, label, skip="holds")

    def _fail(self, task: Task, scope: Variables, label: str) -> Action:
        told = _shown(task, scope, task.args.get("msg", "Failed as requested from task"))
        raise TaskFails(f"{label}: {told}")

    def _setup(self, task: Task, scope: Variables, label: str) -> Action:
        del scope
        return Action(task, label, skip="facts are those that the host gave when the play began")

    def _debug(self, task: Task, scope: Variables, label: str) -> Action:
        if coerce(int, scope.render(task.args.get("verbosity", 0), task.mark), "verbosity"):
            return Action(task, label, skip="its verbosity is not 0")
        if "var" in task.args:
            name = str(scope.render(task.args["var"], task.mark, "var"))
            return Action(
                task, label, skip="debug", says=f"{name}: {_shown(task, scope, f'{{{{ {name} }}}}', bare=True)}"
            )
        return Action(task, label, skip="debug", says=_shown(task, scope, task.args.get("msg", "Hello world!")))

    def _meta(self, task: Task, scope: Variables, label: str) -> Action:
        del scope
        action = str(task.args["action"])
        return Action(task, label, skip=f"meta: {action}", flush=action == "flush_handlers", ends=action in _ENDS)


def _shown(task: Task, scope: Variables, said: Any, *, bare: bool = False) -> str:
    """Return a text for the report, without secrets, and hidden under ``no_log``.

    ``bare``: if it cannot be rendered, show the error instead of raising it.
    """
    with listening() as heard:
        try:
            value = scope.render(said, task.mark, "msg")
        except ConfigError as error:
            if not bare or isinstance(error, NotYet):
                raise
            value = error.message
    if task.no_log or heard.touched:
        return "(not shown: no_log)"
    plain = "***" if isinstance(value, Secret) else masked(value)
    return plain if isinstance(plain, str) else repr(plain)
