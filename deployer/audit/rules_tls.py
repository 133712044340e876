"""Rules about TLS between nodes: whether it is used, what it verifies, its keys and its certificates."""

from __future__ import annotations

from datetime import timedelta

from deployer.audit.facts import Facts
from deployer.audit.process import CannotTell, NotApplicable, Process, modes
from deployer.audit.rule import Complaints, Rule, each, of_each_beam
from deployer.audit.rules_distribution import is_inner
from deployer.beam.certificates import read_certificates

_TLS_GUIDE = "OTP ssl User's Guide, Using TLS for Erlang Distribution"
_DIST = "OTP Reference Manual, Distributed Erlang"


def _outer(facts: Facts, beam: Process) -> bool:
    return any(not is_inner(place) for place, _ in facts.dist_ports(beam))


def _tls(facts: Facts) -> Complaints:
    def judge(beam: Process) -> Complaints:
        if not _outer(facts, beam):
            raise NotApplicable(f"{beam.name} can be reached only from this host")
        if not (beam.flag("-proto_dist") or "").endswith("_tls"):
            yield "its distribution leaves the host without TLS: whoever is on the network path can read and alter it"

    return each(facts.beams, judge)


def _tls_only(beam: Process) -> None:
    if not (beam.flag("-proto_dist") or "").endswith("_tls"):
        raise NotApplicable(f"{beam.name} does not use TLS between nodes")


@of_each_beam
def _tls_verify(beam: Process) -> Complaints:
    _tls_only(beam)
    said = beam.read("tls", "its TLS options")
    for side, wanted in (
        ("server", "{fail_if_no_peer_cert,true}"),
        ("server", "{verify,verify_peer}"),
        ("client", "{verify,verify_peer}"),
    ):
        part = said.partition(f"{{{side},[")[2]
        other = "{client,[" if side == "server" else "{server,["
        if wanted not in part.partition(other)[0]:
            yield f"its {side} side lacks {wanted}"
        elif "verify_none" in part.partition(other)[0]:
            yield f"its {side} side has verify_none too, and the ssl application decides which of the two counts"


@of_each_beam
def _tls_keys(beam: Process) -> Complaints:
    _tls_only(beam)
    pems = beam.read("tls_pem", "its certificates")
    public = {
        block.splitlines()[0]
        for block in pems.split("file ")
        if block.strip() and "-----BEGIN CERT" in block and "holds a key" not in block.splitlines()
    }
    for mode, owner, _, path in modes(beam.read("tls_at", "its TLS files")):
        if path not in public and (mode & 0o027 or owner not in ("root", beam.user)):
            yield (
                f"{path} has mode {mode:04o} and owner {owner}; a private key must be 0640 or stricter, and owned by"
                f" root or {beam.user}"
            )


def _tls_end(facts: Facts) -> Complaints:
    now = int(facts.machine("now", "the host's clock"))

    def judge(beam: Process) -> Complaints:
        _tls_only(beam)
        seen = False
        for block in beam.read("tls_pem", "its certificates").split("file "):
            path, _, pem = block.partition("\n")
            for certificate in read_certificates(pem):
                seen = True
                left = timedelta(seconds=certificate.not_valid_after_utc.timestamp() - now)
                if left < timedelta(days=30):
                    when = f"{certificate.not_valid_after_utc:%Y-%m-%d}"
                    yield (
                        f"a certificate in {path} expires on {when}"
                        if left > timedelta()
                        else f"a certificate in {path} expired on {when}"
                    )
        if not seen:
            raise CannotTell(f"{beam.name}: this user cannot read any of its certificates")

    return each(facts.beams, judge)


TLS_RULES = (
    Rule(
        id="ED-04", severity="high", title="the distribution leaves the host only over TLS", judge=_tls,
        reads="-proto_dist of each BEAM, and whether its distribution listens on more than loopback", groups=("nodes",),
        fix="cluster: {tls: true, pki: {passphrase: {env: SHOP_PKI}}}", sources=(_TLS_GUIDE, _DIST),
        command="-proto_dist inet_tls -ssl_dist_optfile FILE in vm.args, on all nodes of the cluster at once",
    ),
    Rule(
        id="ED-05", severity="high", title="both sides of TLS ask for a certificate and check it", judge=_tls_verify,
        reads="the file that -ssl_dist_optfile names", groups=("nodes",), sources=(_TLS_GUIDE, "CVE-2026-48860"),
        fix="cluster: {tls: true, pki: {passphrase: {env: SHOP_PKI}}}",
    ),
    Rule(
        id="ED-06", severity="high", title="only root and the node can read its private TLS keys", judge=_tls_keys,
        reads="mode and owner of the files that -ssl_dist_optfile names", groups=("nodes",),
        command="chmod 0400 FILE; chown USER FILE", sources=(_TLS_GUIDE,), others={"CIS": "5.1.2 by analogy"},
    ),
    Rule(
        id="ED-07", severity="high", title="no TLS certificate expires within 30 days", judge=_tls_end,
        reads="the certificates that -ssl_dist_optfile names, by the host's clock", groups=("nodes", "machine"),
        command="deployer deploy site.yml -i inventory.yml (it renews them)", sources=(_TLS_GUIDE,),
        others={"Lynis": "CRYP-7902"},
    ),
)  # fmt: skip
"""All of them."""
