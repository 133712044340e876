"""Regular expressions of templates, with an end: one that backtracks for hours would hold all threads, deaf to signals.

What can take long runs in a helper process, which is killed when its time is up; Python's `re` cannot be interrupted.
"""

from __future__ import annotations

import atexit
import json
import re
import subprocess
import sys
import threading
from contextlib import suppress
from typing import Any

from jinja2 import TemplateRuntimeError

MATCH_SECONDS = 5.0
_SHORT = 10_000
_CHOICES = re.compile(r"[*+?{|]")
"""What a matcher can try in more than one way; one of them alone cannot multiply."""
_HELPER = """\
import json, re, resource, signal, sys
resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
for line in sys.stdin:
    how, pattern, flags, text, more = json.loads(line)
    signal.alarm(60)  # whoever asked may have been killed
    try:
        found = do(how, re.compile(pattern, flags), text, more)
    except (re.error, IndexError, OverflowError, RecursionError) as error:
        found = {"error": str(error) or type(error).__name__}
    signal.alarm(0)
    print(json.dumps(found), flush=True)
"""
_DO = """\
def do(how, compiled, text, more):
    if how == "sub":
        return compiled.sub(more[0], text, count=more[1])
    if how == "findall":
        return [list(found) if isinstance(found, tuple) else found for found in compiled.findall(text)]
    match = getattr(compiled, how)(text)
    if match is None or not more:
        return match and match[0]
    return [str(match[group]) for group in more]
"""
_lock = threading.Lock()
_helper: list[subprocess.Popen[str]] = []
_here: dict[str, Any] = {}
exec(_DO, _here)  # noqa: S102 - our own text, which the helper runs too


def run_match(how: str, pattern: str, flags: int, text: str, *more: Any) -> Any:
    """Return what a regular expression finds in a text.

    Args:
        how: ``sub``, ``findall``, ``search`` or ``match``.
        pattern: as `re` has it.
        flags: of `re`.
        text: where to look.
        *more: replacement and count for ``sub``; names or numbers of groups for ``search``.

    Raises:
        re.error, IndexError: the pattern, or what is asked of it, is wrong.
        TemplateRuntimeError: it takes longer than `MATCH_SECONDS`.
    """
    compiled = re.compile(pattern, flags)
    if len(text) <= _SHORT and len(_CHOICES.findall(pattern)) <= 1:
        return _here["do"](how, compiled, text, more)
    with _lock:
        helper = _started()
        found = _ask(helper, json.dumps([how, pattern, flags, text, more]))
    if isinstance(found, dict):
        raise TemplateRuntimeError(str(found["error"]))
    return found


def _started() -> subprocess.Popen[str]:
    if not _helper:
        argv = [sys.executable, "-I", "-S", "-c", _DO + _HELPER]
        pipe = subprocess.PIPE
        _helper[:] = [
            subprocess.Popen(
                argv, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, text=True, start_new_session=True
            )
        ]
    return _helper[0]


def _ask(helper: subprocess.Popen[str], question: str) -> Any:
    assert helper.stdin and helper.stdout  # noqa: S101
    answers: list[str] = []
    asking = threading.Thread(target=lambda: answers.append(_talk(helper, question)), daemon=True)
    asking.start()
    asking.join(MATCH_SECONDS)
    if not answers or not answers[0]:
        late = not answers
        _end(helper)
        asking.join()
        _end_all()
        if not late:
            raise TemplateRuntimeError("the regular expression makes too much")
        raise TemplateRuntimeError(f"the regular expression takes longer than {MATCH_SECONDS:g} s: it backtracks")
    return json.loads(answers[0])


def _end(helper: subprocess.Popen[str]) -> None:
    helper.kill()
    helper.wait()


@atexit.register
def _end_all() -> None:
    while _helper:
        helper = _helper.pop()
        _end(helper)
        for pipe in (helper.stdin, helper.stdout):
            if pipe:
                with suppress(OSError):
                    pipe.close()


def _talk(helper: subprocess.Popen[str], question: str) -> str:
    assert helper.stdin and helper.stdout  # noqa: S101
    try:
        helper.stdin.write(question + "\n")
        helper.stdin.flush()
        return helper.stdout.readline()
    except (OSError, ValueError):
        return ""
