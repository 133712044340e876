"""The cluster's cookie on a host, where systemd's LoadCredential takes it from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

from deployer.beam.cookie import check_format
from deployer.checks import as_check
from deployer.errors import ConfigError
from deployer.fields import Doc
from deployer.model import Secret
from deployer.modules.base import Observed, Present, lines
from deployer.modules.shared.private_file import PrivateFile
from deployer.sh import Sh

_complaint = as_check(lambda text: check_format(text, "the cookie"))

# A node's copy goes when the node stops, so a copy that equals the file belongs to a running node of this cluster.
_USED = Sh(
    """
for copy in /run/beam/*/.erlang.cookie; do
  if [ -f "$copy" ] && [ -s "$path" ] && [ "$(theirs "$copy" 4096)" = "$(taste "$path" 4096)" ]; then
    copy=${copy%/*}
    emit used "${copy##*/}"
    break
  fi
done"""
)


def _readable(secret: Secret) -> str | None:
    return _complaint(secret.reveal())


@dataclass(frozen=True, kw_only=True)
class Cookie(PrivateFile):
    """The file that holds a cluster's cookie. Nodes get a copy at start; it is in no argv and in no environment.

    It is not changed under nodes that run with it, because restarting them one after the other would split the cluster.
    """

    EXAMPLE: ClassVar[str] = """\
- name: the cluster's cookie
  cookie:
    path: /etc/beam/shop/private/cookie
    content: "{{ cluster.cookie }}"
"""

    content: Annotated[
        Secret,
        Doc(
            "the cookie; make one with: deployer cookie generate",
            check=_readable,
            hint="write cluster.cookie into the inventory: {env: …}, {file: …}, {command: […]} or !vault",
        ),
    ]

    def text(self) -> Secret:
        """Return the cookie without a newline: argv and file would disagree about one."""
        return self.content

    def probe(self) -> Sh:
        """Print the file as it is, and a node that runs with it."""
        return lines(super().probe(), _USED)

    def parse(self, out: str) -> Observed:
        """Return what it is.

        Raises:
            ConfigError: another cookie is declared than the one that nodes here run with.
        """
        observed = super().parse(out)
        if not isinstance(observed, Present) or "used" not in observed.keys:
            return observed
        keys = dict(observed.keys)
        node = keys.pop("used")
        if keys.get("content") != self.desired().keys["content"]:
            problem = f"{node} runs with another cookie than the declared one: restarts would split the cluster"
            hint = (
                "if cluster.cookie is right, deployer cookie rotate gives it to all nodes; else declare the running one"
            )
            raise ConfigError(problem, hint=hint)
        return Present(keys)


MODULE = Cookie
