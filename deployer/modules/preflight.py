"""What a release needs on a host, checked before anything is changed; all problems are reported at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

from deployer.beam.names import check_release_name, check_release_version
from deployer.checks import absolute, as_check, unit
from deployer.errors import ConfigError, ProbeError, Problems
from deployer.fields import Doc
from deployer.modules.base import Changes, Module, Observed, Pooled, Present, Step, records
from deployer.releases import claim as judge
from deployer.releases.claim import Claim
from deployer.releases.libraries import LIBRARIES, Need
from deployer.sh import Sh, lines, script, sh
from deployer.sh.sockets import HOLDER, hex_port

_CLAIM = """
if [ ! -e {}/started ]; then
  idle=$((idle + 1))
  emit idle_{} yes
  heard_at {}
  if [ -n "$heard" ]; then
    by=$(holder "${{heard##* }}" | head -n 1)
    emit holder_{} "$by"
    if grep -qsF -e {} -- "/etc/systemd/system/${{by##*/}}.d/00-deployer.conf"; then emit ours_{} yes; fi
  fi
  if [ -f {} ] && ! grep -qF -e 'Written by deployer' -e {} -- {}; then emit unit_{} taken; fi
fi"""

_IDLE = """
if [ "$idle" -gt 0 ]; then
  while read -r line; do case $line in MemAvailable:*) emit memory "$line"; break ;; esac; done </proc/meminfo
  sockets_listed
  emit listening "$listed"
fi"""

_NAMES = """
[ "$idle" -eq 0 ] || heard_at {}
if [ "$idle" -gt 0 ] && [ -n "$heard" ]; then
  if command -v bash >/dev/null; then
    emit names "$(epmd_names {})"
  else
    emit names_unknown yes
  fi
fi"""


@dataclass(frozen=True, kw_only=True)
class Preflight(Module):
    """Whether a host can take a release and run its nodes. It only reads; the first task of the role `release`.

    The needs of the release were found in its tarball (``deployer release inspect``). If the release is already
    installed, or a node already runs, it checks nothing. All problems on a host are reported at once, and the play
    begins on no host.
    """

    EXAMPLE: ClassVar[str] = """\
- name: the host can take the release
  preflight:
    name: shop
    version: "1.4.2"
    root: /opt/shop
    release: /opt/shop/versions/1.4.2-0f3a9c71
    machine: x86_64
    needs:
      - library: libc.so.6
        versions: [GLIBC_2.34]
        files: [erts-13.1.5/bin/beam.smp]
    size: 5411343
    unpacked: 12000000
    files: 602
    bind: 10.0.0.2
    epmd_port: 4369
    claims:
      - {name: shop, unit: shop.service, runtime: /run/beam/shop, port_min: 9100, port_max: 9100}
"""

    name: Annotated[str, Doc("the OTP release's name", check=as_check(check_release_name), example="shop")]
    version: Annotated[str, Doc("its version", check=as_check(check_release_version), example="1.4.2")]
    root: Annotated[str, Doc("the release's directory on the host", check=absolute, example="/opt/shop")]
    release: Annotated[str, Doc("where it is unpacked", check=absolute, example="/opt/shop/versions/1.4.2-0f3a9c71")]
    machine: Annotated[str, Doc("uname -m of the hosts it is built for", example="x86_64")]
    needs: Annotated[tuple[Need, ...], Doc("shared libraries that the host has to have")] = ()
    may_lack: Annotated[tuple[str, ...], Doc("libraries of these that may be missing or old all the same")] = ()
    size: Annotated[int, Doc("bytes of the tarball")] = 0
    unpacked: Annotated[int, Doc("bytes it has unpacked")] = 0
    files: Annotated[int, Doc("files it has")] = 0
    memory: Annotated[int, Doc("MiB that must be available for each node that does not run yet")] = 64
    bind: Annotated[str, Doc("the address that the nodes listen on", example="10.0.0.2")]
    epmd_port: Annotated[int | None, Doc("port of the EPMD they register with; left out without EPMD")] = None
    takeover: Annotated[
        str | None, Doc("a unit that runs the application until now: what it holds is no obstacle", check=unit)
    ] = None
    claims: Annotated[tuple[Claim, ...], Doc("the nodes that are to run here")] = ()

    def desired(self) -> Present:
        """Return nothing: it states nothing."""
        return Present({})

    def probe(self) -> Sh:
        """Print what decides; next to nothing where release and nodes are there."""
        asked = [" ".join((need.library, *need.versions)) for need in self.needs if need.library not in self.may_lack]
        given = sh("release={} root={}\nset -- {}", self.release, self.root, asked)
        parts = [HOLDER, LIBRARIES, given, script("preflight.sh"), Sh("idle=0")]
        for i, claim in enumerate(self.claims):
            place, port = f"/etc/systemd/system/{claim.unit}", hex_port(claim.port_min)
            ours = f"{self.root}/current/"
            number = str(i)
            values = (claim.runtime, number, port, number, ours, number, place, ours, place, number)
            parts.append(sh(_CLAIM, *values))
        parts.append(sh(_IDLE))
        if self.takeover:
            parts.append(sh("! systemctl --quiet is-active -- {} || emit old yes", self.takeover))
        if self.epmd_port:
            parts.append(sh(_NAMES, hex_port(self.epmd_port), str(self.epmd_port)))
        return lines(*parts)

    def known(self) -> Pooled | None:
        """Return that release and nodes are there; a unit that is taken over is asked about."""
        there = (f"{self.release}/.complete", *(f"{claim.runtime}/started" for claim in self.claims))
        return None if self.takeover else Pooled("there", ("installed=yes\x1e", *there))

    def parse(self, out: str) -> Observed:
        """Judge it.

        Raises:
            ConfigError: this host cannot take the release; `Problems` when there are several reasons.
        """
        found = records(out, "installed")
        problems: list[ConfigError] = []
        if found["installed"] != "yes":
            if not {"machine", "room", "upload", "libraries"} <= found.keys():
                raise ProbeError(f"the host's answer to the preflight of {self.name} {self.version} is incomplete")
            problems += judge.machine(f"{self.name} {self.version}", self.machine, found["machine"])
            if not problems:
                problems += judge.libraries(self.needs, self.may_lack, self.machine, found["libraries"])
            wanted = (found["room"], self.unpacked * 22 // 10, self.files * 22 // 10), (found["upload"], self.size, 2)
            problems += judge.room(wanted)
        idle = [i for i in range(len(self.claims)) if f"idle_{i}" in found]
        if idle:
            problems += judge.memory(found.get("memory", ""), len(idle), self.memory)
            problems += judge.claims(self.claims, idle, found, self.bind, self.takeover)
        Problems.check(problems)
        return Present({})

    def fix(self, changes: Changes) -> tuple[Step, ...]:
        """Do nothing."""
        del changes
        return ()


MODULE = Preflight
