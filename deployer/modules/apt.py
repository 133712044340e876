"""apt: packages of a Debian or Ubuntu host, with apt's own words."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import zip_longest
from typing import Annotated, ClassVar, Literal

from deployer import checks as check
from deployer.errors import ConfigError, ProbeError
from deployer.fields import Doc
from deployer.modules.base import Changes, Module, Observed, Present, Sh, State, Step, lines, records, sh

_PROBE = """command -v dpkg-query >/dev/null || {{ echo "this host has no dpkg"; exit 1; }}
latest={0} found=''
set -- {1}
for name in "$@"; do
  bare=${{name%%[=/]*}}
  answer=$(dpkg-query -W -f '${{db:Status-Status}} ${{Version}}' -- "$bare" 2>/dev/null) || continue
  [ "${{answer%% *}}" != installed ] || found="$found$bare=${{answer#* }} "
done
if [ "$latest" = yes ]; then
  # Where dpkg is newer than what apt keeps of it, root would write that anew, and a plan writes nothing.
  newest=$(printf '%s' "$found" | tr ' ' '\\n' | sed 's/=.*//' |
    xargs -r apt-cache -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache= policy -- | sed -n 's/^  Candidate: //p')
  emit newest "$newest"
fi
emit found "$found"
"""

_AGE = """stamp=/var/lib/apt/periodic/update-success-stamp
[ -e "$stamp" ] || stamp=/var/lib/apt/lists
lists=old
if [ -e "$stamp" ] && [ $(($(date +%s) - $(stat -c %Y "$stamp"))) -le {} ]; then lists=fresh; fi
emit lists "$lists"
"""

_DEB = """file={0}
[ -f "$file" ] || unknown "$file is not there yet"
there=$(dpkg-query -W -f '${{db:Status-Status}} ${{Version}}' -- "$(dpkg-deb -f "$file" Package)" 2>/dev/null) || :
if [ "$there" = "installed $(dpkg-deb -f "$file" Version)" ]; then emit deb installed; else emit deb "${{there#* }}"; fi
"""

_APT = """export DEBIAN_FRONTEND=noninteractive
apt() {{ apt-get -y -o DPkg::Lock::Timeout={0} {1} "$@"; }}
# dpkg itself waits for nobody: where it fails, apt waits for whoever holds it (unattended-upgrades).
configured() {{ dpkg --configure -a >/dev/null 2>&1 || {{ apt check >/dev/null 2>&1 || :; dpkg --configure -a; }}; }}
update() {{ apt update && touch /var/lib/apt/lists; }}"""

_INSTALL = """configured
if ! apt install {0} -- {1}; then
  update
  apt install {0} -- {1}
fi"""


def _file(text: str) -> str | None:
    """A path: what a file from elsewhere holds would only be known when it is fetched, and a plan fetches nothing."""
    if "://" in text:
        return "a plan cannot know its content: fetch it with get_url in an earlier task, and write its path here"
    return check.absolute(text)


@dataclass(frozen=True, kw_only=True)
class Apt(Module):
    """Packages through apt-get, with its own arguments; in most cases ``package`` is enough.

    An installed package stays as it is. The lists are refreshed only when something that they do not know has to be
    installed. ``update_cache`` refreshes them before that, and with ``cache_valid_time`` also when they are older than
    that many seconds. ``update_cache`` alone, without ``cache_valid_time``, runs every time; so do ``upgrade``,
    ``autoremove`` and ``autoclean``. ``latest`` means the newest version that the host's lists know when the plan is
    made. Name real packages: a virtual one is never found installed. A ``.deb`` has to be on the host.
    """

    INSTEAD: ClassVar[str] = (
        "set cache_valid_time with update_cache; upgrade packages with the host's unattended-upgrades"
    )
    EXAMPLE: ClassVar[str] = """\
- name: what the shop's pages need
  apt:
    name: [nginx-light, ssl-cert]
    install_recommends: false
    update_cache: true
    cache_valid_time: 86400
