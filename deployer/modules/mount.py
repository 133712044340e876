"""mount: a line of /etc/fstab, and whether it is mounted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from deployer import checks as check
from deployer.errors import ConfigError
from deployer.fields import Doc
from deployer.modules.base import Change, Changes, Observed, Present, Sh, Step, lines, records, sh
from deployer.modules.shared.rewritten import Rewritten
from deployer.sh.text import script

_ESCAPED = str.maketrans({"\\": "\\134", " ": "\\040", "&": "\\046", "\t": "\\011", "#": "\\043"})


def _word(value: str) -> str | None:
    return check.one_line(value) or check.filled(value)


def _mount_point(value: str) -> str | None:
    return None if value == "none" else check.absolute(value)


@dataclass(frozen=True, kw_only=True)
class Mount(Rewritten):
    """A file system: its line in /etc/fstab, and whether it is mounted now.

    ``present`` writes the line. ``mounted`` also makes the mount point and mounts it; if the line has changed, it is
    mounted again, first by ``remount``. ``unmounted`` leaves the line. ``absent`` unmounts it and removes line and
    mount point, ``absent_from_fstab`` only the line; without a line both do nothing, as in ansible.posix, whose lines
    these are. ``remounted`` runs every time. If mounting fails, fstab is restored. Only root may be able to write in
    the directories above a mount point, because anybody else could redirect the path.
    """

    INSTEAD: ClassVar[str] = "make it a handler, or use state: mounted, which mounts again when the line changes"
    EXAMPLE: ClassVar[str] = """\
- name: room for uploads
  mount:
    path: /srv/uploads
    src: LABEL=uploads
    fstype: ext4
    opts: defaults,nosuid
    state: mounted
