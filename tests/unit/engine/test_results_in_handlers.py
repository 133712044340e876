"""Handlers that use what a task registers: foreseen where it is known, unknown until run where it is not."""

from __future__ import annotations

import pytest

from deployer.engine.walk.planned import handler_id
from deployer.engine.walk.walk import Walk
from deployer.errors import ConfigError, StepError
from tests.unit.engine.engine_kit import DirectoryHost, Events
from tests.unit.engine.results_kit import Trial
from tests.unit.project_files import Project


@pytest.fixture
def trial(project: Project, host: DirectoryHost) -> Trial:
    return Trial(project, host)


def walk(trial: Trial, play: str, **words: str) -> Walk:
    for word, value in {"HERE": str(trial.place), **words}.items():
        play = play.replace(word, value)
    trial.project.write("site.yml", f"- hosts: all\n  gather_facts: false\n{play}")
    return Walk(trial.host, trial.project.resolve(), Events())


def planned(trial: Trial, play: str, **words: str) -> list[tuple[str, str]]:
    plan = walk(trial, play, **words).plan()
    return [(one.action.label, one.verdict) for one in plan.all if one.verdict != "skipped"]


def deployed(trial: Trial, play: str, **words: str) -> Walk:
    going = walk(trial, play, **words)
    going.plan()
    going.deploy()
    assert list((trial.host.home / "notified").glob("*")) == [], "no run after this one finds a note"
    return going


STARTED = """\
  tasks:
  - {name: configure, copy: {dest: HERE/conf, content: TEXT}, notify: restart app}
  - {name: start, shell: {cmd: touch HERE/running, creates: HERE/running}, register: started}
  handlers:
  - {name: restart app, shell: echo again >>HERE/log, when: started is not changed}
"""


def test_nothing_is_restarted_right_after_a_start_and_the_plan_says_so(trial: Trial) -> None:
    assert planned(trial, STARTED, TEXT="a") == [("configure", "change"), ("start", "change")]
    first = deployed(trial, STARTED, TEXT="a")
    assert (first.changed, (trial.place / "log").exists()) == (2, False)
    told = [("configure", "change"), ("start", "ok"), ("restart app", "change")]
    assert planned(trial, STARTED, TEXT="b") == told
    assert deployed(trial, STARTED, TEXT="b").changed == 2
    assert trial.read("log") == "again\n"
    assert planned(trial, STARTED, TEXT="b") == [("configure", "ok"), ("start", "ok")]


SAID = """\
  tasks:
  - {name: ask, shell: {cmd: echo WORD; touch HERE/asked, creates: HERE/asked}, register: said, notify: told}
  - {name: behind, shell: {cmd: touch HERE/behind, creates: HERE/behind}}
  handlers:
  - {name: first, listen: told, shell: echo first >>HERE/log, when: said.stdout == 'yes', notify: chained}
  - {name: each, listen: told, shell: 'echo {{ item }} >>HERE/log', loop: "{{ said.stdout_lines }}"}
  - {name: chained, shell: echo chained >>HERE/log}
"""


@pytest.mark.parametrize(("word", "log"), [("yes", "first\nyes\nchained\n"), ("no; echo 2", "no\n2\n")])
def test_a_handler_that_hangs_on_what_a_change_says_is_unknown_until_that_has_run(
    trial: Trial, word: str, log: str
) -> None:
    told = [("ask", "change"), ("behind", "change")]
    unknown = [("first", "unknown"), ("each", "unknown"), ("chained", "unknown")]
    assert planned(trial, SAID, WORD=word) == [*told, *unknown]
    going = walk(trial, SAID, WORD=word)
    (first, *_) = going.plan().handlers
    assert first.reason == "it uses 'said': 'ask' has not run yet"
    deployed(trial, SAID, WORD=word)
    assert trial.read("log") == log
    assert planned(trial, SAID, WORD=word) == [("ask", "ok"), ("behind", "ok")]


LEFT = """\
  tasks:
  - {name: configure, copy: {dest: HERE/conf, content: TEXT}, notify: told}
  - {name: ask, shell: {cmd: echo yes; touch HERE/asked, GUARD}, register: said}
  handlers:
  - {name: told, shell: 'echo {{ said.stdout }} {{ said.rc }} >>HERE/log'}
"""


@pytest.mark.parametrize(
    ("guard", "says"),
    [
        ("creates: HERE/asked", "skipped, since HERE/asked exists"),
        ("onlyif: '! test -e HERE/asked'", "skipped, since it is not needed"),
    ],
)
def test_a_command_that_its_guard_leaves_alone_says_what_ansible_says(trial: Trial, guard: str, says: str) -> None:
    deployed(trial, LEFT, GUARD=guard.replace("HERE", str(trial.place)), TEXT="a")
    deployed(trial, LEFT, GUARD=guard.replace("HERE", str(trial.place)), TEXT="b")
    assert trial.read("log") == f"yes 0\n{says.replace('HERE', str(trial.place))} 0\n"


