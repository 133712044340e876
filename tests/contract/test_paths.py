"""What an application's user owns is touched by a few named functions only (docs/security.md), in all sh text."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import deployer
from deployer import modules
from deployer.engine.ladder import readings
from deployer.engine.rotate import host
from deployer.modules.beam_nodes import NodeUnit
from deployer.window import behind, crash
from tests.contract.cases import instances, texts

ROOT = Path(deployer.__file__).parent
STATE, RUNTIME = "/var/lib/beam/shop", "/run/beam/shop"
NODE = NodeUnit(name="shop", unit="shop.service", runtime=RUNTIME)
COOKIE = "/etc/beam/shop/private/cookie"
THEIRS = re.compile(r"/run/beam/|/var/lib/beam/|/home/")
ASSIGNED = re.compile(r"""(?:^|[;\s])(\w+)=("[^"]*"|'[^']*'|\S*)""")
LOOPED = re.compile(r"for (\w+) in ([^;]*)")
X = r"""("?[$/][^\s"]*"?)"""
HARMLESS = [
    rf"\[ !? ?-[efLrsd] {X} \]",  # what is there is asked, and nothing of it is read
    rf"\btheirs {X} \d+",
    rf"\bwhose_file {X}",
    r"\bcase \$\{\w+##\*\.\} in",  # a name
    rf"\btaste {X} \d+",
    rf"\btell \S+ {X}",  # which reads by theirs
    r"\bdraft [^\n;]*",
    rf"\b(?:make_above|drop) {X}",
    rf"\bsettle {X}",
    rf"\bfind {X} -maxdepth 0 -type f -newermt [^)]*",
    rf"-c?newer {X}",
    rf"\bplace {X}",  # what find said of a link was of the link itself
    rf"\btouch -ch -- {X}",
    r"\brm -r?f -- [^;|&]*",  # unlinks names; into directories it goes by their descriptors, and follows no link
    r"\becho \"[^\"]*\"",
    r"\bemit \w+ \"[^\"$]*\$\{\w+##\*/\}\"",  # a name
    rf"\bstat -c '[^']*' -- {X}",  # of a link the link itself
    r"\bexec setpriv --euid=\S+ --egid=\S+[^\n]* dd if=\"\$file\" [^\n]*",  # what whose_file found
    LOOPED.pattern,
    ASSIGNED.pattern,
]
KNOWN = {
    "engine/ladder/readings.py", "engine/ladder/target.py", "engine/ladder/verify.py", "engine/rotate/host.py",
    "engine/rotate/plan.py", "engine/rotate/rotation.py", "fleet/node.py", "fleet/grammar.py", "fleet/unit.py",
    "releases/node_unit.py", "releases/claim.py", "modules/beam_nodes.py", "modules/certificate.py",
    "modules/cookie.py", "modules/env_file.py", "modules/preflight.py", "window/behind.py", "window/crash.py",
    "window/door.py",
}  # fmt: skip
"""Files that speak of these directories; those with sh text are among `spoken`."""
OTHERWISE = {
    "audit/rules_start.py",  # what a remedy names
    "engine/retire.sh",
    "engine/roll/hooks.py",  # where as_node runs, as the node's user
    "engine/survey.py", "report/releases.py",  # what state a node is in
    "window/shells.py",  # the node itself writes there
}  # fmt: skip


def spoken() -> Iterator[tuple[str, str]]:
    """All text that root runs and that names what a node's user owns."""
    for module in modules.names():
        yield from ((module, text.text) for one in instances(module) for text in texts(one))
    dump = f"{STATE}/erl_crash.dump"
    yield from ((file.name, file.read_text()) for file in ROOT.rglob("*.sh"))
    yield "ladder", readings.look_at_unit("shop.service").text
    yield "ladder", readings.unit_last_words("shop.service", dump).text
    for text in (
        host.read_cookies(COOKIE, [NODE]),
        host.write_cookies(COOKIE),
        host.renew(NODE),
        host.forget(COOKIE, [dump]),
    ):
        yield "rotate", text.text

    yield "window", behind.look_behind("shop.service", RUNTIME, "/etc/beam/shop/private/shop.pem", "/etc/ca.pem").text
    yield from (("window", text.text) for text in (crash.look_at_dump(dump), crash.whole_dump(dump)))


def touching(text: str) -> Iterator[str]:
    """Yield the lines of a text in which something is done with a user's path, and not by what is harmless."""
    names: set[str] = set()
    for _ in range(3):
        for name, value in (*ASSIGNED.findall(text), *LOOPED.findall(text)):
            if THEIRS.search(value) or any(re.search(rf"\$\{{?{held}\b", value) for held in names):
                names.add(name)
    held = re.compile("|".join([THEIRS.pattern, *(rf"\$\{{?{name}\b" for name in names)]))
    for line in text.splitlines():
        left = line
        for form in HARMLESS:
            left = re.sub(form, "", left)
        if held.search(left):
            yield line.strip()


def test_what_touches_a_directory_of_another_user_is_reviewed() -> None:
    found = {(whose, line) for whose, text in spoken() for line in touching(text)}
    assert found == set(), "read by theirs, write by draft and settle; else add the form, and why, to docs/security.md"


@pytest.mark.parametrize(
    "text",
    [
        "cat /run/beam/shop/.erlang.cookie",
        'copy=/run/beam/shop/node.pem\nsum=$(sha256sum <"$copy")',
        'for copy in /run/beam/*/.erlang.cookie; do\n  cp -- "$copy" /x\ndone',
        'state=/var/lib/beam/shop\ndump=$state/erl_crash.dump\nhead -n 5 -- "$dump"',
        "echo x >/home/shop/.profile",
        ". /var/lib/beam/shop/env",
    ],
)
def test_the_review_would_have_noticed(text: str) -> None:
    assert list(touching(text))


def test_no_other_file_speaks_of_what_a_nodes_user_owns() -> None:
    speaks = re.compile(r"/run/beam(?![-\w])|/var/lib/beam|\bnode\.(runtime|state)\b|crash_dump(?!s)")
    found = set()
    for path in ROOT.rglob("*.py"):
        if str(path.relative_to(ROOT)) in KNOWN | OTHERWISE:
            continue
        text = path.read_text()
        if not speaks.search(re.sub(r"""["']\s*[rf]?["']""", "", text)):  # not even in words that it puts together
            continue
        tree = ast.parse(text)
        strings = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)]
        code = ast.unparse(tree)
        if speaks.search(code) or any(isinstance(text, str) and speaks.search(text) for text in strings):
            found.add(str(path.relative_to(ROOT)))
    found |= {str(path.relative_to(ROOT)) for path in ROOT.rglob("*.sh") if speaks.search(path.read_text())}
    new = sorted(found - KNOWN - OTHERWISE)
    assert new == [], f"new: {new}; its text belongs into spoken()"
