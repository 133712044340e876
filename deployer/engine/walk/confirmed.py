"""Makes one step of a task that could cut off the next login: the old files come back unless a new login confirms it.

Services that use the files (through handlers, and sshd) reload them within the step, and again when the old files come
back: a login proves nothing as long as sshd still runs with the old configuration.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from deployer.model import Absent, Blob
from deployer.modules import Step
from deployer.resolve import Action
from deployer.resolve.confirming import SSHD_STARTS
from deployer.sh import Sh, lines, script, sh

_READ_ANEW = 60
"""Seconds that a service has to reload its files."""
_SSHD = ("/etc/ssh/sshd_config", "/etc/ssh/sshd_config.d/*")
_SUDOERS = ("/etc/sudoers", "/etc/sudoers.d/*")
_SSHD_UNITS = frozenset({"ssh.service", "sshd.service", "ssh.socket"})
_CHECK_SSHD = Sh('"$(command -v sshd || echo /usr/sbin/sshd)" -t')
_RELOAD_SSHD = Sh("""for unit in ssh.service sshd.service; do
  if systemctl --quiet is-active -- "$unit"; then systemctl reload -- "$unit"; break; fi
done""")
# With socket activation, a new port takes effect only when socket and service are both stopped; sessions survive this.
_START_SSHD = Sh("""systemctl daemon-reload
if systemctl --quiet is-active ssh.socket; then
  systemctl stop ssh.socket ssh.service
  systemctl start ssh.socket
else
  for unit in ssh.service sshd.service; do
    if systemctl --quiet is-active -- "$unit"; then systemctl restart -- "$unit"; break; fi
  done
fi""")
# Only visudo -c insists on mode 0440; sudo accepts any file that root owns and nobody else can write. The output of
# visudo lists the files that sudo reads, included ones too.
_CHECK_SUDOERS = Sh("""checked=$(LC_ALL=C visudo -cf /etc/sudoers)
open=$(printf '%s\\n' "$checked" | sed -n 's/: parsed OK$//p' | while IFS= read -r file; do
  find -L "$file" -maxdepth 0 \\( ! -user 0 -o -perm -0002 -o -perm -0020 ! -group 0 \\)
done)
[ -z "$open" ] || { echo "sudo reads no file that others than root may write: $open" >&2 && false; }""")


@dataclass(frozen=True, slots=True)
class Confirmed:
    """The one step, the names of the handlers that run within it, and what else it does, in words."""

    step: Step
    handlers: frozenset[str] = frozenset()
    beside: str = ""


def confirmed(action: Action, steps: Sequence[Step], handlers: Sequence[Action]) -> Confirmed:
    """Return a task's steps as one step that the host undoes by itself after ``action.confirm`` seconds.

    Notified handlers run within the step if they run on the same machine; for a delegated task none does.
    """
    paths = action.undoes
    notified = [
        one for one in handlers if not (one.skip or one.waits) and {one.task.name, one.label} & set(action.notify)
    ]
    near = [] if action.place else [one for one in notified if not one.place]
    within = [one for one in near if not (one.user or one.environment or any(s.blobs for s in one.module.act()))]
    sshd, starts, sudoers = (_among(paths, patterns) for patterns in (_SSHD, SSHD_STARTS, _SUDOERS))
    anew = [_plain(step) for one in within for step in one.module.act()]
    told = {unit for one in within for unit in one.module.touches()}
    beside = [f"runs handler {one.label}" for one in within]
    if starts:  # whatever a handler does: a reload takes no new port, and a restart of the service none of the socket's
        anew, beside = [*anew, _START_SSHD], [*beside, "starts sshd again"]
    elif sshd and not told & _SSHD_UNITS:
        anew, beside = [*anew, _RELOAD_SSHD], [*beside, "tells sshd to read its files again"]
    body, blobs = _bodies(steps)
    what = ", ".join(step.what for step in steps)
    whole = "yes" if isinstance(action.module.desired(), Absent) else "no"
    text = lines(
        script("pending.sh", "deployer.firewall"),
        script("forget.sh", "deployer.undo"),
        script("arm.sh", "deployer.undo"),
        sh("# shellcheck disable=SC2016\nback={}", _back(paths, anew).text),
        sh("# shellcheck disable=SC2016\nkeep={}", _keep(paths).text),
        sh('await {} "/bin/sh $held/back" "$keep"', f"what {action.label!r} has written"),
        Sh("begin_undo"),
        *(sh("keep_old {} {} {}", number, path, whole) for number, path in enumerate(paths)),
        Sh('printf \'%s\\n\' "$back" >"$held/back"\nboot_armed'),
        sh("armed {}", action.confirm),
        *body,
        *([_CHECK_SSHD] if sshd else []),
        *([_CHECK_SUDOERS] if sudoers else []),
        *(sh("timeout -k 5 {} /bin/sh -euc {}", _READ_ANEW, one.text) for one in anew),
        *([Sh("listening")] if sshd or starts else []),
    )
    names = frozenset(name for one in within for name in (one.task.name, one.label))
    return Confirmed(Step(what, text, blobs, confirm=action.confirm), names, " and ".join(beside))


def _bodies(steps: Sequence[Step]) -> tuple[list[Sh], tuple[Blob, ...]]:
    """Return each step in a subshell with its own traps and its own blobs as arguments; and all blobs."""
    found, blobs = [], list[Blob]()
    for step in steps:
        first = len(blobs) + 1
        blobs += step.blobs
        given = Sh(" ".join(f'"${{{first + i}}}"' for i in range(len(step.blobs))))
        found.append(lines(Sh("("), lines(sh("set -- {}", given), step.text) if step.blobs else step.text, Sh(")")))
    return found, tuple(blobs)


def _back(paths: Sequence[str], anew: Sequence[Sh]) -> Sh:
    """Return the script that restores everything."""
    calls = [sh("put_back {} {} || wrong=yes", number, path) for number, path in enumerate(paths)]
    reads = [sh("again {} {}", _READ_ANEW, one.text) for one in anew]
    return lines(
        Sh("wrong=''"),
        script("files.sh", "deployer.sh"),
        script("restore.sh", "deployer.undo"),
        *calls,
        Sh('if [ "${1:-}" = boot ]; then'),
        Sh('logger -t deployer -- "taken back at the start of this host" || :'),
        Sh("else"),
        *(reads or [Sh(":")]),
        Sh("fi"),
        Sh('if [ -n "$wrong" ]; then logger -t deployer -- "could not take back all: see $held"; exit 1; fi'),
        script("forget.sh", "deployer.undo"),
        Sh("forget_undo"),
    )


def _keep(paths: Sequence[str]) -> Sh:
    """Return the script that makes everything permanent."""
    beside = [sh("rm -rf -- {}", _beside(path)) for path in paths]
    return lines(
        script("confirm.sh", "deployer.firewall"),
        script("forget.sh", "deployer.undo"),
        Sh("confirm\nforget_undo"),
        *beside,
        Sh("disarm"),
    )


def _beside(path: str) -> str:
    folder, _, name = path.rpartition("/")
    return f"{folder}/.before-deployer.{name}"


def _plain(step: Step) -> Sh:
    return lines(Sh("trap - HUP PIPE"), step.text) if step.person else step.text


def _among(paths: Sequence[str], patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(path, pattern) for path in paths for pattern in patterns)