FLUSHED = """\
  tasks:
  - {name: ask, shell: {cmd: echo yes; touch HERE/asked, creates: HERE/asked}, register: said,
     notify: "told {{ word }}"}
  - meta: flush_handlers
  - {name: look, shell: cat HERE/log, register: seen, changed_when: false}
  - {name: end, shell: {cmd: 'echo {{ seen.stdout }} >HERE/end', creates: HERE/end}}
  vars: {word: it}
  handlers:
  - {name: "told {{ word }}", shell: 'echo said {{ said.stdout }} >>HERE/log'}
"""


def test_it_runs_where_handlers_are_flushed_before_what_stands_behind(trial: Trial) -> None:
    told = [("ask", "change"), ("told it", "unknown"), ("look", "unknown"), ("end", "unknown")]
    assert planned(trial, FLUSHED) == told
    assert deployed(trial, FLUSHED).changed == 3
    assert (trial.read("log"), trial.read("end")) == ("said yes\n", "said yes\n")


BROKEN = """\
  tasks:
  - {name: ask, shell: {cmd: echo yes; touch HERE/asked, creates: HERE/asked}, register: said, notify: restart}
  - {name: break, shell: test -e HERE/mended}
  handlers:
  - {name: restart, shell: 'echo {{ item }} >>HERE/log', loop: [a, b], when: said.rc | default(0) == 0}
"""


def test_a_run_that_ends_before_it_does_not_lose_it(trial: Trial) -> None:
    going = walk(trial, BROKEN)
    going.plan()
    with pytest.raises(StepError, match="break"):
        going.deploy()
    (note,) = (trial.host.home / "notified").iterdir()
    assert note.name == handler_id(going.host_play.handlers[0])
    (trial.place / "mended").touch()
    told = [("ask", "ok"), ("break", "runs"), ("restart => a", "change"), ("restart => b", "change")]
    assert planned(trial, BROKEN) == told
    deployed(trial, BROKEN)
    assert trial.read("log") == "a\nb\n"


def test_a_handler_that_waits_and_can_do_nothing_is_refused_before_anything_is_touched(trial: Trial) -> None:
    play = FLUSHED.replace("shell: 'echo said", "copy: {dest: HERE/x, content: 'echo said").replace(">>HERE/log'", "'}")
    with pytest.raises(ConfigError, match="copy does nothing when it is notified"):
        walk(trial, play)


CHECKED = """\
  tasks:
  - {name: configure, copy: {dest: HERE/conf, content: TEXT}, notify: [NOTIFIES]}
FLUSH
  - {name: behind, shell: {cmd: cp HERE/log HERE/behind || touch HERE/behind, creates: HERE/behind}}
  handlers:
  - {name: check, shell: 'grep -c good HERE/conf || echo bad', register: checked, changed_when: false}
  - {name: look, stat: {path: HERE/conf}, register: there}
  - {name: restart, shell: 'echo {{ checked.stdout }} {{ there.stat.size }} >>HERE/log', when: checked.stdout == '1'}
  - {name: told, shell: 'echo {{ "bad" if checked is defined and checked.stdout != "1" else "fine" }} >>HERE/log'}
"""


@pytest.mark.parametrize("flush", ["", "  - meta: flush_handlers"])
@pytest.mark.parametrize(("text", "log"), [("good", "1 4\nfine\n"), ("else", "0\nbad\nbad\n")])
def test_a_handler_that_uses_what_another_one_registers_waits_for_it_in_its_turn(
    trial: Trial, flush: str, text: str, log: str
) -> None:
    words = {"TEXT": text, "FLUSH": flush, "NOTIFIES": "restart, check, told, look"}
    told = dict(planned(trial, CHECKED, **words))
    assert [told[name] for name in ("check", "look", "restart", "told")] == ["change", "change", "unknown", "unknown"]
    deployed(trial, CHECKED, **words)
    assert trial.read("log") == log.removeprefix("0\nbad\n")
    assert trial.read("behind") == (trial.read("log") if flush else "")
    assert dict(planned(trial, CHECKED, **words)) == {"configure": "ok", "behind": "ok"}


def test_a_handler_sees_what_another_one_would_register_only_where_that_one_runs(trial: Trial) -> None:
    words = {"TEXT": "else", "FLUSH": "", "NOTIFIES": "told"}
    assert planned(trial, CHECKED, **words) == [("configure", "change"), ("behind", "change"), ("told", "change")]
    deployed(trial, CHECKED, **words)
    assert trial.read("log") == "fine\n"
    deployed(trial, CHECKED, TEXT="good", FLUSH="", NOTIFIES="check")
    assert trial.read("log") == "fine\n", "what nothing wakes waits for nothing"
    words["TEXT"] = "more"
    with pytest.raises(ConfigError, match="checked"):
        planned(trial, CHECKED, **{**words, "NOTIFIES": "restart"})


def test_a_run_that_ends_at_a_handler_does_not_lose_those_that_wait_for_it(trial: Trial) -> None:
    words = {"TEXT": "good", "FLUSH": "", "NOTIFIES": "restart, check, look"}
    broken = CHECKED.replace("register: there}", "register: there, failed_when: not WELL}")
    with pytest.raises(StepError, match="look"):
        deployed(trial, broken, **words, WELL="false")
    assert not (trial.place / "log").exists()
    deployed(trial, broken, **words, WELL="true")
    assert trial.read("log") == "1 4\n"


