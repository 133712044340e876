"""``command``: needed or not, no shell in between, an act for handlers when nothing guards it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from deployer.errors import ConfigError
from tests.unit.modules.tables import differing, fixed, make
from tests.unit.sh_runner import frames, probe


def test_a_command_is_needed_or_not() -> None:
    module = make("command", cmd="true", creates="/srv/a")
    assert differing(module, "needed=no") == {}
    assert differing(module, "needed=yes") == {"run": ("needed", "not needed")}


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ({"cmd": "install -m 0600 '/a b'"}, "exec install -m 0600 '/a b'"),
        ({"argv": ["echo", "$HOME", ";"], "expand_argument_vars": False}, "exec echo '$HOME' ';'"),
        ({"cmd": "echo $5 $(id) `id` a~ '~ b' | cat"}, "exec echo '$5' '$(id)' '`id`' 'a~' '~ b' '|' cat"),
    ],
)
def test_no_shell_is_between_a_command_and_its_words(args: dict[str, object], words: str) -> None:
    assert fixed(make("command", **args, removes="/srv/a"), "needed=yes") == f"cd -- /\n{words}"


PRINTF = ["printf", "%s\\0"]


@pytest.mark.parametrize("shell", ["dash", "bash"])
def test_words_have_the_variables_and_homes_that_pythons_own_expansion_gives_them(tmp_path: Path, shell: str) -> None:
    words = [
        *(
            "$A",
            "${A}",
            "a${A}b'c",
            "$NONE",
            "x${NONE}}y",
            "$needed",
            "$A$A",
            "~",
            "~/",
            "~/a b",
            "~root/$A",
            "~none/x",
        ),
        *("~$B/x", "a~", "~ x", "\\$A", '"$A"', "$1", "$", "${", "${}", "$(echo no)", "`echo no`", "*"),
    ]
    told = {"A": "one  two *'\"", "B": "root", "HOME": "/root", "PATH": os.environ["PATH"]}
    theirs = "import os, sys; print(*(os.path.expandvars(os.path.expanduser(w)) for w in sys.argv[1:]), sep='\\0')"
    expected = subprocess.run([sys.executable, "-c", theirs, *words], env=told, capture_output=True, text=True)
    text = f"needed=no\n{make('command', argv=[*PRINTF, *words]).run().text}"
    found = subprocess.run([shell, "-euc", text], env=told, capture_output=True, text=True, cwd=tmp_path)
    assert (found.stdout.split("\0")[:-1], found.stderr) == (expected.stdout.removesuffix("\n").split("\0"), "")


@pytest.mark.parametrize(
    ("args", "complaint"),
    [
        ({}, "either cmd or argv"),
        ({"cmd": "true", "argv": ["true"]}, "either cmd or argv"),
        ({"cmd": "echo 'a"}, "quotes"),
        ({"cmd": ""}, "program"),
        ({"argv": ["-x"]}, "program"),
        ({"cmd": "true", "creates": "a"}, "absolute"),
        ({"cmd": "true", "onlyif": " "}, "empty"),
    ],
)
def test_what_cannot_be_meant_is_refused(args: dict[str, object], complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        make("command", **args)


def test_without_a_guard_it_is_an_act_for_handlers() -> None:
    module = make("command", cmd="true")
    assert module.handler_only
    assert [step.text.text for step in module.act()] == ["cd -- /\nexec true"]
    assert not make("command", cmd="true", unless="test -e /a").handler_only


def test_a_handler_with_a_guard_asks_it_first() -> None:
    (step,) = make("command", cmd="true", creates="/srv/a").act()
    assert '[ "$needed" = yes ] || exit 0' in step.text.text


def test_what_it_creates_may_begin_where_it_runs() -> None:
    assert "./done" in make("command", cmd="true", chdir="/srv", creates="done").probe().text
    with pytest.raises(ConfigError, match=r"removes: it may not hold \. or"):
        make("command", cmd="true", chdir="/srv", removes="../done")
    with pytest.raises(ConfigError, match="creates: it must be an absolute path") as caught:
        make("command", cmd="true", creates="done")
    assert "chdir" in caught.value.hint


@pytest.mark.parametrize(
    ("path", "needed"), [("x*", "no"), ("x?.txt", "no"), ("it's [*", "no"), ("z*", "yes"), ("[x]?.txt", "yes")]
)
def test_a_guard_may_be_a_pattern(tmp_path: Path, path: str, needed: str) -> None:
    for name in ("x1.txt", "it's [y"):
        (tmp_path / name).touch()
    for word, answer in (("creates", needed), ("removes", "no" if needed == "yes" else "yes")):
        made = make("command", cmd="true", **{word: f"{tmp_path}/{path}"})
        (seen,) = frames(probe(made.probe().text), ["dash"], tmp_path)
        assert seen.out == f"needed={answer}"


@pytest.mark.parametrize(("words", "read"), [({}, "it's %s\n\n"), ({"stdin_add_newline": False}, "it's %s\n")])
def test_it_reads_what_it_is_given(tmp_path: Path, words: dict[str, bool], read: str) -> None:
    for kind in ("command", "shell"):
        made = make(kind, cmd="cat" if kind == "command" else "cat; exit 3", stdin="it's %s\n", **words)
        (step,) = made.act()
        done = subprocess.run(["dash", "-euc", step.text.text], capture_output=True, text=True)
        assert (done.stdout, done.returncode) == (read, 0 if kind == "command" else 3)
    for kind in ("command", "shell"):  # Ansible's sends no newline after nothing
        (step,) = make(kind, cmd="wc -c", stdin="").act()
        done = subprocess.run(
            ["dash", "-euc", step.text.text], capture_output=True, text=True, stdin=subprocess.DEVNULL
        )
        assert done.stdout.strip() == "0"
    assert "printf '%s\\n' x |" in make("command", cmd="true", stdin="x").reading().probe().text


@pytest.mark.parametrize("creates", ["conf", "./conf", "/srv/conf"])
def test_who_edits_what_it_creates_waits_for_it_also_where_that_begins_in_chdir(creates: str) -> None:
    assert make("command", cmd="true", chdir="/srv", creates=creates).touches() == ("/srv/conf",)
