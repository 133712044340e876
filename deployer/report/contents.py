"""The contents of a release's tarball, as text and as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict

from deployer.beam.clashes import Clash
from deployer.beam.tarball import Tarball

_HARMS = {
    "always": "fails",
    "long": "fails with long names",
    "short": "fails with short names",
    "perhaps": "may fail",
    "never": "harmless",
}


def as_json(held: Tarball) -> str:
    """Return everything, under the names of `Tarball`, as JSON."""
    facts = asdict(held) | {"path": str(held.path), "elixir": held.elixir, "ssl": held.has_ssl, "glibc": held.glibc}
    return json.dumps(facts, indent=2)


def as_text(held: Tarball) -> str:
    """Return a summary on one screen."""
    return "\n".join(_lines(held))


def _lines(held: Tarball) -> Iterator[str]:
    yield f"{held.name} {held.version}" + (", a release of rebar3" if held.maker == "rebar3" else "")
    otp = f" (OTP {held.otp})" if held.otp else ""
    elixir = f", Elixir {held.elixir}" if held.elixir else ""
    yield f"  brings        ERTS {held.erts}{otp}{elixir}, for {held.machine}"
    yield f"  size          {_size(held.size)}, unpacked {_size(held.unpacked)} in {held.files} files"
    yield f"  sha256        {held.sha256}"
    yield f"  TLS           {'ssl is inside' if held.has_ssl else 'no: ssl is not among its applications'}"
    if held.has_cookie:
        yield "  cookie        releases/COOKIE is inside: everybody with this file has it; hosts do not keep it"
    if held.needs:
        yield "  needs of the host"
    for need in held.needs:
        newest = ", ".join(_newest(need.versions))
        yield f"    {need.library:<18}  {newest:<30}  {_some(need.files)}".rstrip()
    if held.unreadable:
        yield f"  files that cannot be read, so that their needs are not known: {_some(held.unreadable)}"
    if held.clashes:
        yield "  sets what the inventory decides"
    for clash in held.clashes:
        yield from _clash(clash)


def _clash(clash: Clash) -> Iterator[str]:
    yield f"    {clash.file}:{clash.line}  {clash.text}"
    yield f"        {_HARMS[clash.harm]}: {clash.advice}"


def _newest(versions: Sequence[str]) -> Iterator[str]:
    """Yield the newest version of each family: for GLIBC_2.4 and GLIBC_2.34, the second."""
    newest = {version.rpartition("_")[0]: version for version in versions}
    return iter(newest.values())


def _some(files: Sequence[str]) -> str:
    first = next((file for file in files if file.endswith("/beam.smp")), files[0])
    return f"{first} and {len(files) - 1} more" if len(files) > 1 else first


def _size(size: int) -> str:
    return f"{size / (1 << 20):.1f} MiB" if size >= 1 << 20 else f"{size / 1024:.1f} KiB"