AGAIN = """\
  tasks:
  - {name: one, copy: {dest: HERE/conf, content: one}, notify: [check, restart]}
  - meta: flush_handlers
  - {name: two, copy: {dest: HERE/two, content: twice}, notify: [restart, check]}
  - {name: flush, meta: flush_handlers}
  - {name: three, copy: {dest: HERE/three, content: x}, notify: restart}
  handlers:
  - {name: check, shell: cat HERE/two || cat HERE/conf, register: checked, changed_when: false}
  - {name: restart, shell: 'echo {{ checked.stdout }} >>HERE/log', when: checked.stdout != ""}
"""


def test_a_handler_that_is_woken_again_uses_what_was_registered_last(trial: Trial) -> None:
    deployed(trial, AGAIN)
    assert trial.read("log") == "one\ntwice\ntwice\n"


SEVERAL = """\
  tasks:
  - {name: configure, copy: {dest: HERE/conf, content: x}, notify: NOTIFIES}
  - {name: there already, shell: {cmd: 'false', creates: /}, notify: [one, two, three]}
  handlers:
  - {name: one, shell: echo one, register: first}
  - {name: two, shell: echo two, register: second}
  - {name: three, shell: echo three, register: third}
  - {name: end, shell: echo end >>HERE/log, when: [first is not defined, second is undefined, third is not defined]}
"""


@pytest.mark.parametrize(("notifies", "verdict", "log"), [("end", "change", "end\n"), ("[end, two]", "unknown", "")])
def test_whether_another_handler_has_registered_anything_is_known_when_it_would_have_run(
    trial: Trial, notifies: str, verdict: str, log: str
) -> None:
    (trial.place / "log").touch()
    assert dict(planned(trial, SEVERAL, NOTIFIES=notifies))["end"] == verdict
    deployed(trial, SEVERAL, NOTIFIES=notifies)
    assert trial.read("log") == log


def test_what_a_handler_registers_is_not_there_where_nothing_can_notify_it(trial: Trial) -> None:
    play = SEVERAL.replace("notify: [one, two, three]", "notify: end").replace("echo one,", "echo one, when: false,")
    deployed(trial, play, NOTIFIES="end")
    assert trial.read("log") == "end\n"


SHARED = """\
  tasks:
  - {name: configure, copy: {dest: HERE/conf, content: x}, notify: [check, first, last]}
  handlers:
  - {name: check, shell: 'echo checked >>HERE/log; echo good', register: checked}
  - {name: first, shell: 'echo first {{ checked.stdout }} >>HERE/log'}
  - {name: last, shell: 'test -e HERE/well && echo last {{ checked.stdout }} >>HERE/log'}
"""


def test_a_run_that_ends_between_two_that_use_it_can_go_on(trial: Trial) -> None:
    with pytest.raises(StepError, match="last"):
        deployed(trial, SHARED)
    (trial.place / "well").touch()
    deployed(trial, SHARED)
    assert trial.read("log") == "checked\nfirst good\nchecked\nlast good\n"


CIRCLE = """\
  tasks:
  - {name: configure, copy: {dest: HERE/conf, content: x}, notify: [check, restart, end]}
  handlers:
  - {name: check, shell: echo good, register: checked}
  - {name: restart, shell: 'echo {{ checked.stdout }}', notify: RESTART}
  - {name: end, shell: echo end, notify: END}
"""


@pytest.mark.parametrize(("restart", "end", "by"), [("check", "[]", "restart"), ("[]", "check", "end")])
def test_what_runs_again_for_a_handler_behind_it_gives_no_result_to_others(
    trial: Trial, restart: str, end: str, by: str
) -> None:
    with pytest.raises(ConfigError, match=f"which 'check' registers, and runs again when '{by}' notifies it"):
        walk(trial, CIRCLE, RESTART=restart, END=end)


LEFT_OUT = """\
  tasks:
  - {name: one, copy: {dest: HERE/conf, content: one}, notify: restart}
  - meta: flush_handlers
  - {name: ask, shell: echo two, register: said}
  - {name: two, copy: {dest: HERE/two, content: "{{ said.stdout }}"}, notify: check}
  - {name: there already, shell: {cmd: 'false', creates: /}, notify: restart}
  handlers:
  - {name: check, shell: echo check >>HERE/log, register: checked}
  - {name: restart, shell: echo restart >>HERE/log, when: checked is defined}
"""


def test_a_handler_that_a_flush_has_left_out_is_not_run_by_what_is_registered_later(trial: Trial) -> None:
    deployed(trial, LEFT_OUT)
    assert trial.read("log") == "check\n"


def test_what_has_not_run_at_a_flush_may_run_later_for_those_that_wait_for_it(trial: Trial) -> None:
    deployed(trial, LEFT_OUT.replace("{cmd: 'false', creates: /}", "'true'"))
    assert trial.read("log") == "check\nrestart\n"
