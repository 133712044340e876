"""The cluster's cookie on a host, where systemd's LoadCredential takes it from (beam.md 2.4)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

from deployer.beam.cookie import check_format
from deployer.fields import Doc
from deployer.model import Secret
from deployer.modules._checks import told_by
from deployer.modules._private_file import PrivateFile

_complaint = told_by(lambda text: check_format(text, "the cookie"))


def _readable(secret: Secret) -> str | None:
    return _complaint(secret.reveal())


@dataclass(frozen=True, kw_only=True)
class Cookie(PrivateFile):
    """The file that holds a cluster's cookie. Nodes get a copy at start; it is in no argv and in no environment."""

    EXAMPLE: ClassVar[str] = """\
- name: the cluster's cookie
  cookie:
    path: /etc/beam/shop/private/cookie
    content: "{{ cluster.cookie }}"
"""

    content: Annotated[Secret, Doc("the cookie; make one with: deployer cookie generate", check=_readable)]

    def text(self) -> Secret:
        """Return the cookie without a newline: argv and file would disagree about one."""
        return self.content


MODULE = Cookie
