"""Tarballs of the test's apps: a version is built once, and what makes it another one is put in afterwards."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from deployer import lab as labs
from deployer.lab import state


@dataclass(frozen=True)
class Builds:
    """Tarballs of one app, in a directory that all workers of a test run share."""

    app: Path
    place: Path
    suite: str = "bookworm"

    def tarball(self, version: str, files: Mapping[str, str] | None = None) -> Path:
        """Return the tarball of ``VERSION``, or of ``VERSION+FAULT`` (see `Shop.Fault`), or with more files in it.

        Args:
            version: with the fault.
            files: path below the app's own directory in the release → content.
        """
        plain, plus, fault = version.partition("+")
        more = dict(files or {}) | ({"fault": fault} if plus else {})
        built = self._built(plain)
        return self._with(built, plain, more) if more else built

    def _built(self, version: str) -> Path:
        out = self.place / version
        with state.locked(self.place / f"{version}.lock"):
            if not out.exists():
                labs.build_app(self.app, version=version, out=out.with_suffix(".new"), suite=self.suite)
                out.with_suffix(".new").rename(out)
        (built,) = out.iterdir()
        return built

    def _with(self, built: Path, version: str, files: Mapping[str, str]) -> Path:
        """Add files of the app; their content makes it a release of its own."""
        digest = hashlib.sha256(json.dumps(files, sort_keys=True).encode()).hexdigest()[:12]
        made = self.place / f"{version}+{digest}" / built.name
        with state.locked(self.place / f"{version}.lock"):
            if made.exists():
                return made
            made.parent.mkdir(exist_ok=True)
            beside = made.with_suffix(".new")
            with tarfile.open(built) as whole, tarfile.open(beside, "w:gz", compresslevel=1) as new:
                for member in whole:
                    new.addfile(member, whole.extractfile(member) if member.isfile() else None)
                for name, content in files.items():
                    told = tarfile.TarInfo(f"lib/{self.app.name}-{version}/{name}")
                    told.size = len(content.encode())
                    new.addfile(told, io.BytesIO(content.encode()))
            return beside.rename(made)
