"""What writes below release.root first makes sure that nobody else could put another directory there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

import deployer
from deployer.engine import ledger
from deployer.engine.retire import removal
from deployer.engine.roll import migrations
from deployer.fleet import Migration, declare
from deployer.model import Absent, Present
from deployer.modules.beam_nodes import BeamNodes
from tests.contract.cases import instances

CODE = Path(deployer.__file__).parent
ROOT = "/opt/shop"
CALL = re.compile(r"^(?:\s*trusted /opt/shop /opt|secure_root)$", re.MULTILINE)
FUNCTION = re.compile(r"^[a-z_]+\(\) (?:\{.*\}|\(.*\)|\{\n(?:.*\n)*?\})$", re.MULTILINE)
PLACE = r"""["']?(?:\$\{?(?:root|release|note|place|held)\b|/opt/shop)"""
WRITES = re.compile(
    rf"\b(?:rm|mv|ln|cp|mkdir|mktemp|touch|chmod|chown|truncate|install)\b[^;&|\n]*{PLACE}|>+\s*{PLACE}"
)
KNOWN = {
    "engine/ledger.py", "engine/retire.py", "engine/retire.sh", "engine/roll/migrate.sh", "engine/roll/migrate_halt.sh",
    "engine/roll/migrations.py", "releases/unpack.py", "modules/beam_nodes.py", "modules/release.py",
    "releases/unpack.sh", "releases/generations.py", "releases/generations.sh", "releases/places.sh",
    "releases/record.sh", "releases/switch.py", "releases/switch.sh", "releases/takeover.sh",
    # roots of releases that are declared no more, each looked at by itself
    "modules/left_behind.py", "modules/left_behind.sh",
}  # fmt: skip
"""Files whose text writes below it, all of them among `spoken` but for the last two."""
READS = {
    "audit/node.sh", "audit/nodes.sh", "audit/facts.py", "audit/rules_peers.py", "audit/signed.sh", "importing.py",
    "beam/diagnose.py", "engine/roll/hooks.py", "engine/roll/play.py", "engine/roll/rollback.py", "engine/survey.py",
    "fleet/declaration.py", "fleet/declare.py", "fleet/words.py", "releases/look.sh",
    "modules/preflight.py", "modules/preflight.sh", "engine/roll/restart.py", "modules/release.sh",
    "releases/node_unit.py",
}  # fmt: skip


def spoken() -> Iterator[tuple[str, str]]:
    """Every step that writes below the root."""
    for module in ("release", "beam_nodes"):
        for one in instances(module):
            placed = replace(one, root=ROOT)  # type: ignore[call-arg]
            for seen in (Absent(), Present({})):
                yield from ((module, step.text.text) for step in placed.fix(placed.differences(seen)))
            if isinstance(placed, BeamNodes):
                yield "judge_good", ledger.record_good(placed, 5).text
                yield "go_back", ledger.go_back(placed, "1").text
                yield "give back", placed.switch.give_back().text
    yield "note_hooks", ledger.note_hooks(ROOT, "1", "x").text
    yield "note_migrated", ledger.note_migrated(ROOT, "1", "x").text
    migration = Migration(("eval", "M.up()"), 600, "shop")
    yield "migrate", migrations.migrating(ROOT, "1", migration).text
    yield "halt", migrations.halting(ROOT, migration).text
    words = {
        "release": {"name": "shop", "version": "1", "tarball": "x.tar.gz", "root": ROOT},
        "cluster": {"name": "shop"},
    }
    own = declare(words, host="a", address="10.0.0.2", where=None, need_tarball=False)
    assert own
    yield "retire", removal(own, own.nodes, purge=True).text


def early(text: str) -> list[str]:
    """What is written below the root before it is looked at; functions write when they are called."""
    before = text[: found.start()] if (found := CALL.search(text)) else text
    return [match[0] for match in WRITES.finditer(FUNCTION.sub("", before))]


@pytest.mark.parametrize(("what", "text"), [pytest.param(*one, id=f"{n}-{one[0]}") for n, one in enumerate(spoken())])
def test_the_root_is_looked_at_before_anything_below_it_is_written(what: str, text: str) -> None:
    if WRITES.search(text):
        assert CALL.search(text), f"{what} writes below the release's root: begin it with generations.secured"
        assert early(text) == []


def test_it_would_be_noticed() -> None:
    assert early(f'rm -rf -- "$root/versions"\ntrusted {ROOT} /opt\n')
    assert early(f"echo x >>{ROOT}/ledger/history")
    assert not early(f'gone() {{\n  rm -rf -- "$root"\n}}\ntrusted {ROOT} /opt\ngone\n')


def test_no_other_file_speaks_of_the_root() -> None:
    speaks = re.compile(r"""\$\{?root\b|\broot=\{|\brelease\.root\b|\bself\.root\b""")
    files = (path for kind in ("*.py", "*.sh") for path in CODE.rglob(kind) if "lab" not in path.parts)
    found = {str(path.relative_to(CODE)) for path in files if speaks.search(path.read_text())}
    assert found <= KNOWN | READS, f"new: {sorted(found - KNOWN - READS)}; what writes belongs into spoken()"