"""

    name: Annotated[
        tuple[str, ...] | None,
        Doc("one package or several; NAME=VERSION chooses", check=check.every(check.package), example=("sudo",),
            alias="pkg package"),
    ] = None  # fmt: skip
    state: Annotated[Literal["present", "latest", "absent"], Doc("whether they are installed")] = "present"
    update_cache: Annotated[bool, Doc("refresh the lists of packages first", alias="update-cache")] = False
    cache_valid_time: Annotated[int, Doc("seconds for which the lists are good")] = 0
    install_recommends: Annotated[bool | None, Doc("install recommended packages; default: the host's setting")] = None
    default_release: Annotated[
        str | None, Doc("prefer this release of the distribution", check=check.name, example="stable")
    ] = None
    deb: Annotated[str | None, Doc("a .deb file on the host", check=_file, example="/srv/shop.deb")] = None
    purge: Annotated[bool, Doc("absent removes configuration files, too")] = False
    autoremove: Annotated[bool, Doc("remove packages that nothing needs any more")] = False
    autoclean: Annotated[bool, Doc("remove files that the cache does not need")] = False
    upgrade: Annotated[Literal["no", "yes", "safe", "full", "dist"], Doc("upgrade all packages; runs every time")] = (
        "no"
    )
    only_upgrade: Annotated[bool, Doc("install nothing that is not installed")] = False
    allow_unauthenticated: Annotated[bool, Doc("refused when true: packages have to be signed")] = False
    force: Annotated[bool, Doc("refused when true: it disables every protection")] = False
    dpkg_options: Annotated[
        str, Doc("options of dpkg, comma-separated", check=check.dpkg_options, example="force-confold")
    ] = "force-confdef,force-confold"
    lock_timeout: Annotated[int, Doc("seconds to wait for another apt")] = 120

    def __post_init__(self) -> None:
        if self.force or self.allow_unauthenticated:
            raise ConfigError("packages have to be signed", hint="set the repository's key (signed-by)")
        if self.name is None and not (self.deb or self.update_cache or self._sweeps):
            raise ConfigError("apt needs name, deb or update_cache", hint="name: [PACKAGE, …]")
        if self.deb and (self._names or self.state != "present"):
            raise ConfigError("deb cannot be combined with name or state", hint="write two tasks")
        if self.state == "absent" and any("=" in name for name in self._names):
            raise ConfigError("remove a package by its name alone, without a version")

    @property
    def _names(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(self.name or ()))

    @property
    def _wanted(self) -> dict[str, str]:
        """Bare name → version, or an empty text where any version will do."""
        return {bare: version for bare, _, version in (name.partition("=") for name in self._names)}

    @property
    def _sweeps(self) -> bool:
        return self.upgrade != "no" or (self.autoremove and self.state != "absent") or self.autoclean

    @property
    def _ages(self) -> bool:
        return self.update_cache and self.cache_valid_time > 0

    @property
    def handler_only(self) -> bool:
        """Whether its changes cannot be known before it runs."""
        return self._sweeps or (self.update_cache and not self._ages and not self._names and not self.deb)

    def desired(self) -> State:
        """Return one key for each package, and one for the lists where they have an age."""
        word = {"present": "present", "latest": "latest", "absent": "absent"}[self.state]
        found = {bare: version or word for bare, version in self._wanted.items()}
        if self.deb:
            found["deb"] = "installed"
        return Present(({"lists": "fresh"} if self._ages else {}) | found)

    def probe(self) -> Sh:
        """Print which are installed, in which version, and the newest that is known of each."""
        parts = [sh(_PROBE, "yes" if self.state == "latest" else "no", self._names)]
        if self._ages:
            parts.append(sh(_AGE, self.cache_valid_time))
        if self.deb:
            parts.append(sh(_DEB, self.deb))
        return lines(*parts)

    def parse(self, out: str) -> Observed:
        """Return it under the keys of `desired`."""
        more = [*(["lists"] if self._ages else []), *(["deb"] if self.deb else [])]
        found = records(out, "found", *(["newest"] if self.state == "latest" else []), *more)
        words, known = found["found"].split(), found.get("newest", "").split()
        if known and len(known) != len(words):
            raise ProbeError("apt and dpkg disagree about the installed packages")
        seen = {}
        for word, newest in zip_longest(words, known, fillvalue=""):
            bare, _, version = word.partition("=")
            if bare not in self._wanted or not version:
                raise ProbeError("the host answered with packages that it was not asked about")
            seen[bare] = self._seen(self._wanted[bare], version, newest)
        return Present({**{key: found[key] for key in more}, **dict.fromkeys(self._wanted, "absent"), **seen})

    def _seen(self, wanted: str, version: str, newest: str) -> str:
        if wanted:
            return version
        if self.state != "latest":
            return "present"
        return "latest" if newest in (version, "", "(none)") else version

    def fix(self, changes: Changes) -> tuple[Step, ...]:
        """Refresh the lists, install or remove, all in one go."""
        return (self._step(changes),) if changes else ()

    def act(self) -> tuple[Step, ...]:
        """Do all of it, and what runs every time."""
        return (self._step(self.differences(Present({}))),) if self.handler_only else ()

    def _step(self, changes: Changes) -> Step:
        names = [name for name in self._names if name.partition("=")[0] in changes]
        parts = [sh(_APT, self.lock_timeout, _words(self.dpkg_options))]
        if self.update_cache and (names or "lists" in changes or self.handler_only):
            parts.append(sh("update"))
        if names and self.state == "absent":
            flags = [flag for flag, on in (("--purge", self.purge), ("--auto-remove", self.autoremove)) if on]
            parts.append(sh("apt remove {} -- {}", flags, names))
        elif names:
            parts.append(sh(_INSTALL, self._flags, names))
        if self.deb and "deb" in changes:
            parts.append(sh("apt install {} -- {}", self._flags, self.deb))
        if self._sweeps:
            parts += self._swept()
        what = f"{'remove' if self.state == 'absent' else 'install'} {' '.join(names)}" if names else "apt"
        return Step(what, lines(*parts))

    @property
    def _flags(self) -> list[str]:
        given = {True: ["--install-recommends"], False: ["--no-install-recommends"], None: []}[self.install_recommends]
        given += ["--only-upgrade"] if self.only_upgrade else []
        return given + (["-t", self.default_release] if self.default_release else [])

    def _swept(self) -> list[Sh]:
        verb = {"dist": "dist-upgrade", "full": "dist-upgrade", "no": ""}.get(self.upgrade, "upgrade --with-new-pkgs")
        asked = ((verb, bool(verb)), ("autoremove", self.autoremove), ("autoclean", self.autoclean))
        return [sh("apt {}", word.split()) for word, on in asked if on]


def _words(options: str) -> list[str]:
    given = [word.strip() for word in options.split(",") if word.strip()]
    return [word for option in given for word in ("-o", f"Dpkg::Options::=--{option}")]


MODULE = Apt
