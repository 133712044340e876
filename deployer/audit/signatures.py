"""Whether a release's tarball is signed by a key that may, as ``ssh-keygen -Y sign -n file`` leaves it beside it."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from deployer.beam.archive import Archive
from deployer.beam.inflate import Inflate
from deployer.errors import ConfigError

_NAMESPACE = "file"
_PATIENCE = 60.0


@dataclass(frozen=True, slots=True)
class Signature:
    """What became of a signature.

    Attributes:
        sha256: of the tarball that was looked at, hex.
        signer: the principal whose key has signed it; empty where none that may has.
        wrong: why it does not hold; empty where it does, or where `unknown` says why that is not known.
        unknown: why it could not be looked at.
        contents: digest of what has to lie on a host, as ``signed.sh`` works it out there.
    """

    sha256: str = ""
    signer: str = ""
    wrong: str = ""
    unknown: str = ""
    contents: str = ""


def look_at_signature(tarball: Path, signers: Path) -> Signature:
    """Have the installed ssh-keygen hold ``TARBALL.sig`` against those who may sign; never raises.

    Args:
        tarball: the release's.
        signers: in the format of ssh-keygen(1), ALLOWED SIGNERS.
    """
    beside = tarball.with_name(f"{tarball.name}.sig")
    program = shutil.which("ssh-keygen")
    if not program:
        return Signature(unknown="this machine has no ssh-keygen to look at signatures with")
    if not signers.is_file():
        return Signature(unknown=f"the file of those who may sign ({signers}) is not there")
    if not tarball.is_file():
        return Signature(unknown=f"the tarball {tarball} is not here")
    if not beside.is_file():
        return Signature(wrong=f"{tarball.name} is not signed: there is no {beside.name} beside it")
    try:
        who = _asked(program, "find-principals", "-s", str(beside), "-f", str(signers))
        names = [line for line in who.stdout.decode("utf-8", "replace").splitlines() if line.strip()]
        if who.returncode or not names:
            return Signature(wrong=f"{beside.name} is of no key that may sign ({signers.name})")
        with tarball.open("rb") as file:
            words = ("-n", _NAMESPACE, "-s", str(beside), "-f", str(signers), "-I", names[0])
            held = _asked(program, "verify", *words, stdin=file.fileno())
    except (OSError, subprocess.TimeoutExpired) as error:
        return Signature(unknown=f"ssh-keygen could not look at it: {error}")
    if held.returncode:
        return Signature(wrong=f"{beside.name} does not hold for {tarball.name} (namespace {_NAMESPACE})")
    return _contents(tarball, names[0])


def _contents(tarball: Path, signer: str) -> Signature:
    try:
        source = Inflate(tarball)
        try:
            archive = Archive(source)
            for _ in archive:
                pass
            contents = archive.manifest_without("releases/COOKIE")
        finally:
            source.close()
    except (ConfigError, OSError) as error:
        return Signature(unknown=str(error))
    return Signature(source.sha256, signer, contents=contents)


def _asked(program: str, *words: str, stdin: int = subprocess.DEVNULL) -> subprocess.CompletedProcess[bytes]:
    argv = [program, "-Y", *words]
    env = os.environ | {"LC_ALL": "C"}
    return subprocess.run(argv, stdin=stdin, capture_output=True, timeout=_PATIENCE, check=False, env=env)
