"""The demo's tarballs: a version takes mix half a minute, so it is built once, and a fault is put in afterwards."""

from __future__ import annotations

import io
import tarfile
from dataclasses import dataclass
from pathlib import Path

from deployer import lab as labs
from deployer.lab import state


@dataclass(frozen=True)
class Builds:
    """Tarballs of one app, in a directory that all workers of a test run share."""

    app: Path
    place: Path

    def tarball(self, version: str) -> Path:
        """Return the tarball of ``VERSION``, or of ``VERSION+FAULT`` (see `Demo.Fault`)."""
        plain, plus, fault = version.partition("+")
        built = self._built(plain)
        return self._faulty(built, plain, fault) if plus else built

    def _built(self, version: str) -> Path:
        out = self.place / version
        with state.locked(self.place / f"{version}.lock"):
            if not out.exists():
                labs.build(self.app, version=version, out=out.with_suffix(".new"))
                out.with_suffix(".new").rename(out)
        (built,) = out.iterdir()
        return built

    def _faulty(self, built: Path, version: str, fault: str) -> Path:
        """Add the file that says what is wrong; its content makes it a release of its own."""
        made = self.place / f"{version}+{fault}" / built.name
        with state.locked(self.place / f"{version}.lock"):
            if made.exists():
                return made
            made.parent.mkdir()
            told = tarfile.TarInfo(f"lib/{self.app.name}-{version}/fault")
            told.size = len(fault)
            beside = made.with_suffix(".new")
            with tarfile.open(built) as whole, tarfile.open(beside, "w:gz", compresslevel=1) as new:
                for member in whole:
                    new.addfile(member, whole.extractfile(member) if member.isfile() else None)
                new.addfile(told, io.BytesIO(fault.encode()))
            return beside.rename(made)
