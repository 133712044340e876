"""How running nodes talk: told from their flags, refused when it would change, stopped when a person has said so."""

from __future__ import annotations

import pytest

from deployer.beam.names import kind_of_flags, name_kind
from deployer.errors import ConfigError
from tests.unit.modules.tables import answer, differing, fixed, make

TLS = "inet_tls, EPMD, long names"
OTHER_PORT = "inet_tcp, EPMD at port 4370, long names"


def test_what_flags_say_is_what_a_declaration_says() -> None:
    assert name_kind("inet_tls", "long", epmd=4369) == TLS
    assert name_kind("inet_tcp", "long", epmd=4370) == kind_of_flags("-name\nERL_EPMD_PORT=4370") == OTHER_PORT
    assert kind_of_flags("-name\n-proto_dist\ninet_tls\n-proto_dist\ninet_tcp") == TLS
    assert kind_of_flags("-name") == "inet_tcp, EPMD, long names"
    assert kind_of_flags("-sname\n-erl_epmd_port") == "inet_tcp, no EPMD, short names"
    assert kind_of_flags("-proto_dist\n-name\n") == "-name, EPMD, long names"
    assert kind_of_flags("") == kind_of_flags("-proto_dist inet_tls") == ""


@pytest.mark.parametrize(
    "flags", ["-name", "-sname\n-proto_dist\ninet_tls", "-name\n-proto_dist\ninet_tls\n-erl_epmd_port"]
)
def test_another_kind_is_refused_until_a_person_says_so(flags: str) -> None:
    nodes = {"kind": TLS, "units": ["shop.service", "jobs.service"]}
    out = answer(flags_0="-name\n-proto_dist\ninet_tls", flags_1=flags)
    with pytest.raises(ConfigError, match=r"jobs\.service runs with .*; declared is inet_tls, EPMD, long") as caught:
        make("distribution", **nodes).parse(out)
    assert "-e restart_cluster=true" in caught.value.hint
    said = make("distribution", **nodes, restart_cluster=True)
    assert list(differing(said, out)) == ["jobs.service"]
    assert fixed(said, out) == "systemctl stop -- jobs.service"


@pytest.mark.parametrize("out", ["", answer(flags_0=""), answer(flags_0="-name\n-proto_dist\ninet_tls")])
def test_one_that_does_not_run_or_runs_as_declared_is_left_alone(out: str) -> None:
    assert differing(make("distribution", kind=TLS, units=["shop.service"]), out) == {}