"""

    path: Annotated[
        str, Doc("the mount point; none for swap", check=_mount_point, example="/srv/uploads", alias="name")
    ]
    state: Annotated[
        Literal["mounted", "present", "unmounted", "absent", "absent_from_fstab", "remounted"],
        Doc("whether it is in fstab, and mounted", example="mounted"),
    ]
    src: Annotated[str | None, Doc("the device, or what stands for it", check=_word, example="LABEL=uploads")] = None
    fstype: Annotated[str | None, Doc("the kind of file system", check=_word, example="ext4")] = None
    opts: Annotated[
        str | None,
        Doc("options of mount", check=_word, example="defaults", hint="a password: opts: credentials=FILE"),
    ] = None
    opts_no_log: Annotated[bool, Doc("accepted; a secret belongs in a file that an option names")] = False
    dump: Annotated[str, Doc("the fifth field of fstab(5)", check=_word, example="0")] = "0"
    passno: Annotated[str, Doc("the sixth field of fstab(5)", check=_word, example="2")] = "0"
    boot: Annotated[bool, Doc("false: with the option noauto")] = True
    fstab: Annotated[str, Doc("the file", check=check.absolute, example="/etc/fstab")] = "/etc/fstab"
    backup: Annotated[bool, Doc("keep the old file beside the new one")] = False

    def __post_init__(self) -> None:
        if self.state in ("mounted", "present") and (self.src is None or self.fstype is None):
            raise ConfigError(f"state {self.state} needs src and fstype")
        if self.path == "none" and self.state not in ("present", "absent_from_fstab"):
            hint = "state: present, and a command: swapon --all"
            raise ConfigError("swap and file systems without a mount point cannot be mounted", hint=hint)
        if self.state == "absent" and (why := check.deletable(self.path)):
            raise ConfigError(f"{self.path}: {why}", hint="state: unmounted, or absent_from_fstab")

    @property
    def _options(self) -> str:
        told = (self.opts or "defaults").split(",")
        return ",".join(told if self.boot or "noauto" in told else [*told, "noauto"])

    @property
    def _fields(self) -> tuple[str, ...]:
        every = (self.src or "", self.path, self.fstype or "", self._options, self.dump, self.passno)
        return tuple(field.translate(_ESCAPED) for field in every)

    @property
    def called(self) -> str:
        """The file."""
        return self.fstab

    @property
    def label(self) -> str:
        """What is done with it."""
        verbs = {"present": "write", "mounted": "mount", "unmounted": "unmount", "remounted": "remount"}
        return f"{verbs.get(self.state, 'forget')} {self.path}"

    @property
    def handler_only(self) -> bool:
        """Whether it is mounted again in every run."""
        return self.state == "remounted"

    def place(self) -> Sh:
        """Return how fstab is read and written, and what is mounted."""
        keeps = "yes" if self.backup else ""
        return lines(sh("path={} file={} keeps={}", self.path, self.fstab, keeps), script("mount.sh"))

    def touches(self) -> tuple[str, ...]:
        """Return fstab."""
        return (self.fstab,)

    def probe(self) -> Sh:
        """Print the text of fstab, and whether something is mounted at the path."""
        return lines(super().probe(), sh("live"))

    def parse(self, out: str) -> Observed:
        """Return them."""
        seen = super().parse(out)
        keys = seen.keys if isinstance(seen, Present) else {}
        return Present({**keys, "mounted": records(out, "mounted")["mounted"]})

    def edited(self, text: str) -> str:
        """Return the text of fstab as it should be."""
        if self.state in ("unmounted", "remounted"):
            return text
        rows = text.splitlines(keepends=True)
        if self.state not in ("mounted", "present"):
            return "".join(row for row in rows if not self._ours(row))
        rows = [row if row.endswith("\n") else f"{row}\n" for row in rows]
        wanted = " ".join(self._fields) + "\n"
        made = [
            wanted if self._ours(row) and tuple(row.partition("#")[0].split()) != self._fields else row for row in rows
        ]
        if not any(map(self._ours, rows)):
            made.append(wanted)
        return text if made == rows else "".join(made)

    def _ours(self, row: str) -> bool:
        fields = row.partition("#")[0].split()
        if row.strip().startswith("#") or not 4 <= len(fields) <= 6 or fields[1] != self.path.translate(_ESCAPED):
            return False
        return not (self.src and self.path == "none" and fields[2] == "swap") or fields[0] == self._fields[0]

    def differences(self, observed: Observed) -> dict[str, Change]:
        """Return how fstab has to change, and whether it has to be mounted or unmounted."""
        keys = observed.keys if isinstance(observed, Present) else {}
        if isinstance(observed, Present) and "content" not in keys:
            observed = Present({**keys, "content": self.edited("")})
        found = super().differences(observed)
        wanted = {"mounted": "yes", "unmounted": "no"}.get(self.state)
        if self.state == "absent" and "content" in found:
            wanted = "no"
        if wanted and keys.get("mounted", wanted if isinstance(observed, Present) else None) != wanted:
            found["mounted"] = Change("mounted", keys.get("mounted"), wanted)
        return found

    def fix(self, changes: Changes) -> tuple[Step, ...]:
        """Change fstab, if it is still as it was read, and mount or unmount."""
        if not changes:
            return ()
        up, down = sh("put_up"), sh("take_down")
        firm = [] if self.state in ("present", "absent_from_fstab") else [sh("firmly")]
        if "content" not in changes:
            return (Step(self.label, lines(self.place(), *firm, up if self.state == "mounted" else down)),)
        (written,) = super().fix({"content": changes["content"]})
        parts = [self.place(), *firm, *([down] if self.state == "absent" else []), written.text]
        parts += {"mounted": [up], "absent": [sh("forget")]}.get(self.state, [])
        return (Step(self.label, lines(*parts), written.blobs),)

    def act(self) -> tuple[Step, ...]:
        """Mount it again."""
        options = f"remount,{self.opts}" if self.opts and self.opts != "defaults" else "remount"
        again = sh("again {} {}", options, "" if options == "remount" else "only")
        return (Step(self.label, lines(self.place(), sh("firmly"), again)),) if self.handler_only else ()


MODULE = Mount
