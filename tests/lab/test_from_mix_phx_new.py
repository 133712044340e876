"""Every command of docs/from-mix-phx-new.md, in its order, on real hosts with a real PostgreSQL.

The shop stands in for what phx.new would fetch and make. Releases are made by mix itself, in the builder image.
"""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from deployer import lab as labs
from tests.lab.fleet import PROGRAM, health

PAGE = Path(__file__).parents[2] / "docs/from-mix-phx-new.md"
SHOP = Path(__file__).parents[1] / "apps/shop"
MIX = f"""\
#!/bin/sh
set -eu
case $1 in
  phx.new) cp -R {SHOP} "$2"; rm -r "$2/rel" ;;
  phx.gen.release) cp -R {SHOP}/rel rel ;;
  phx.gen.secret) head -c 48 /dev/urandom | base64 ;;
  ecto.gen.migration)
    cd apps/shop/priv/repo/migrations
    echo 'ALTER TABLE items ADD COLUMN price int' >"20261201000000_$2.sql" ;;
  deps.get | assets.deploy) ;;
  release) deployer lab build . --output _build/prod ;;
  *) echo "the test knows no mix $1" >&2; exit 1 ;;
esac
"""


class Reader:
    """Somebody who types what the page says, block by block, in one shell: directory and variables stay."""

    def __init__(self, home, lab):
        self.home, self.lab, self.told = home, lab, home / "told"
        web = dict(zip(("10.0.0.2", "10.0.0.3", "10.0.0.4"), lab.hosts, strict=False))
        self.places = {address: host.address for address, host in web.items()}
        # A minute less of watching what proves good.
        self.places['4000/"}'] = '4000/", stable: 1}'
        self.places["ecto://shop:secret@10.0.0.9/shop"] = labs.database_url(lab.database)
        (home / "bin").mkdir()
        login = f"-F /dev/null -i {lab.key} -o UserKnownHostsFile={lab.known_hosts}"
        programs = {"mix": MIX, "ssh": f'#!/bin/sh\nexec /usr/bin/ssh {login} "$@"\n'}
        for name, text in programs.items():
            (home / "bin" / name).write_text(text)
            (home / "bin" / name).chmod(0o755)
        (home / ".ssh").mkdir(mode=0o700)
        for source, name in ((lab.key, "id_ed25519"), (lab.known_hosts, "known_hosts")):
            (home / ".ssh" / name).write_bytes(source.read_bytes())
            (home / ".ssh" / name).chmod(0o600)
        self.told.write_text(f"cd {home}\n")

    def here(self, text):
        """The page's text with this lab's addresses in the place of its own."""
        for page, lab in self.places.items():
            text = text.replace(page, lab)
        return text

    def writes(self, name, text):
        place = Path(self.told.read_text().partition("\n")[0].removeprefix("cd ")) / name
        place.write_text(self.here(text))

    def types(self, block):
        """Run the commands of a block, the first that fails ends it; returns what they printed."""
        script = f'set -e\n. {self.told}\n{self.here(block)}\n{{ echo "cd $PWD"; export -p; }} >{self.told}\n'
        path = f"{self.home}/bin:{PROGRAM.parent}:{os.environ['PATH']}"
        environ = {"PATH": path, "HOME": str(self.home), "LANG": "C.UTF-8", **LAB_DIRECTORY}
        done = subprocess.run(
            ["bash", "-c", script], env=environ, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, timeout=600,
        )  # fmt: skip
        assert done.returncode == 0, f"{block}\n{done.stdout}"
        return done.stdout


LAB_DIRECTORY = {name: value for name, value in os.environ.items() if name == "DEPLOYER_LAB_DIR"}


@pytest.fixture
def reader(lab_of, tmp_path):
    return Reader(tmp_path, lab_of("sudo", "sudo", "sudo", "database"))


def test_every_command_of_the_page_does_what_the_page_says(reader, ssh):
    blocks = re.findall(r"^```(\w+)\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    assert [kind for kind, _ in blocks] == ["sh", "elixir", "sh", "yaml", *["sh"] * 6]
    commands = []
    for kind, text in blocks:
        if kind == "yaml":
            name = re.match(r"# (\S+)\n", text)[1]
            reader.writes(name, text)
        elif kind == "sh":
            commands.append(reader.types(text))
        else:
            written = (reader.home / "shop/mix.exs").read_text().split()
            assert {word for word in text.split() if ":" in word} <= {*written, "releases:"}
    made, inspected, _, first, again, second, env, back = commands
    assert made == ""
    assert "shop 0.1.0" in inspected
    web = reader.lab.hosts[:3]
    assert "migrate: Shop.Release.migrate(), once" in first
    assert first.count("migrated 2026") == 2, "in the deploy, and not in the plan"
    assert "nothing to do" in again
    assert "shop: 3 on 0.1.0" in again
    assert all(f"shop@{host.address}" in again.splitlines()[-1] for host in web[1:])
    assert "add_price.sql" in second
    assert "migrated" not in env
    assert "migrations since 0.1.0" in back
    assert [health(host)[1]["node"] for host in web] == [f"shop@{host.address}" for host in web]
    ask = "psql -At {} -c 'SELECT max(version) FROM schema_migrations'"
    assert ssh(reader.lab.database, ask.format(labs.database_url(reader.lab.database))) == (0, "20261201000000\n")
