"""Whether an allowed key has signed a release's tarball, as ``ssh-keygen -Y sign -n file`` does: ``TARBALL.sig``."""

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
    """The result of checking a signature.

    Attributes:
        sha256: of the checked tarball, hex.
        signer: the principal whose key has signed it; empty when no allowed key has.
        wrong: why it is not valid; empty when it is, or when `unknown` says why that is not known.
        unknown: why it could not be checked.
        contents: digest of the files that a host must have, as ``signed.sh`` computes it there.
    """

    sha256: str = ""
    signer: str = ""
    wrong: str = ""
    unknown: str = ""
    contents: str = ""


def look_at_signature(tarball: Path, signers: Path) -> Signature:
    """Have the installed ssh-keygen check ``TARBALL.sig`` against the allowed signers; never raises.

    Args:
        tarball: the release's.
        signers: in the format of ssh-keygen(1), ALLOWED SIGNERS.
    """
    beside = tarball.with_name(f"{tarball.name}.sig")
    program = shutil.which("ssh-keygen")
    if not program:
        return Signature(unknown="this machine has no ssh-keygen, which checks signatures")
    if not signers.is_file():
        return Signature(unknown=f"the file of allowed signers ({signers}) does not exist")
    if not tarball.is_file():
        return Signature(unknown=f"the tarball {tarball} does not exist")
    if not beside.is_file():
        return Signature(wrong=f"{tarball.name} is not signed: there is no {beside.name} beside it")
    try:
        who = _asked(program, "find-principals", "-s", str(beside), "-f", str(signers))
        names = [line for line in who.stdout.decode("utf-8", "replace").splitlines() if line.strip()]
        if who.returncode or not names:
            return Signature(wrong=f"{beside.name} is not made with the key of an allowed signer ({signers.name})")
        with tarball.open("rb") as file:
            words = ("-n", _NAMESPACE, "-s", str(beside), "-f", str(signers), "-I", names[0])
            held = _asked(program, "verify", *words, stdin=file.fileno())
    except (OSError, subprocess.TimeoutExpired) as error:
        return Signature(unknown=f"ssh-keygen could not check it: {error}")
    if held.returncode:
        return Signature(wrong=f"{beside.name} is not a valid signature of {tarball.name} (namespace {_NAMESPACE})")
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
