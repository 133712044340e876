"""systemd_unit: a unit file of the host's own, read by systemd as soon as it is written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from deployer import checks as check
from deployer.errors import ConfigError, ProbeError
from deployer.fields import Doc
from deployer.modules.base import Absent, Blob, Changes, Module, Observed, Present, Sh, State, Step, lines, records, sh
from deployer.modules.shared.content import Content

_SHOWN = """
if [ -n "$type" ]; then
  emit load "$(systemctl show --property=LoadState --value -- {0})"
  emit reload "$(systemctl show --property=NeedDaemonReload --value -- {0})"
fi"""

_DELETE = """if [ -e {1} ]; then systemctl disable --quiet --now -- {0}; fi
rm -f -- {1}
systemctl daemon-reload"""


@dataclass(frozen=True, kw_only=True)
class SystemdUnit(Module):
    """A unit file in /etc/systemd/system, root's and mode 0644; systemd reads it in the same step.

    The second reading asks systemd, too: a file that it cannot load is not converged. Everyone can read a unit file, so
    a secret in it is refused; let the service read a file (``LoadCredential=``). To start or enable the unit, add a
    systemd task. With ``state: absent`` it is stopped and disabled first.
    """

    EXAMPLE: ClassVar[str] = """\
- name: the shop's unit
  systemd_unit:
    name: shop.service
    content: |
      [Unit]
      Description=The shop

      [Service]
      ExecStart=/usr/bin/sleep infinity

      [Install]
      WantedBy=multi-user.target
"""

    name: Annotated[str, Doc("the unit, with its suffix", check=check.unit, example="shop.service")]
    content: Annotated[
        str | None,
        Doc("the whole file", check=check.filled, example="[Service]\nExecStart=/usr/bin/sleep infinity\n"),
    ] = None
    state: Annotated[Literal["present", "absent"], Doc("whether it exists")] = "present"

    def __post_init__(self) -> None:
        if (self.content is None) != (self.state == "absent"):
            raise ConfigError("systemd_unit needs content, unless state is absent")

    @property
    def path(self) -> str:
        """Where the file is."""
        return f"/etc/systemd/system/{self.name}"

    @property
    def _content(self) -> Content:
        return Content(path=self.path, blob=Blob.of(self.content or ""), owner="root", group="root", mode="0644")

    @property
    def _asked(self) -> str:
        return self.name.replace("@.", "@deployer.")

    def desired(self) -> State:
        """Return the file's keys, and that systemd has read it."""
        if self.state == "absent":
            return Absent()
        return Present({**self._content.desired(), "load": "loaded", "reload": "no"})

    def probe(self) -> Sh:
        """Print the file, and what systemd makes of it; of a template, of one instance."""
        return lines(self._content.probe(), sh(_SHOWN, self._asked))

    def parse(self, out: str) -> Observed:
        """Return both."""
        seen = self._content.parse(out)
        if not isinstance(seen, Present):
            return seen
        found = records(out, "load", "reload")
        if found["reload"] not in ("yes", "no"):
            raise ProbeError(f"systemctl did not print whether {self.name} needs a reload")
        return Present({**seen.keys, "load": found["load"], "reload": found["reload"]})

    def fix(self, changes: Changes) -> tuple[Step, ...]:
        """Write or delete the file and have systemd read it, in one step."""
        if not changes:
            return ()
        if self.state == "absent":
            return (Step(f"delete {self.name}", sh(_DELETE, self.name, self.path)),)
        reload = sh("systemctl daemon-reload")
        file = self._content.fix({key: changes[key] for key in changes if key not in ("load", "reload")})
        if not file:
            return (Step("read changed unit files", reload),)
        return tuple(Step(step.what, lines(step.text, reload), step.blobs) for step in file)

    def touches(self) -> tuple[str, ...]:
        """Return the file, and the unit, which systemd has read afterwards."""
        return (self.path, self.name)


MODULE = SystemdUnit
