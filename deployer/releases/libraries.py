"""Which shared libraries a host has, and in which versions: from the loader's cache, and from the files themselves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from deployer.fields import Doc
from deployer.sh import script

LIBRARIES = script("libraries.sh", "deployer.releases")
"""``libraries NEED…``, each a library's name and the versions wanted of it, prints ``NAME|KIND|PATH|VERSIONS`` of each
file that could be it; ``?`` where that cannot be read, and ``nothing`` at last where the loader has no cache to ask."""

LOADER_KINDS = {"x86_64": "x86-64", "aarch64": "AArch64", "s390x": "64bit", "ppc64le": "64bit"}
"""How ldconfig(8) calls a machine's libraries, where it says it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """A shared library that a release needs."""

    library: Annotated[str, Doc("its name for the loader", example="libcrypto.so.3")]
    versions: Annotated[tuple[str, ...], Doc("versions of its interface", example=("OPENSSL_3.0.0",))] = ()
    files: Annotated[tuple[str, ...], Doc("who needs it, inside the tarball")] = ()
