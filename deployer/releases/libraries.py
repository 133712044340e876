"""Which shared libraries a host has, and in which versions: from the loader's cache, and from the files themselves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from deployer.fields import Doc
from deployer.sh import Sh

LIBRARIES = Sh(
    r"""libraries() {
  cache=$(ldconfig -p 2>/dev/null || :)
  for need in "$@"; do
    library=${need%% *}
    wanted=${need#"$library"}
    {
      printf '%s\n' "$cache" | grep -F "	$library (" || :
      # A library may lie where the loader looks by itself and be in no cache.
      for place in /lib/*-linux-gnu /usr/lib/*-linux-gnu /lib64 /usr/lib64 /lib /usr/lib; do
        [ ! -e "$place/$library" ] || printf '\t%s () => %s\n' "$library" "$place/$library"
      done
    } | while read -r line; do
      path=${line##* => }
      kind=${line#*\(}
      has='?'
      # A version's name stands alone in the table of strings, between two NULs.
      if [ -z "$wanted" ]; then has=
      elif [ -r "$path" ]; then
        has=$(printf '%s\n' "${wanted# }" | tr ' ' '\n' |
          { grep -a -z -o -x -F -f - -- "$path" || [ "$?" -eq 1 ] || printf '?\000'; } | tr '\000' ' ')
      fi
      printf '%s|%s|%s|%s\n' "$library" "${kind%%)*}" "$path" "$has"
    done
  done
  [ -n "$cache" ] || echo 'nothing'
}"""
)
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
