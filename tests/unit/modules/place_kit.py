"""A host in a directory, for tests of what it keeps of its releases: a real shell, a systemctl of the test's own."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from deployer.engine import ledger
from deployer.model import Blob, Change
from deployer.modules import Step
from deployer.modules.beam_nodes import BeamNodes
from deployer.modules.template import Template
from deployer.releases import generations
from deployer.releases.node_unit import NodeUnit
from deployer.sh import Program, Sh, lines, sh
from tests.unit.modules.host_text import do, see
from tests.unit.sh_runner import frames

SHOP = NodeUnit(name="shop", unit="shop.service", runtime="/run/beam/shop")

SYSTEMCTL = """
systemctl() {{
  echo "$*" >>{0}/calls
  case $1 in
    start) ! grep -qxF "$(readlink -f {0}/opt/current | sed 's|.*/opt/||')" {0}/broken ;;
    --quiet) return 1 ;;
    show)
      case "$*" in
        *ActiveState*) head -n 1 {0}/states 2>/dev/null; sed -i '1{{$!d}}' {0}/states 2>/dev/null || : ;;
        *Result*) [ ! -e {0}/states ] || echo timeout ;;
        *NeedDaemonReload,WantedBy*) [ ! -e {0}/read ] || cat {0}/read ;;
        *) echo 0 ;;
      esac ;;
  esac
}}
journalctl() {{ echo "last words"; }}
"""


class Place:
    """A host in a directory: its releases, and a systemctl that notes what it is asked for."""

    def __init__(self, tmp: Path) -> None:
        self.tmp, self.root, self.held = tmp, tmp / "opt", tmp / "generations"
        self.config, self.unit = tmp / "etc/shop.vm.args", tmp / "units/shop.service"
        for folder in (self.config.parent, self.unit.parent):
            folder.mkdir()
        (tmp / "broken").touch()
        self.declare("first")

    def unpacked(self, name: str) -> BeamNodes:
        (self.root / "versions" / name).mkdir(parents=True)
        (self.root / "versions" / name / ".complete").touch()
        (self.root / "versions" / name / "start").write_text(name)
        node = replace(SHOP, configs=(str(self.config),), runtime=str(self.tmp / "run"))
        return BeamNodes(root=str(self.root), id=name, nodes=(node,), generations=str(self.held))

    def declare(self, config: str, unit: str = "[Service]") -> None:
        """Write the node's files as a play does: beside what a start would read."""
        for path, text in ((self.config, config), (Path(generations.drop_in("shop.service")), unit)):
            file = Template(dest=str(path), src=Blob.of(text), generations=str(self.held))
            assert do(file.fix(file.differences(see(file, self.tmp))), self.tmp) == ""

    def run(self, text: Sh) -> str:
        return do((Step("", lines(sh(SYSTEMCTL, self.tmp), text)),), self.tmp)

    def switch(self, nodes: BeamNodes) -> str:
        steps = nodes.fix({key: Change(key, None, nodes.id) for key in ("current", "shop release")})
        return next((said for step in steps if (said := self.run(step.text))), "")

    @property
    def current(self) -> str:
        return (self.root / "current").resolve().name

    @property
    def starts(self) -> tuple[str, str, str]:
        """What a start at this moment would take: the release, the flags, the unit's own text."""
        return self.current, self.config.read_text(), Path(generations.drop_in("shop.service")).read_text()

    def calls(self) -> list[str]:
        return [line for line in (self.tmp / "calls").read_text().splitlines() if line.startswith(("st", "daemon"))]


def see_ledger(place: Place) -> str:
    (frame,) = frames(Program((ledger.look_at_ledger(str(place.root)),)), ["dash"], place.tmp)
    assert frame.rc == 0
    return frame.out
