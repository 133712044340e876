"""shell: sh text, run when it is needed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

from deployer import checks as check
from deployer.fields import Doc
from deployer.modules.base import Sh, sh
from deployer.modules.shared.guarded import Guarded


@dataclass(frozen=True, kw_only=True)
class Shell(Guarded):
    """Shell text, for what one program with arguments cannot do; guards are as with command.

    As in Ansible, the text goes on after a command that fails, and the status of the last one counts. Begin with
    ``set -e`` to stop at the first failure.
    """

    EXAMPLE: ClassVar[str] = """\
- name: the list of the host's addresses
  shell:
    cmd: hostname -I | tr ' ' '\\n' > /srv/addresses
    creates: /srv/addresses
"""

    cmd: Annotated[str, Doc("the text", check=check.sh_script, example="date > /srv/installed")]
    executable: Annotated[str, Doc("the shell that runs it", check=check.absolute)] = "/bin/sh"

    @property
    def label(self) -> str:
        """The beginning of the text."""
        return f"run {self.cmd.strip().splitlines()[0][:40]}"

    def run(self) -> Sh:
        """Return text that becomes the shell."""
        return sh("exec {} -c {}", self.executable, self.cmd)


MODULE = Shell
