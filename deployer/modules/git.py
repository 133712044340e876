"""git: a checkout of a repository."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar
from urllib.parse import urlsplit

from deployer import checks as check
from deployer.errors import ConfigError
from deployer.fields import Doc
from deployer.modules.base import (
    Absent,
    Change,
    Changes,
    Module,
    Observed,
    Present,
    Sh,
    State,
    Step,
    lines,
    records,
    sh,
)
from deployer.sh.text import script


@dataclass(frozen=True, kw_only=True)
class Git(Module):
    """A checkout of a branch, a tag or a commit, made by the host's own git.

    As in Ansible, a plan asks the repository's server for the commit of a branch or tag. For a full commit (40 hex
    digits), or with ``update: false``, it asks nobody. A branch is reset to the server's; files that git does not track
    stay. Changes of tracked files stop the run, unless ``force`` discards them.

    Run it as the user who owns the directory (``become_user``). Root does not work in another user's checkout, whose
    configuration could make it run anything, and makes none in such a user's directory. There is no prompt: keys have
    to be on the host. It is better to deploy a whole release (docs/from-mix-phx-new.md).
    """

    RUNS_COMMAND: ClassVar[bool] = True
    EXAMPLE: ClassVar[str] = """\
- name: the pages for when the shop is closed
  git:
    repo: https://git.example.org/pages.git
    dest: /srv/pages
    version: v1.4
"""

    repo: Annotated[
        str, Doc("its address", check=check.one_line, example="https://git.example.org/a.git", alias="name")
    ]
    dest: Annotated[str, Doc("the directory on the host", check=check.absolute, example="/srv/pages")]
    version: Annotated[str, Doc("a branch, a tag or a commit", check=check.revision, example="v1.4")] = "HEAD"
    update: Annotated[bool, Doc("false: an existing checkout stays as it is")] = True
    clone: Annotated[bool, Doc("false: a missing checkout is not made")] = True
    force: Annotated[bool, Doc("discard changes of tracked files")] = False
    depth: Annotated[int | None, Doc("how many commits of each branch are fetched", example=1)] = None
    remote: Annotated[str, Doc("what the repository is called there", check=check.revision, example="origin")] = (
        "origin"
    )
    recursive: Annotated[bool, Doc("also fetch submodules")] = True
    single_branch: Annotated[bool, Doc("accepted; what is fetched is up to git")] = False
    key_file: Annotated[
        str | None, Doc("the key for ssh, on the host", check=check.absolute, example="/home/shop/.ssh/deploy")
    ] = None
    accept_hostkey: Annotated[bool, Doc("as accept_newhostkey: a key that has changed is never accepted")] = False
    accept_newhostkey: Annotated[bool, Doc("the key of a server that is not known yet is accepted")] = False
    ssh_opts: Annotated[str, Doc("options of ssh", check=check.one_line, example="-p 2222")] = ""

    def __post_init__(self) -> None:
        if not self.repo or self.repo.startswith("-") or "::" in self.repo.partition("/")[0]:
            raise ConfigError(
                f"repo {self.repo!r} is not an address", hint="https://HOST/PATH, USER@HOST:PATH or a path"
            )
        if "://" in self.repo and urlsplit(self.repo).password:
            hint = "use a key (key_file), or git's credential helper on the host"
            raise ConfigError("repo contains a password, which every user of the host could read", hint=hint)
        if "StrictHostKeyChecking=no" in self.ssh_opts.replace(" ", ""):
            raise ConfigError(
                "host keys of git servers are always checked",
                hint="accept_newhostkey: true accepts a new key the first time",
            )
        if self.depth is not None and self.depth < 1:
            raise ConfigError(f"depth is {self.depth}", hint="1 or more")

    def _given(self) -> Sh:
        ssh = ["ssh", "-o", "BatchMode=yes"]
        ssh += ["-o", "StrictHostKeyChecking=accept-new"] if self.accept_hostkey or self.accept_newhostkey else []
        ssh += ["-o", "IdentitiesOnly=yes", "-i", self.key_file] if self.key_file else []
        over = f"{sh('{}', ssh).text} {self.ssh_opts}".strip()
        words = (self.repo, self.dest, self.version, self.remote, self.depth or "", over)
        flags = ("yes" if on else "" for on in (self.update, self.force, self.recursive))
        given = sh("repo={} dest={} version={} remote={} depth={} over={}", *words)
        return lines(given, sh("update={} force={} recursive={}", *flags), script("git.sh"))

    def desired(self) -> State:
        """Return the address and the revision; only the host knows its present commit."""
        if not self.clone and not self.update:
            return Present({})
        changes = {"changes": "none"} if self.force else {}
        return Present({"repo": self.repo, **({"revision": self.version} if self.update else {}), **changes})

    def probe(self) -> Sh:
        """Print its origin and the commit that is checked out."""
        return lines(self._given(), sh("look_at_it"))

    def parse(self, out: str) -> Observed:
        """Return it; a commit that the revision is at counts as the revision."""
        if not out:
            return Absent()
        found = records(out, "origin", "head", "wanted", "changed")
        at = self.version if found["wanted"] and found["head"].startswith(found["wanted"]) else found["head"][:12]
        return Present({"repo": found["origin"], "revision": at, "changes": found["changed"]})

    def differences(self, observed: Observed) -> dict[str, Change]:
        """Return what differs; nothing where none is there and none is to be made."""
        return {} if isinstance(observed, Absent) and not self.clone else super().differences(observed)

    def fix(self, changes: Changes) -> tuple[Step, ...]:
        """Clone or fetch it, and check it out."""
        if not changes:
            return ()
        return (
            Step(f"check out {self.version} in {self.dest}", lines(self._given(), sh("check_it_out")), person=True),
        )

    def touches(self) -> tuple[str, ...]:
        """Return the directory."""
        return (self.dest,)


MODULE = Git
