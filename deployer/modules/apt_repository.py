"""apt_repository: one line of apt's sources."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from deployer import checks as check
from deployer.errors import ConfigError
from deployer.fields import Doc
from deployer.modules.base import Absent, Changes, Module, Observed, Present, Sh, State, Step, lines, records, sh
from deployer.modules.shared.content import octal
from deployer.sh.text import script

_KINDS = ("deb", "deb-src")
_PROBE = """holders "$repo" >/dev/null
if [ -n "$held" ]; then emit line there; else emit line none; fi
emit read yes"""


@dataclass(frozen=True, kw_only=True)
class AptRepository(Module):
    """A line of /etc/apt/sources.list or of a .list file below /etc/apt/sources.list.d/.

    A line that one of these files already contains, with whatever blanks, stays where it is. A new line goes to the end
    of ``filename``, or of a file that is named after the repository, as in Ansible. ``absent`` removes the line from
    all files, and deletes a file of sources.list.d/ that has nothing else in it. After a change the lists of packages
    are refreshed; if that fails, the files are restored, and the host has failed. A commented line does not count: the
    new line is added.

    The line says which keys may sign the repository: ``[signed-by=/etc/apt/keyrings/NAME.gpg]``, with apt_key and its
    ``keyring``. Files in the deb822 format (.sources) are not read: use deb822_repository.
    """

    EXAMPLE: ClassVar[str] = """\
- name: the repository of the message broker
  apt_repository:
    repo: deb [signed-by=/etc/apt/keyrings/broker.gpg] https://apt.example.org/debian bookworm main
    filename: broker
"""

    repo: Annotated[
        str, Doc("the line: deb or deb-src, options, address, suite, components", check=check.one_line,
                 example="deb https://apt.example.org/debian bookworm main"),
    ]  # fmt: skip
    state: Annotated[Literal["present", "absent"], Doc("whether apt has it")] = "present"
    filename: Annotated[
        str | None, Doc("the file in sources.list.d/, without .list", check=check.file_stem, example="broker")
    ] = None
    mode: Annotated[
        str | None, Doc("octal permissions of a new file", check=check.mode, example="0644", quoted=True)
    ] = None
    update_cache: Annotated[bool, Doc("refresh the lists of packages after a change", alias="update-cache")] = True
    update_cache_retries: Annotated[int, Doc("how often that is tried again; deployer asks apt to")] = 5
    update_cache_retry_max_delay: Annotated[int, Doc("accepted; apt waits as it wants to")] = 12
    validate_certs: Annotated[bool, Doc("refused when false: anyone in between could send anything")] = True
    install_python_apt: Annotated[bool, Doc("accepted; deployer needs no Python on the host")] = True
    codename: Annotated[str | None, Doc("accepted; it belongs to ppa:", check=check.one_line, example="jammy")] = None

    def __post_init__(self) -> None:
        if self.repo.startswith("ppa:"):
            hint = "write its line (deb https://ppa.launchpadcontent.net/… SUITE main), and its key with apt_key"
            raise ConfigError("ppa: is not supported, because its key comes from Launchpad", hint=hint)
        words = self._words
        if not words or words[0] not in _KINDS or len(re.sub(r"\[[^\]]*\]", "", self._line).split()) < 3:
            raise ConfigError(
                f"repo {self.repo!r} is not a line of sources.list", hint="deb https://HOST/PATH SUITE main"
            )
        if "#" in self.repo:
            raise ConfigError("repo contains a comment", hint="remove the # and the text after it")
        if re.search(r"://[^/\s]*:[^/\s]*@", self.repo):
            hint = "write it into /etc/apt/auth.conf.d/NAME.conf with mode 0600"
            raise ConfigError("repo contains a password, which every user of the host could read", hint=hint)
        if not self.validate_certs:
            raise ConfigError(
                "certificates are checked",
                hint="put the CA certificate into /usr/local/share/ca-certificates/ and run update-ca-certificates",
            )
        if not 0 <= self.update_cache_retries <= 100:
            raise ConfigError(f"update_cache_retries is {self.update_cache_retries}", hint="from 0 to 100")

    @property
    def _words(self) -> list[str]:
        return self.repo.split()

    @property
    def _line(self) -> str:
        return " ".join(self._words)

    @property
    def path(self) -> str:
        """The file that a new line goes to."""
        return f"/etc/apt/sources.list.d/{self.filename or suggested(self._line)}.list"

    def _given(self) -> Sh:
        refresh = self.update_cache_retries if self.update_cache else ""
        mode = octal(self.mode) or ""
        return lines(
            sh("repo={} list={} mode={} refresh={}", self._line, self.path, mode, refresh), script("apt_repository.sh")
        )

    def desired(self) -> State:
        """Return that the line is there, or is not."""
        return Absent() if self.state == "absent" else Present({"line": "there"})

    def probe(self) -> Sh:
        """Print whether any file has it."""
        return lines(self._given(), sh(_PROBE))

    def parse(self, out: str) -> Observed:
        """Return it."""
        found = records(out, "line", "read")
        return Present({"line": "there"}) if found["line"] == "there" else Absent()

    def fix(self, changes: Changes) -> tuple[Step, ...]:
        """Add it, or take it out, and refresh the lists."""
        if not changes:
            return ()
        verb = sh("take_out") if self.state == "absent" else sh("put_in")
        return (Step(f"{'forget' if self.state == 'absent' else 'add'} {self._line}", lines(self._given(), verb)),)

    def touches(self) -> tuple[str, ...]:
        """Return the file."""
        return (self.path,)


def suggested(line: str) -> str:
    """Return the name of a repository's file without .list: its address, with _ for all but letters and digits."""
    bare = re.sub(r"\w+://", "", re.sub(r"\[[^\]]+\]", "", line))
    address = next(word for word in bare.split() if word not in _KINDS)
    return "_".join(re.findall("[a-zA-Z0-9]+", address.partition("@")[2] or address))


MODULE = AptRepository
