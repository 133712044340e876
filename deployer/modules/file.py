"""file: a directory, a symbolic or hard link, an absent path, or the attributes of an existing one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from deployer import checks as check
from deployer.errors import ConfigError
from deployer.fields import Doc
from deployer.model import Unknown
from deployer.modules.base import Absent, Changes, Known, Module, Observed, Present, Sh, State, Step, lines, records, sh
from deployer.modules.shared.content import Attributes
from deployer.modules.shared.links import DELETE, HARD_LINK, HARD_LOOK, LINK
from deployer.modules.shared.owned import FileGroup, Mode, Owner

_DIRECTORY = """umask 022
folder={0}
part=$folder
set --
while [ ! -d "$part" ]; do
  set -- "$part" "$@"
  part=${{part%/*}}
  part=${{part:-/}}
done
[ "$#" -gt 0 ] || set -- "$folder"
for part in "$@"; do
  if [ ! -d "$part" ]; then
    inside "${{part%/*}}"
    mkdir -m {1} -- "/proc/self/fd/5/${{part##*/}}"
    exec 5<&-
  fi
  {2}
done"""

_ODD = """if [ -d {0} ] && [ ! -L {0} ]; then
  inside=same
  [ -z "$(find {0} -mindepth 1 \\( {1} \\) -print -quit)" ] || inside=other
  emit inside "$inside"
fi"""


@dataclass(frozen=True, kw_only=True)
class File(Module):
    """A directory, a symbolic or hard link, the absence of anything, or owner and mode of what exists.

    Missing parents of a directory get its owner, group and mode, as in Ansible; the default mode is 0755. With
    ``state: file``, or none, only attributes are managed: a missing path is not made (write it with copy or template).
    ``touch`` makes an empty file; it runs every time, unless both its times are preserved. With ``recurse`` a plan says
    that something in the directory differs, but not what. ``hard`` is another name of the file ``src``. A link in the
    place of a declared directory or file is an error, and so is a directory in the place of a declared link. Only
    ``state: absent`` deletes a directory.
    """

    EXAMPLE: ClassVar[str] = """\
- name: a place for uploads
  file:
    path: /srv/shop/uploads
    state: directory
    owner: root
    group: root
    mode: "0750"
- name: where the uploads used to be
  file:
    path: /srv/uploads
    state: link
    src: shop/uploads
- name: no leftovers
  file:
    path: /srv/shop/old
    state: absent
