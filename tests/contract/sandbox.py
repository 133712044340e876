"""A place where a module's text can run for real without reaching the machine around it.

Every absolute path in the text moves under a throw-away root. On PATH are the real tools that work on files, and
recorders: programs of the system (systemctl, useradd, apt-get, …) that write down their arguments and do nothing.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from unittest.mock import patch

from deployer.model import Blob
from deployer.modules import Module, Step
from deployer.modules.base import Sh, sh
from deployer.sh import Frame, Program, decode, encode, payload
from deployer.sh.frame import BOOTSTRAP

FILES = """
awk base64 basename cat chmod cmp cp cut date dd df diff dirname env expr false find flock getconf getent grep gzip head
id install ln ls mkdir mktemp mv nproc od paste printf readlink realpath rm rmdir sed seq sha256sum sort stat sync tail
tar tee test timeout touch tr true uname uniq wc xargs
""".split()  # noqa: SIM905 - a list of words reads better
SYSTEM = """
apk apt-get crontab curl debconf-communicate debconf-set-selections debconf-show dnf dpkg dpkg-query git groupadd
groupdel groupmod hostname ip journalctl ldconfig locale locale-gen mount mountpoint nft python3 rabbitmq-plugins rpm
runuser setpriv setsid sleep ss sysctl systemctl systemd-analyze systemd-run umount update-alternatives useradd
userdel usermod
""".split()  # noqa: SIM905
(FILES if os.geteuid() == 0 else SYSTEM).extend(["chown", "chgrp"])
ROOTS = re.compile(r"(?<![\w.$}])(?<![^:]-)/(etc|usr|var|run|srv|opt|lib|home|proc/sys)(?=[/\s'\";)]|$)", re.MULTILINE)
PLACES = ("etc/systemd/system", "etc/sysctl.d", "etc/sudoers.d", "etc/apt/sources.list.d", "etc/apt/keyrings",
          "etc/apt/trusted.gpg.d", "etc/cron.d", "etc/security/limits.d", "usr/local/lib", "var/lib", "run",
          "srv/shop", "opt")  # fmt: skip
RECORDER = """#!/bin/sh
{{ printf '%s\\0' "${{0##*/}}" "$@"; printf '\\001\\0'; }} >>{}
"""
KILL = "kill() { :; }"
"""A builtin of the shell, so no program on PATH can stand in for it."""


_which = cache(shutil.which)


@dataclass(frozen=True)
class Sandbox:
    """One throw-away host."""

    home: Path

    @classmethod
    def make(cls, home: Path) -> Sandbox:
        """Return a fresh one under ``home``, whose path needs no quoting."""
        assert re.fullmatch(r"[\w/.-]+", str(home))
        tools = home / "bin"
        tools.mkdir(parents=True)
        recorder = home / "recorder"
        recorder.write_text(RECORDER.format(home / "log"))
        recorder.chmod(0o755)
        for name in SYSTEM:
            (tools / name).symlink_to(recorder)
        for name in FILES:
            if real := _which(name):
                (tools / name).symlink_to(real)
        for place in PLACES:
            (home / "root" / place).mkdir(parents=True)
        (home / "root/proc/sys/net/ipv4").mkdir(parents=True)
        (home / "root/proc/sys/net/ipv4/tcp_max_syn_backlog").write_text("128\n")
        return cls(home)

    @property
    def canary(self) -> Path:
        """A file that hostile values try to create: text that finds itself executed says ``touch $CANARY``."""
        return self.home / "canary"

    def recorded(self) -> list[list[str]]:
        """Return the argument lists of the system's programs that were called."""
        log = self.home / "log"
        calls = log.read_bytes().decode("utf-8", "surrogateescape").split("\1\0")[:-1] if log.exists() else []
        return [call.split("\0")[:-1] for call in calls]

    def probe(self, module: Module) -> Frame:
        """Run a module's probe."""
        return self.run(Program((module.probe(),)))[0]

    def steps(self, steps: tuple[Step, ...], *, stop: bool = True) -> list[Frame]:
        """Run steps, each with its blobs as ``$1``, …, as deployer.engine.walk.apply does; without ``stop``, all."""
        fragments, blobs = [], [Blob.of("")]
        for step in steps:
            places = [Sh(f'"$blobs/{len(blobs) + i}"') for i in range(len(step.blobs))]
            blobs += step.blobs
            fragments.append(sh("set -- {}\n{}", Sh(" ".join(place.text for place in places)), step.text))
        return self.run(Program(tuple(fragments), writes=stop, blobs=tuple(blobs)))

    def run(self, program: Program) -> list[Frame]:
        """Run a program with everything in it moved into the sandbox."""
        with patch("deployer.sh.blobs._IN_TEXT", -1):  # a path in a file's content stays what it is
            text, sent = encode(program), b"".join(payload(program))
        blobs = sent.partition(b"\n")[2][len(text.encode("utf-8", "surrogateescape")) :]
        moved = ROOTS.sub(rf"{self.home}/root/\1", text)
        moved = re.sub("(?m)^PATH=.*", f"PATH={self.home}/bin\n{KILL}", moved, count=1)
        raw = moved.encode("utf-8", "surrogateescape")
        sent = b"%d\n%b%b" % (len(raw), raw, blobs)
        frames = decode(program, self._talk(sent))
        return [Frame(frame.index, frame.rc, frame.out.replace(f"{self.home}/root/", "/")) for frame in frames]

    def _talk(self, sent: bytes) -> Iterator[bytes]:
        env = {"PATH": os.environ["PATH"], "TMPDIR": str(self.home), "CANARY": str(self.canary), "HOME": str(self.home)}
        done = subprocess.run(
            ["/bin/sh", "-c", BOOTSTRAP, "deployer", "192.0.2.7 50000 192.0.2.1 22"],
            input=sent, capture_output=True, env=env, cwd=self.home, timeout=60,
        )  # fmt: skip
        yield done.stdout
