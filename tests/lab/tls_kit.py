"""A fleet over TLS with its authority, and what its tests do to certificates on hosts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from deployer.beam.authority import Authority
from deployer.beam.identity import Identity
from deployer.fleet.pki import ManagedCA
from deployer.lab import Lab, LabHost
from deployer.model import Secret
from tests.lab.conftest import Ssh
from tests.lab.fleet import Fleet, Ran, fleet_of, untouched
from tests.lab.sick import VM_ARGS

PASSPHRASE = "CANARY-q8ZbR2vTn5LxK7mWc4Yd9Ps3"
PEM, COPY, CA = "/etc/beam/demo/private/demo.pem", "/run/beam/demo/node.pem", "/etc/beam/demo/ca.pem"
NOW = datetime.now(UTC)
FOREIGN = Authority.make("demo", NOW)
# How often OTP looks whether a file of certificates is another one: two minutes, where nobody says.
OFTEN = "-ssl ssl_pem_cache_clean 15000"


@dataclass
class Made:
    """A fleet over TLS that came from untouched hosts, and what was said on the way."""

    fleet: Fleet
    refused: Ran
    disk_before_init: bool
    init: Ran
    deploy: Ran

    @property
    def file(self) -> Path:
        return self.fleet.directory / "pki/demo/authority.pem"

    def authority(self) -> Authority:
        return ManagedCA("demo", self.file.parent, Secret(PASSPHRASE), 90, 30).authority(NOW)


def declared(lab: Lab, tarball: Path, directory: Path) -> Fleet:
    nodes = [{"name": "demo", "vm_args": [*VM_ARGS, OFTEN]}]
    fleet = fleet_of(directory, untouched(lab, 3), tarball, nodes=nodes)
    fleet.words["cluster"] |= {"tls": True, "pki": {"passphrase": {"env": "PKI"}}}
    fleet.environ["PKI"] = PASSPHRASE
    return fleet


def bundle(identity: Identity) -> bytes:
    return (identity.key.reveal() + identity.chain).encode()


def put(ssh: Ssh, host: LabHost, identity: Identity, *places: str) -> None:
    """Replace a certificate as a person with a shell would."""
    for place in places:
        text = f"cat >{place}.x && chmod 0400 {place}.x && chown --reference={place} {place}.x && mv {place}.x {place}"
        assert ssh(host, text, stdin=bundle(identity)) == (0, "")


def pid(ssh: Ssh, host: LabHost) -> str:
    return ssh(host, "systemctl show -p MainPID --value demo")[1].strip()


def rpc(ssh: Ssh, host: LabHost, code: str) -> str:
    for _ in range(5):  # on a busy machine a shake of hands over TLS may take longer than the asking node waits
        ended, said = ssh(host, 'demo-ctl rpc "$(cat)"', stdin=code.encode())
        if "nodedown" not in said:
            break
    assert ended == 0, said
    return said.strip()


def pids(ssh: Ssh, fleet: Fleet) -> list[str]:
    return [pid(ssh, host) for host in fleet.hosts]


ASK = """
options = [versions: [:"tlsv1.3"], verify: :verify_none, active: true%s]
said = with {:ok, _} <- :ssl.connect(~c"%s", 9100, options, 15000) do
  receive do any -> any after 15000 -> :nothing end
end
IO.inspect(said)
"""
PLAIN = """
{:ok, s} = :gen_tcp.connect(~c"%s", 9100, [:binary, active: false])
:ok = :gen_tcp.send(s, <<24::16, "N", 0x407DF4B16::64, 7::32, 9::16, "x@1.2.3.4">>)
IO.inspect({:gen_tcp.recv(s, 0, 9000), :gen_tcp.recv(s, 0, 9000)})
"""


def presented(ssh: Ssh, host: LabHost, asker: LabHost) -> str:
    """The certificate that a node shows to another BEAM that connects: PEM."""
    files = f'certfile: ~c"{COPY}", keyfile: ~c"{COPY}", verify: :verify_none, versions: [:"tlsv1.3"]'
    body = rpc(
        ssh,
        asker,
        f"""{{:ok, s}} = :ssl.connect(~c"{host.address}", 9100, [{files}], 5000)
        {{:ok, der}} = :ssl.peercert(s)
        IO.puts(:public_key.pem_encode([{{:Certificate, der, :not_encrypted}}]))""",
    )
    return body + "\n"
