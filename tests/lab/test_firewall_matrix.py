"""Who reaches which port of whom, declared and tried from every host; a rule too many and one too few are both seen."""

from __future__ import annotations

from tests.lab.conftest import Ssh
from tests.lab.fleet import Fleet, untouched


def test_a_cell_that_differs_is_named_and_nothing_else(lab, tmp_path, ssh: Ssh, eventually) -> None:
    one, two, three = hosts = untouched(lab, 3)
    fleet = Fleet(tmp_path, lab, hosts, {})
    words = {
        "admin": [lab.subnet],
        "members": [one.address, two.address],
        "epmd_port": 4369,
        "public": ["4000/tcp", "514/udp", "1514/udp"],
    }
    task = {"name": "firewall", "firewall": {"cluster": "demo", **words}}
    fleet.play({"hosts": "all", "become": True, "gather_facts": False, "tasks": [task]})
    play = fleet.directory / "play.yml"
    assert fleet.run("deploy", playbook=play).code == 0
    listen = "use IO::Socket::INET; my $s = IO::Socket::INET->new(Proto => 'udp', LocalPort => 1514) or die; sleep"
    ssh(two, f'systemd-run --quiet --collect --unit=mute perl -e "{listen}"'.replace("$", "\\$"))
    eventually(lambda: ssh(two, "ss -Hlnu sport = :1514")[1] != "")
    found = fleet.run("firewall matrix", playbook=play)
    assert found.code == 0, found.out
    (told,) = found.of("MatrixTried")
    assert len(told["cells"]) == 3 * 2 * 6
    udp = {(cell["host"], cell["port"]): cell["tried"] for cell in told["cells"] if cell["protocol"] == "udp"}
    assert set(udp.values()) == {"refused", "silent"}
    assert [place for place, tried in udp.items() if tried == "silent"] == [(two.name, 1514)]
    assert {cell["tried"] for cell in told["cells"] if cell["port"] == 22} == {"open"}
    strange = [cell["tried"] for cell in told["cells"] if (cell["source"], cell["port"]) == (three.name, 4369)]
    assert strange == ["no answer", "no answer"]
    ssh(one, "nft insert rule inet deployer input tcp dport 4000 drop")
    ssh(one, "nft insert rule inet deployer input udp dport 514 drop")
    ssh(one, "nft add rule inet deployer input tcp dport 4369 accept")
    found = fleet.run("firewall matrix", playbook=play)
    assert found.code == 2, found.out
    (told,) = found.of("MatrixTried")
    assert {(cell["source"], cell["host"], cell["port"]) for cell in told["cells"] if cell["differs"]} == {
        (two.name, one.name, 4000), (three.name, one.name, 4000), (three.name, one.name, 4369),
        (two.name, one.name, 514), (three.name, one.name, 514),
    }  # fmt: skip
    assert (
        f"    ✗  4000/tcp public       open  no                  from {two.name} {three.name}"
        in fleet.show("firewall matrix", playbook=play).out
    )