"""

    path: Annotated[str, Doc("the path on the host", check=check.absolute, example="/srv/shop", alias="dest name")]
    state: Annotated[
        Literal["file", "directory", "link", "hard", "absent", "touch"] | None,
        Doc("what is there; touch makes an empty file, and else sets its times, in every run", example="directory"),
    ] = None  # fmt: skip
    src: Annotated[
        str | None,
        Doc("what a link points to; of hard, the other name of the file", check=check.one_line, example="/srv/shop-2"),
    ] = None
    owner: Owner = None
    group: FileGroup = None
    mode: Mode = None
    force: Annotated[bool, Doc("a link may take the place of a file")] = False
    recurse: Annotated[bool, Doc("owner, group and mode are also those of all that is in the directory")] = False
    access_time: Annotated[Literal["preserve", "now"], Doc("of touch: preserve leaves it")] = "now"
    modification_time: Annotated[Literal["preserve", "now"], Doc("of touch: preserve leaves it")] = "now"

    def __post_init__(self) -> None:
        if (self.state in ("link", "hard")) != (self.src is not None):
            raise ConfigError("src is the target of a link: it needs state: link or hard, and these need src")
        if self.state == "hard" and (why := check.absolute(self.src or "")):
            raise ConfigError(f"src of a hard link: {why}")
        if self.state == "link" and self.mode:
            raise ConfigError("a link has no mode of its own", hint="set the mode of what it points to")
        if self.state == "absent" and (why := check.deletable(self.path)):
            raise ConfigError(f"{self.path}: {why}")
        if self.src == "":
            raise ConfigError("src is empty")
        if self.recurse and self.state != "directory":
            raise ConfigError("recurse needs state: directory")
        if self._touches and (self.access_time != self.modification_time):
            raise ConfigError(
                "access_time and modification_time must be the same", hint="set both to preserve, or neither"
            )

    @property
    def _touches(self) -> bool:
        return self.state == "touch"

    @property
    def handler_only(self) -> bool:
        """Whether its times change in every run."""
        return self._touches and self.access_time == "now"

    def act(self) -> tuple[Step, ...]:
        """Touch it."""
        return (Step(f"touch {self.path}", self._touched()),) if self.handler_only else ()

    def _touched(self) -> Sh:
        return lines(sh("touch_file {}", self.path), self._attributes.fix(self.path))

    @property
    def _attributes(self) -> Attributes:
        return Attributes(owner=self.owner, group=self.group, mode=self.mode)

    def desired(self) -> State:
        """Return type and attributes as declared."""
        if self.state == "absent":
            return Absent()
        kind = {"type": "file" if self.state in ("touch", "hard") else self.state} if self.state else {}
        if self.state == "hard":
            return Present(kind | {"hard": "same"} | self._attributes.desired())
        inside = {"inside": "same"} if self.recurse and self._attributes.desired() else {}
        return Present(kind | ({"target": self.src} if self.src else {}) | self._attributes.desired() | inside)

    def probe(self) -> Sh:
        """Print what is there; where it is not ours to make, nothing there is unknown rather than absent."""
        if self.state in (None, "file"):
            return sh('look {0}\n[ -n "$type" ] || unknown {0}" is not there yet"', self.path)
        if self.state == "hard":
            return sh(HARD_LOOK, self.path, self.src or "")
        if self.recurse and (odd := self._odd()):
            return lines(sh("look {}", self.path), sh(_ODD, self.path, odd))
        return sh("look {}", self.path)

    def _odd(self) -> list[str]:
        """Return the arguments with which find lists what is not as declared."""
        wanted = self._attributes.desired()
        words = [
            word
            for key, flag in (("owner", "-user"), ("group", "-group"))
            if key in wanted
            for word in ("-o", "!", flag, wanted[key])
        ]
        words += (
            ["-o", "(", "-type", "f", "-o", "-type", "d", ")", "!", "-perm", wanted["mode"]] if "mode" in wanted else []
        )
        return words[1:]

    def _inside(self) -> tuple[Step, ...]:
        wanted = self._attributes.desired()
        each = [wanted.get(key, "") for key in ("owner", "group", "mode")]
        return (
            Step(f"set owner and mode of everything in {self.path}/", sh("adorn_all {} {} {} {}", self.path, *each)),
        )

    def known(self) -> Known | None:
        """Return the directory, where one is declared."""
        return Known(self.path) if self.state == "directory" and not self.recurse else None

    def predict(self, touched: frozenset[str], observed: Observed) -> Observed:
        """Return that the name is missing, where the file that it is one more name of is only about to be made."""
        return Absent() if self.state == "hard" and isinstance(observed, Unknown) and self.src in touched else observed

    def parse(self, out: str) -> Observed:
        """Return type, target and attributes; refuse to put one kind in the place of another."""
        if not out:
            return Absent()
        found = records(out, "type", "at")
        if self._in_the_way(found["type"]):
            hint = "say force: true to replace it" if (self.state, found["type"]) == ("link", "file") else ""
            raise ConfigError(f"{self.path} is a {found['type']} on this host, not a {self.state or 'file'}", hint=hint)
        if found.get("hard") == "other" and not self.force:
            raise ConfigError(f"{self.path} is another file on this host", hint="say force: true to replace it")
        target = {"target": found.get("target", "")} if found["type"] == "link" else {}
        target |= {"hard": found["hard"]} if "hard" in found else {}
        inside = {"inside": found["inside"]} if "inside" in found else {"inside": "same"} if self.recurse else {}
        return Present({"type": found["type"], **target, **self._attributes.observed(found["at"]), **inside})

    def fix(self, changes: Changes) -> tuple[Step, ...]:
        """Make, link, delete, or set attributes."""
        if not changes:
            return ()
        if self.state == "absent":
            return (Step(f"delete {self.path}", sh(DELETE, self.path)),)
        attributes = self._attributes.fix(self.path)
        if self._touches:
            return (Step(f"make {self.path}", self._touched()),)
        if self.state == "directory":
            mode = "0700" if self.mode else "0755"
            each = self._attributes.fix(Sh('"$part"'))
            own = (
                (Step(f"make {self.path}/", sh(_DIRECTORY, self.path, mode, each)),)
                if set(changes) - {"inside"}
                else ()
            )
            return (*own, *(self._inside() if "inside" in changes else ()))
        if self.state == "hard" and {"type", "hard"} & set(changes):
            return (Step(f"link {self.path}", lines(sh(HARD_LINK, self.src or "", self.path), attributes)),)
        if self.state == "link":
            return (Step(f"link {self.path}", lines(sh(LINK, self.src or "", self.path), attributes)),)
        return (Step(f"set owner and mode of {self.path}", attributes),)

    def result(self, told: Mapping[str, object], said: str) -> Mapping[str, object]:
        """Return the path and its state, too."""
        del said
        return {**told, **self._state(self.state)}

    def answer(self, observed: Observed) -> Mapping[str, object]:
        """Return the path and its state."""
        seen = observed.keys.get("type") if isinstance(observed, Present) else None
        return self._state(self.state or str(seen))

    def _state(self, state: str | None) -> Mapping[str, object]:
        name = {"path": self.path} if state in ("directory", "absent") else {"dest": self.path, "path": self.path}
        known = {"touch": "file"}.get(state or "", state)
        return {**name, **({"src": self.src} if self.src else {}), **({"state": known} if known else {})}

    def touches(self) -> tuple[str, ...]:
        """Return the path."""
        return (self.path,)

    def _in_the_way(self, kind: str) -> bool:
        if self.state == "link":
            return kind != "link" and not (kind == "file" and self.force)
        if self.state in ("file", "directory"):
            return kind != self.state
        if self.state in ("touch", "hard"):
            return kind != "file"
        return self.state is None and kind == "link"


MODULE = File
