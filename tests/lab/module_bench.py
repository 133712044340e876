"""Modules applied to a real host as the engine does, without the engine."""

from __future__ import annotations

from typing import Any

from deployer import modules
from deployer.fields import build
from deployer.model import Blob
from deployer.modules import Module, Step
from deployer.modules.base import Sh, sh
from deployer.sh import Frame, Program
from deployer.transport import Transport

REPOSITORY = r"""mkdir -p /srv/repo /srv/build
make() {
  rm -rf "/srv/build/$1" && mkdir -p "/srv/build/$1/DEBIAN" "/srv/build/$1/etc/$1"
  printf 'Package: %s\nVersion: %s\nArchitecture: all\nMaintainer: nobody <a@b.c>\nDescription: x\n' "$1" "$2" \
    >"/srv/build/$1/DEBIAN/control"
  echo conf >"/srv/build/$1/etc/$1/conf" && echo "/etc/$1/conf" >"/srv/build/$1/DEBIAN/conffiles"
  dpkg-deb -b "/srv/build/$1" "/srv/repo/$1_$2.deb" >&2
  dpkg-deb -f "/srv/repo/$1_$2.deb"
  printf 'Filename: ./%s_%s.deb\nSize: %s\nSHA256: %s\n\n' "$1" "$2" "$(stat -c %s "/srv/repo/$1_$2.deb")" \
    "$(sha256sum <"/srv/repo/$1_$2.deb" | cut -d ' ' -f 1)"
}
"""


class Bench:
    """One host, and modules applied to it as the engine does, without the engine."""

    def __init__(self, transport: Transport) -> None:
        self.transport = transport

    def ask(self, module: Module) -> Frame:
        """Run a probe."""
        (frame,) = self.transport.run(Program((module.probe(),)), timeout=60)
        return frame

    def plan(self, module: Module) -> dict[str, tuple[str | None, str | None]]:
        """Return what differs: key → before, after."""
        frame = self.ask(module)
        assert frame.rc == 0, frame.out
        return {key: (c.before, c.after) for key, c in module.differences(module.parse(frame.out)).items()}

    def run(self, steps: tuple[Step, ...], user: str | None = None) -> list[Frame]:
        """Run steps."""
        fragments, blobs = list[Sh](), list[Blob]()
        for step in steps:
            places = [Sh(f'"$blobs/{len(blobs) + i}"') for i in range(len(step.blobs))]
            blobs += step.blobs
            fragments.append(sh("set -- {}\n{}", Sh(" ".join(place.text for place in places)), step.text))
        users = dict.fromkeys(range(len(steps)), user) if user else {}
        return list(
            self.transport.run(Program(tuple(fragments), writes=True, blobs=tuple(blobs), users=users), timeout=120)
        )

    def apply(self, module: str, /, **args: Any) -> list[str]:
        """Bring a module about, prove that the second reading agrees, and return the keys that differed."""
        made = make(module, args)
        changes = made.differences(made.parse(self.ask(made).out))
        assert [frame.out for frame in self.run(made.fix(changes)) if frame.rc] == []
        assert self.plan(made) == {}
        assert [frame.out for frame in self.run(made.fix(changes)) if frame.rc] == [], "a step is safe to run twice"
        assert self.plan(made) == {}
        return list(changes)


def make(module: str, args: dict[str, Any]) -> Module:
    cls = modules.class_of(module)
    return build(cls, {key: Blob.of("a file\n") if key in cls.SOURCES else value for key, value in args.items()})
