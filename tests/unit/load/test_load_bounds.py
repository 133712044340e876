"""No template takes for ever, or all memory; and a regular expression that backtracks is given up."""

from __future__ import annotations

import re
import resource
import subprocess
import sys
import time
from pathlib import Path

import pytest

from deployer.errors import ConfigError
from deployer.load import bounds, regexes
from tests.samples import quick
from tests.unit.load.template_kit import variables

TOO_LARGE = [
    "{{ 'x' * 10**10 }}",
    "{{ 10**10 * 'x' }}",
    "{{ 10**(10**8) }}",
    "{{ ('%1000000000d' % 1) }}",
    "{{ '%*d' % (1000000000, 1) }}",
    "{{ '{:>1000000000}'.format(1) }}",
    "{{ '{:>{w}}'.format(1, w=1000000000) }}",
    "{{ '{0:>{1}}'.format(1, 1000000000) }}",
    "{{ '{w:>{x}}'.format_map({'w': 1, 'x': 1000000000}) }}",
    "{{ 'x'.center(1000000000) }}",
    "{{ 'x' | center(1000000000) }}",
    "{{ 'x' | indent(1000000000, true) }}",
    "{{ [1] | to_nice_json(indent=1000000000) }}",
    "{{ '%s' | format('x' * 10**9) }}",
    "{{ ('a' * 1000000).replace('a', 'b' * 1000) }}",
    "{{ ('a' * 1000000) | replace('a', 'b' * 1000) }}",
    "{% set m = 'x' * 1000000 %}{{ ([m] * 1000) | join }}",
    "{% set m = 'x' * 1000000 %}{{ ''.join([m] * 1000) }}",
    "{% set n = namespace(x='x') %}{% for i in range(40) %}{% set n.x = n.x + n.x %}{% endfor %}",
    "{% set n = namespace(x='x') %}{% for i in range(40) %}{% set n.x = n.x ~ n.x %}{% endfor %}",
    "{% set n = namespace(x=2) %}{% for i in range(40) %}{% set n.x = n.x * n.x %}{% endfor %}",
    "{% for i in range(90000) %}{{ 'x' * 10000 }}{% endfor %}",
    "{% set m = [1] %}{% for i in range(40) %}{% set _ = m.extend(m) %}{% endfor %}",
]


@pytest.mark.parametrize("text", TOO_LARGE)
def test_what_would_take_all_memory_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match=r"too large|too much|more than"):
        variables().render_file(text, "t.j2")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < 600_000, "in KiB"


def test_a_width_that_hides_in_a_value_is_refused() -> None:
    with pytest.raises(ConfigError, match="a width within a format"):
        variables().render_file("{{ '{a:>{x[y]}}'.format(a=1, x={'y': 1000000000}) }}", "t.j2")
    assert str(variables().render_file("{{ '{:>{w}}{:.2f}'.format(1, 2.0, w=3) }}", "t.j2")) == "  12.00"


def test_what_takes_too_long_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "SECONDS", 0.3)
    loops = "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}"
    with pytest.raises(ConfigError, match="takes longer than"):
        variables().render_file(loops, "t.j2")


def test_an_honest_template_has_room() -> None:
    text = "{% for i in range(20000) %}server {{ i }} { listen {{ 4000 + i }}; name {{ 'x' * 20 }}; }\n{% endfor %}"
    assert len(str(variables().render_file(text, "t.j2"))) > 1_000_000


@pytest.mark.parametrize(
    "text",
    quick(
        [
            "{{ 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!' | regex_search('(a+)+$') }}",
            "{{ 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!' | regex_replace('(a|aa)+$', '') }}",
            "{{ 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!' is match('(a+)+$') }}",
        ],
        1,
    ),
)
def test_a_regular_expression_that_backtracks_is_given_up(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(regexes, "MATCH_SECONDS", 1.0)
    with pytest.raises(ConfigError, match="takes longer than 1 s: it backtracks"):
        variables().render_file(text, "t.j2")
    assert (
        str(variables().render_file("{{ 'a1b2' | regex_replace('([a-z])([0-9])', '\\\\2\\\\1') }}", "t.j2")) == "1a2b"
    )


def test_a_signal_is_heard_while_one_is_tried() -> None:
    program = """
import os, signal, threading
from deployer.load import regexes
regexes.SECONDS = 60
threading.Thread(target=lambda: regexes.run("search", "(a+)+$", 0, "a" * 40 + "!"), daemon=True).start()
signal.signal(signal.SIGTERM, lambda *_: os._exit(7))
threading.Timer(1, lambda: os.kill(os.getpid(), signal.SIGTERM)).start()
threading.Event().wait(30)
"""
    assert subprocess.run([sys.executable, "-c", program], timeout=60, check=False).returncode == 7


def test_what_a_killed_run_has_asked_ends_by_itself() -> None:
    program = """
import os, threading
from deployer.load import regexes
regexes.SECONDS, regexes._HELPER = 60, regexes._HELPER.replace("alarm(60)", "alarm(2)")
print(regexes._started().pid, flush=True)
threading.Timer(1, lambda: os._exit(0)).start()
regexes.run("search", "(a+)+$", 0, "a" * 40 + "!")
"""
    done = subprocess.run([sys.executable, "-c", program], timeout=60, check=False, capture_output=True, text=True)
    helper, until = Path("/proc", done.stdout.strip()), time.monotonic() + 30
    while helper.exists() and "State:\tZ" not in (helper / "status").read_text():
        assert time.monotonic() < until, "it goes on"
        time.sleep(0.1)


@pytest.mark.parametrize("text", ["x", "x" * 20_000], ids=["here", "in the helper"])
def test_both_ways_find_the_same(text: str) -> None:
    asked = [
        ("sub", "(x)|(y)", 0, ("-", 2)),
        ("findall", "(x)(z?)", 0, ()),
        ("findall", "X", int(re.IGNORECASE), ()),
        ("search", "(?P<one>x)(z)?", 0, ("one", 2)),
        ("match", "z*x", 0, ()),
        ("search", "no", 0, ()),
    ]
    for how, pattern, flags, more in asked:
        compiled = re.compile(pattern, flags)
        expected = regexes._here["do"](how, compiled, text, more)
        assert regexes.run_match(how, pattern, flags, text, *more) == expected
    with pytest.raises(Exception, match="no such group"):
        regexes.run_match("search", "(x)*?x*", 0, text, 3)
