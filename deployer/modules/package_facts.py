"""package_facts: which packages are installed. It changes nothing; the facts are what it is for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from deployer import checks as check
from deployer.errors import ProbeError
from deployer.fields import Doc
from deployer.modules.base import Observed, Present, Sh, records
from deployer.modules.shared.only_reads import OnlyReads
from deployer.sh import script

_GONE = ("not-installed", "config-files")


def _manager(value: str) -> str | None:
    return None if value in ("auto", "apt") else "write auto or apt: only packages of dpkg are supported"


@dataclass(frozen=True, kw_only=True)
class PackageFacts(OnlyReads):
    """The packages of a Debian host, as the fact ``packages``: name → a list of what is installed under that name.

    Each has ``name``, ``version``, ``arch``, ``category``, ``origin`` and ``source`` (``apt``). ``origin`` is that of
    the repository with exactly this version, if the host's lists know one, otherwise empty. A package of another
    architecture is called ``NAME:ARCH``. The probe reads it before a plan is made, so ``when`` of a later task may use
    it (docs/playbooks.md).
    """

    EXAMPLE: ClassVar[str] = """\
- name: which packages the host has
  package_facts:
    manager: auto
"""

    manager: Annotated[
        tuple[str, ...], Doc("whose packages: auto or apt", check=check.every(_manager), example=("apt",))
    ] = ("auto",)
    strategy: Annotated[Literal["first", "all"], Doc("accepted; there is one manager")] = "first"

    @classmethod
    def facts_of(cls, args: Mapping[str, object]) -> tuple[str, ...]:
        """Return ``packages``."""
        del args
        return ("packages",)

    def probe(self) -> Sh:
        """Print what dpkg has, and where apt has it from."""
        return script("package_facts.sh")

    def parse(self, out: str) -> Observed:
        """Return it as keys; none where there is no dpkg."""
        return Present(records(out, "native", "packages", "policy", "sources") if out else {})

    def answer(self, observed: Observed) -> Mapping[str, object]:
        """Return it as Ansible does."""
        if not isinstance(observed, Present) or not observed.keys:
            return {"failed": True, "msg": "the host has no dpkg, and only packages of dpkg are supported"}
        keys = observed.keys
        try:
            origins = dict(_origins(keys["policy"]))
            of_package = {name: origins.get(source, "") for name, source in _sources(keys["sources"])}
            found = [_package(line, keys["native"], of_package) for line in keys["packages"].splitlines()]
        except ValueError:
            raise ProbeError("the host's list of packages cannot be read") from None
        return {"ansible_facts": {"packages": {str(one["name"]): [one] for one in found if one}}}


def _package(line: str, native: str, origins: Mapping[str, str]) -> dict[str, str] | None:
    bare, arch, version, state, section = line.split(" ", 4)
    if state in _GONE:
        return None
    name = bare if arch in (native, "all") else f"{bare}:{arch}"
    told = {"name": name, "version": version, "arch": arch, "category": section, "source": "apt"}
    return {**told, "origin": origins.get(name, "")}


def _origins(policy: str) -> Iterator[tuple[str, str]]:
    """Yield each place that apt knows, without its priority, and its origin."""
    place = ""
    for line in policy.splitlines():
        first, *rest = line.split() or [""]
        if first.lstrip("-").isdecimal():
            place = " ".join(rest)
        elif first == "release":
            words = dict(word.partition("=")[::2] for word in " ".join(rest).split(","))
            yield place, words.get("o", "")


def _sources(told: str) -> Iterator[tuple[str, str]]:
    """Yield each package, and the first place that has the version which is installed."""
    for line in told.splitlines():
        name, _, *place = line.split()
        yield name.rstrip(":"), " ".join(place)


MODULE = PackageFacts
