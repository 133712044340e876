"""script: a program that lies here, run on the host when it is needed."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Annotated, ClassVar

from deployer import checks as check
from deployer.errors import ConfigError
from deployer.fields import Doc
from deployer.model import Secret
from deployer.modules.base import Blob, Module, Sh, sh
from deployer.modules.shared.guarded import Guarded

_RUN = """script=$(mktemp)
trap 'rm -f -- "$script"' EXIT
# At its deadline the script is told to end, and so are we, who outlive it.
trap 'exit 143' TERM
chmod 0700 "$script"
# Where /tmp is mounted noexec, no program runs from there.
[ -x "$script" ] || {{ other=$(mktemp -p ~) && rm -f -- "$script" && script=$other && chmod 0700 "$script"; }} || :
printf %s {0} | base64 -d >"$script"
/bin/sh -c {1} "$script\""""


@dataclass(frozen=True, kw_only=True)
class Script(Guarded):
    """A script or program of the role's files/, run on the host, where nothing of it is left behind.

    ``script: seed.sh --rows 100`` means the same as ``src`` and ``arguments``, which a shell reads. The first line says
    what interprets it (``#!/bin/sh``), or ``executable`` does. Guards are as with command: without one it runs every
    time. Unlike a ``command`` with ``changed_when: false``, it does not run in a plan.
    """

    SOURCES: ClassVar[dict[str, str]] = {"src": "files"}
    EXAMPLE: ClassVar[str] = """\
- name: the shop's demo data, once
  script:
    src: seed.sh
    arguments: --rows 100
    chdir: /srv/shop
    creates: seeded
"""

    src: Annotated[Blob | str, Doc("the script: a file here", example="seed.sh")]
    arguments: Annotated[str, Doc("what follows its name", check=check.sh_script, example="--rows 100")] = ""
    executable: Annotated[
        str, Doc("what interprets it, if not its first line", check=check.sh_script, example="/bin/sh")
    ] = ""
    decrypt: Annotated[bool, Doc("accepted; a script that a vault encrypts is refused")] = True

    def __post_init__(self) -> None:
        super().__post_init__()
        for word, text in (("arguments", self.arguments), ("executable", self.executable)):
            if problem := text and check.one_line(text):
                raise ConfigError(f"{word}: {problem}")
        if isinstance(self.src, Blob) and isinstance(self.src.text, Secret):
            hint = "write the secret with copy, mode 0700, and run it with command; or have the script read a file"
            raise ConfigError("a script may hold no secret: it is part of the program", hint=hint)
        if isinstance(self.src, Blob) and self.src.text is None:
            raise ConfigError(
                f"a script of {self.src.size} bytes is too large", hint="copy it, and run it with command"
            )

    @property
    def label(self) -> str:
        """Its arguments, too."""
        return f"run the script {self.arguments}".strip()[:60]

    def reading(self) -> Module:
        """Return itself: a probe takes nothing with it."""
        return self

    def run(self) -> Sh:
        """Return text that puts it into a file of its own, runs it and takes it away."""
        text = self.src.text if isinstance(self.src, Blob) and isinstance(self.src.text, bytes) else b""
        words = " ".join(filter(None, [self.executable, '"$0"', self.arguments]))
        return sh(_RUN, base64.b64encode(text).decode(), words)


MODULE = Script
