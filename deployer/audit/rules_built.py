"""Rules about how the running release was built and installed: one OTP series, hardened programs, unchanged files."""

from __future__ import annotations

from deployer.audit.facts import Facts
from deployer.audit.process import CannotTell, NotApplicable, Process
from deployer.audit.rule import Complaints, Rule, each, of_each_beam
from deployer.audit.versions import numbers

_SERIES = {13: 25, 14: 26, 15: 27, 16: 28, 17: 29}
"""Major of ERTS → of OTP. The major of stdlib is that of ERTS less nine in all of them."""
_EEF = "Erlang Ecosystem Foundation, Security WG: installing"
_DYNAMIC, _STACK = 2, 0x6474E551
"""Program headers of ELF: PT_DYNAMIC and PT_GNU_STACK."""


def _as_installed(facts: Facts) -> Complaints:
    told = facts.read("sums", "told", "the recorded digests of its good releases")
    if facts.declared is None or facts.declared.release is None:
        raise NotApplicable("no release is declared here")
    yield from (line for line in told.splitlines() if line)


def _signed(facts: Facts) -> Complaints:
    told = facts.signature
    if told is None:
        raise NotApplicable("no release is declared, or no signers are declared (audit.signers)")
    current = facts.read("signed", "release", "the current release")
    if told.wrong:
        yield told.wrong
        return
    if told.unknown or not told.contents:
        raise CannotTell(told.unknown or "the contents of the tarball are not known")
    if current == "none":
        raise NotApplicable("no release is installed here")
    if not current.endswith(f"-{told.sha256[:8]}"):
        raise CannotTell(f"the current release is {current}; the signed tarball is of {told.sha256[:8]}")
    if facts.read("signed", "contents", "the contents of the release") != told.contents:
        yield f"{current} differs from the tarball that {told.signer} has signed"


@of_each_beam
def _series(beam: Process) -> Complaints:
    major = (numbers(beam.erts) or (0,))[0]
    if major not in _SERIES:
        raise CannotTell(f"{beam.name}: no OTP is known that has ERTS {beam.erts or 'of unknown version'}")
    found: dict[str, list[str]] = {}
    for name, version in beam.libraries:
        found.setdefault(name, []).append(version)
    for name in ("kernel", "stdlib", "sasl", "ssl", "crypto", "compiler"):
        if len(found.get(name, ())) > 1:
            yield f"it contains {name} {' and '.join(found[name])}: the boot script decides which of them runs"
    for version in found.get("stdlib", ()):
        if numbers(version)[:1] != (major - 9,):
            yield f"stdlib {version} does not belong to OTP {_SERIES[major]}, but ERTS {beam.erts} does"
    beam.need_all_libraries()


@of_each_beam
def _hardened(beam: Process) -> Complaints:
    words = [int(word) for word in beam.read("elf", "the head of its program").split()]
    if len(words) < 64 or words[0] & 0xFFFFFFFF != 0x464C457F or words[0] >> 32 & 0xFF != 2:
        raise CannotTell(f"{beam.name}: its program is not a 64-bit ELF file")
    kind, count = words[2] & 0xFFFF, words[7] & 0xFFFF
    heads = [words[8 + 7 * n : 15 + 7 * n] for n in range(count)]
    if kind != 3:
        yield "beam.smp is not position-independent (PIE)"
    stack = [one for one in heads if one and one[0] & 0xFFFFFFFF == _STACK]
    if not stack or stack[0][0] >> 32 & 1:
        yield "beam.smp has an executable stack"
    tags = [int(word) for word in beam.read("dynamic", "the dynamic section of its program").split()]
    told = dict(zip(tags[::2], tags[1::2], strict=False))
    if 24 not in told and not told.get(30, 0) & 8 and not told.get(0x6FFFFFFB, 0) & 1:
        yield "beam.smp is linked lazily (no BIND_NOW): its table of functions stays writable"


def _old(facts: Facts) -> Complaints:
    def judge(beam: Process) -> Complaints:
        own = facts.declared.release if facts.declared else None
        if own is None:
            raise NotApplicable("no release is declared here, so it is not known how many to keep")
        if not beam.root.startswith(f"{own.root}/"):
            raise NotApplicable(f"{beam.name} does not run the declared release")
        count = int(beam.read("siblings", "the directory of its releases"))
        if count > own.keep + 2:
            yield f"{own.root}/versions has {count} releases; {own.keep} are kept, and the running and the new one"

    return each(facts.beams, judge)


BUILT_RULES = (
    Rule(
        id="RL-04", severity="high", title="good releases are unchanged since they were unpacked", judge=_as_installed,
        reads="the digest of each good release's files against the one recorded at unpacking", groups=("sums",),
        command="deployer deploy site.yml -i inventory.yml (it unpacks it again)", sources=("deployer's own records",),
        others={"Lynis": "FINT-4350 by analogy"},
    ),
    Rule(
        id="RL-07", severity="low", title="the runtime is linked with hardening", judge=_hardened,
        reads="ELF header and dynamic section of the program that runs: PIE, BIND_NOW, stack", groups=("nodes",),
        profile="strict", deep=True, command="build OTP with CFLAGS=-fpie, LDFLAGS='-pie -z now'", sources=(_EEF,),
        others={"Lynis": "HRDN-7222 by analogy"},
    ),
    Rule(
        id="RL-10", severity="low", title="the host keeps no unneeded releases", judge=_old, groups=("nodes",),
        reads="how many directories are beside the release that runs", profile="strict",
        command="deployer deploy site.yml -i inventory.yml (it prunes)", sources=("distillery and edeliver kept all",),
    ),
    Rule(
        id="SB-03", severity="high", title="the running release is signed by an allowed signer", judge=_signed,
        reads="TARBALL.sig against audit.signers, on this machine; a digest of every file of the release, on the host",
        groups=("signed",), command="ssh-keygen -Y sign -n file -f ~/.ssh/id_ed25519 dist/shop-1.4.2.tar.gz",
        fix="audit: {signers: allowed_signers}",
        sources=("ssh-keygen(1), ALLOWED SIGNERS", "Erlang Ecosystem Foundation, Ægis: provenance"),
    ),
    Rule(
        id="SB-02", severity="medium", title="runtime and applications are from one OTP series", judge=_series,
        reads="the version of ERTS in the path of what runs, and the names in lib/", groups=("nodes",),
        command="rm -rf _build, and build the release again with one OTP", sources=("OTP, otp_versions.table",),
    ),
)  # fmt: skip
"""All of them."""
