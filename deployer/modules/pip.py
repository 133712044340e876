"""pip: packages of Python."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from deployer import checks as check
from deployer.errors import ConfigError, ProbeError
from deployer.fields import Doc
from deployer.modules.base import Changes, Module, Observed, Present, Sh, State, Step, lines, records, sh
from deployer.sh.text import script

_WANTED = re.compile(
    r"([A-Za-z0-9][A-Za-z0-9._-]*)(?:\[[A-Za-z0-9,._-]+\])?\s*((?:[=<>!~]=?=?\s*[A-Za-z0-9.*+!_-]+\s*,?\s*)*)"
)


@dataclass(frozen=True, kw_only=True)
class Pip(Module):
    """Packages of Python, installed by the host's own pip, or by that of a virtual environment, which is made.

    A plan knows whether a name, or ``NAME==VERSION``, is installed. What it cannot know runs every time: a file of
    ``requirements``, another range of versions, an address, and ``latest``.

    Only its owner works in a virtual environment of another user (``become_user``), because its programs are that
    user's. Packages for Debian's own Python come from Debian (``package: python3-…``): pip refuses to change it unless
    ``break_system_packages`` is set.
    """

    RUNS_COMMAND: ClassVar[bool] = True
    INSTEAD: ClassVar[str] = "name packages with their versions: NAME==VERSION"
    EXAMPLE: ClassVar[str] = """\
- name: what the report is made with
  pip:
    name: [requests==2.32.3, pyyaml]
    virtualenv: /opt/report
"""

    name: Annotated[
        tuple[str, ...], Doc("packages: NAME, NAME==VERSION", check=check.every(check.pip_word), example=("pyyaml",))
    ] = ()
    version: Annotated[str | None, Doc("of the one package", check=check.one_line, example="6.0.2")] = None
    requirements: Annotated[
        str | None, Doc("a file on the host that names packages", check=check.absolute, example="/srv/requirements.txt")
    ] = None
    state: Annotated[
        Literal["present", "absent", "latest", "forcereinstall"], Doc("whether they are installed")
    ] = "present"  # fmt: skip
    virtualenv: Annotated[
        str | None, Doc("a virtual environment", check=check.absolute, example="/opt/report", alias="venv")
    ] = None
    virtualenv_command: Annotated[
        str, Doc("makes it; default: python3 -m venv", check=check.word_list, example="x")
    ] = "python3 -m venv"
    virtualenv_python: Annotated[
        str | None, Doc("the Python for virtualenv", check=check.one_line, example="python3.11")
    ] = None
    virtualenv_site_packages: Annotated[bool, Doc("a new one sees the system's packages")] = False
    executable: Annotated[
        str | None, Doc("which pip, outside of a virtual environment", check=check.one_line, example="pip3")
    ] = None
    extra_args: Annotated[
        str, Doc("more words for pip install", check=check.one_line, example="--no-cache-dir")
    ] = ""  # fmt: skip
    chdir: Annotated[str | None, Doc("run it in this directory", check=check.absolute, example="/srv")] = None
    editable: Annotated[bool, Doc("install in place")] = False
    break_system_packages: Annotated[bool, Doc("change the system's own Python")] = False

    def __post_init__(self) -> None:
        if not self.name and not self.requirements:
            raise ConfigError("pip needs packages", hint="name: [PACKAGE, …], or requirements: FILE")
        if self.version and (len(self.name) != 1 or self._parts(self.name[0])[1]):
            raise ConfigError(
                "version needs exactly one name, without a version of its own", hint="name: [NAME==VERSION, …]"
            )
        if self.executable and self.virtualenv:
            raise ConfigError("pip takes executable or virtualenv, not both")
        if self.state == "absent" and self.requirements:
            raise ConfigError("state: absent cannot be combined with requirements", hint="name: [PACKAGE, …]")
        if re.search(r"://[^/\s]*:[^/\s]*@", f"{self.extra_args} {' '.join(self.name)}"):
            raise ConfigError("an address contains a password, which every user of the host could read")

    @staticmethod
    def _parts(word: str) -> tuple[str, str]:
        found = _WANTED.fullmatch(word.strip())
        return (_bare(found[1]), found[2].strip()) if found else ("", word)

    @property
    def _wanted(self) -> dict[str, str]:
        """Bare name → version, or nothing where any will do; only what a plan can know."""
        parts = [self._parts(f"{word}=={self.version}" if self.version else word) for word in self.name]
        exact = [(name, range_) for name, range_ in parts if name and re.fullmatch(r"(={2}[^*,]+)?", range_)]
        return {name: range_.removeprefix("==").strip() for name, range_ in exact}

    @property
    def handler_only(self) -> bool:
        """Whether a plan cannot know what it would do."""
        if self.state == "absent":
            return False
        some = len(self._wanted) < len(self.name) or self.requirements is not None or self.editable
        return some or self.state in ("latest", "forcereinstall")

    def _given(self) -> Sh:
        words = (self.virtualenv or "", self.executable or "", self.chdir or "/")
        make = [*self.virtualenv_command.split()]
        make += ["--system-site-packages"] if self.virtualenv_site_packages else []
        make += ["-p", self.virtualenv_python] if self.virtualenv_python else []
        return lines(
            sh("venv={} chosen={} place={}", *words), sh('made() {{ {} "$1"; }}', make), script("pip.sh")
        )  # fmt: skip

    def desired(self) -> State:
        """Return one key for each package."""
        word = "absent" if self.state == "absent" else ""
        return Present({} if self.handler_only else {n: word or v or "present" for n, v in self._wanted.items()})

    def probe(self) -> Sh:
        """Print what is installed."""
        return lines(self._given(), sh("listed"))

    def parse(self, out: str) -> Observed:
        """Return it under the keys of `desired`."""
        found = records(out, "found")["found"]
        have = {}
        for word in found.split():
            name, equals, version = word.partition("==")
            if not equals:
                raise ProbeError(f"pip lists {word[:60]!r}")
            have[_bare(name)] = version
        wanted = dict.fromkeys(self._wanted, "") if self.state == "absent" else self._wanted
        return Present({
            name: "absent" if name not in have else have[name] if version else "present"
            for name, version in wanted.items()
        })  # fmt: skip

    def fix(self, changes: Changes) -> tuple[Step, ...]:
        """Make the environment, install or remove."""
        return (self._step(),) if changes else ()

    def act(self) -> tuple[Step, ...]:
        """Do it."""
        return (self._step(),) if self.handler_only else ()

    def _step(self) -> Step:
        names = [f"{word}=={self.version}" if self.version else word for word in self.name]
        what = " ".join(names) or self.requirements or ""
        if self.state == "absent":
            text = sh("pip_there || exit 0; run_pip uninstall -y {}", names)
            return Step(f"remove {what}", lines(self._given(), text), person=True)
        more = {"latest": ["--upgrade"], "forcereinstall": ["--force-reinstall"]}.get(self.state, [])
        more += ["--break-system-packages"] if self.break_system_packages else []
        named = [word for name in names for word in (["-e", name] if self.editable else [name])]
        named += ["-r", self.requirements] if self.requirements else []
        text = sh("make_venv\nrun_pip install {} {} {}", more, self.extra_args.split(), named)
        return Step(f"install {what}", lines(self._given(), text), person=True)

    def touches(self) -> tuple[str, ...]:
        """Return the environment."""
        return (self.virtualenv,) if self.virtualenv else ()


def _bare(name: str) -> str:
    return re.sub("[-_.]+", "-", name).lower()


MODULE = Pip
