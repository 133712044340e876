"""Every example in README and docs holds: YAML resolves against the real loader, commands are ones that there are.

Commands that need hosts run in tests/lab: NODE-ctl in test_migrations.py.
"""

from __future__ import annotations

import gzip
import re
import shlex
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from textwrap import indent

import pytest

from deployer.audit.catalog import RULES
from deployer.audit.rule import Rule
from deployer.beam.cookie import generate
from deployer.cli.program import DeployerProgram
from deployer.load.inventory import load_inventory
from deployer.load.playbook import load_playbook
from deployer.load.yaml import read
from deployer.model import Play
from deployer.resolve import FleetNeeds, Resolver, RunWords, judge
from tests.unit.beam.beam_tarballs import release
from tests.unit.doc_examples import PAGES, ROOT, Example, blocks, commands
from tests.unit.roles_kit import HOME, resolved, written

BASE = {
    "release": "{name: shop, tarball: dist/shop-1.4.2.tar.gz}",
    "cluster": "{name: shop, cookie: {env: SHOP_COOKIE}}",
    "firewall": "{admin: [10.0.0.0/8, 'fd00::/8']}",
}
HOSTS = {"web1": "{ansible_host: 10.0.0.2}", "web2": "{ansible_host: 10.0.0.3}", "web3": "{ansible_host: 10.0.0.4}"}
GROUPS = "  children: {shop: {hosts: {web1: {}, web2: {}}}, shop_canary: {hosts: {web2: {}}}}\n"
SITE = HOME / "playbooks" / "site.yml"
YAML = [example for page in PAGES for example in blocks(page, "yaml")]
COMMANDS = [example for page in PAGES for example in commands(page)]


@cache
def packed(app: str, version: str) -> bytes:
    return gzip.compress(release(name=app, version=version).tar())


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory as somebody has it who follows the docs."""
    secrets = (
        "SHOP_COOKIE",
        "BELL_COOKIE",
        "BELL_GREETING",
        "SHOP_STAGING_COOKIE",
        "MAIL_COOKIE",
        "SHOP_SECRET_KEY_BASE",
        "SHOP_DATABASE_URL",
        "SHOP_PKI",
        "SHOP_GOSSIP_SECRET",
    )
    for name in secrets:
        monkeypatch.setenv(name, generate())
    built = (
        "dist/shop-1.4.2",
        "dist/bookworm/shop-1.4.2",
        "dist/trixie/shop-1.4.2",
        "dist/mail-0.3.0",
        "dist/bell-0.1.0",
    )
    for name in (*built, "_build/prod/shop-0.1.0"):
        app, _, version = name.rpartition("/")[2].partition("-")
        (tmp_path / name).parent.mkdir(exist_ok=True, parents=True)
        (tmp_path / f"{name}.tar.gz").write_bytes(packed(app, version))
    (tmp_path / "certs").mkdir()
    for name in ("ca.pem", *(f"{host}.{kind}" for host in HOSTS for kind in ("pem", "key"))):
        (tmp_path / "certs" / name).touch(0o600)
        (tmp_path / "certs" / name).write_text("its content is not read here")
    (tmp_path / "secrets.yml").write_text("greeting: hello\n")
    (tmp_path / "rabbit.cookie").touch(0o600)
    (tmp_path / "rabbit.cookie").write_text("SWQOKODSQALRPCLNMEQG")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def inventory(text: str, place: Path) -> str:
    """An inventory around the words and hosts that an example shows; what it leaves out is as in README."""
    (place / "block.yml").write_text(text)
    shown = read(place / "block.yml")
    if "all" in shown:
        return text
    hosts = {} if HOSTS.keys() & shown.keys() else HOSTS
    parts = re.split(r"^(?=\S)", text, flags=re.MULTILINE)
    own = [part for part in parts if part.partition(":")[0] in HOSTS]
    base = [] if "service:" in text else [f"{name}: {value}" for name, value in BASE.items() if name not in shown]
    if "tls: true" in text:  # what a release needs for that is the business of other tests
        base = [line.replace("dist/shop-1.4.2.tar.gz", "none.tar.gz, version: 1.4.2") for line in base]
    words = [*base, *(part for part in parts if part not in own)]
    found = {"hosts": [*(f"{name}: {value}" for name, value in hosts.items()), *own], "vars": words}
    return "all:\n" + "".join(
        f"  {word}:\n" + indent("\n".join(line.rstrip() for line in lines), "    ") + "\n"
        for word, lines in found.items()
    )


@cache
def site() -> tuple[Play, ...]:
    return tuple(load_playbook(SITE, judge=judge))


def resolve(text: str, place: Path) -> Iterator[str]:
    """Resolve an example for every host, and yield whom it was resolved for."""
    written_play, around = text.startswith("- "), place / "inventory.yml"
    around.write_text(inventory("rollout: {}\n", place) + GROUPS if written_play else inventory(text, place))
    if written_play:
        (place / "site.yml").write_text(text)
    loaded = load_inventory([around], playbook_dir=place)
    for play in load_playbook(place / "site.yml", judge=judge) if written_play else site():
        resolver = Resolver(loaded, play, RunWords(needs=FleetNeeds(tarball="tls: true" not in text)))
        for host in loaded.select(play.hosts):
            resolver.fleet(host)
            if "tls: true" not in text and "service:" not in text:
                resolver.resolve(host, {"ansible_distribution": "Debian"})
            yield host.name


@pytest.mark.parametrize("example", YAML, ids=str)
def test_what_a_page_shows_as_yaml_resolves(example: Example, place: Path) -> None:
    assert list(resolve(example.text, place))


@pytest.mark.parametrize("rule", [rule for rule in RULES.values() if rule.fix], ids=lambda rule: rule.id)
def test_the_remedy_of_a_rule_resolves(rule: Rule, place: Path) -> None:
    tasks = f"- hosts: all\n  become: true\n  tasks:\n{indent(rule.fix, '    ')}\n"
    assert list(resolve(tasks if rule.fix.startswith("- ") else f"{rule.fix}\n", place))


def test_there_are_examples() -> None:
    assert len(YAML) > 15
    assert len(COMMANDS) > 25
    assert {example.page for example in YAML} >= {"README.md", "docs/rollouts.md", "docs/migrations.md"}


@pytest.mark.parametrize("example", COMMANDS, ids=str)
def test_a_command_that_a_page_shows_is_one_that_there_is(example: Example, tmp_path: Path) -> None:
    words = shlex.split(example.text, comments=True)
    if words[0] == "deployer":
        program = DeployerProgram.standard(words[1:])
        program.create_config()
        program.parse_core(words)
        program.parse_collection()
        program.parse_tasks()
        assert [task.name for task in program.tasks]
    elif words[0].endswith("-ctl"):
        words = words[2:] if words[1].startswith("--") else words
        usage = written(resolved(tmp_path))["/usr/local/bin/demo-ctl"]
        assert re.search(rf"^  ([a-z, ]*\b)?{words[1]}\b", usage, re.MULTILINE), words
    elif words[0] == "make":
        assert re.search(rf"^{words[1]}:", (ROOT / "Makefile").read_text(), re.MULTILINE)
    else:
        assert words[0] == "pytest"
        assert all((ROOT / word).exists() for word in words if word.startswith("tests/"))
