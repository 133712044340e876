"""Hosts that each are right have to fit together as well."""

from __future__ import annotations

from typing import Any

import pytest

from deployer.errors import ConfigError
from deployer.fleet import Declaration, Roster, check_members
from deployer.model import Secret
from tests.unit.fleet.fleet_kit import COOKIE, at, declared

MEMBERS: list[tuple[str, object, str]] = [
    ("nodes", [{"name": "demo", "host": "10.77.0.2"}], "both have the node demo@10.77.0.2"),
    ("cluster.cookie", Secret(COOKIE.reveal()[::-1]), "different cookies"),
    ("cluster.cookie", None, "different cookies"),
    ("cluster.epmd_port", 4370, "cluster.epmd_port is 4369 on one and 4370 on the other"),
    ("cluster.names", "short", "cluster.names is long on one and short on the other"),
    ("rollout", {"max_failed": 1}, "their words of rollout differ"),
    ("nodes", [{"name": "demo", "vm_args": ["-kernel net_ticktime 30"]}], "differ in net_ticktime"),
    ("nodes", [{"name": "x", "vm_args": ["-kernel prevent_overlapping_partitions false"]}], "prevent_overlapping"),
]


@pytest.mark.parametrize(("path", "value", "said"), MEMBERS, ids=[case[2] for case in MEMBERS])
def test_hosts_that_cannot_form_their_cluster_are_refused_by_name(
    words: dict[str, Any], path: str, value: object, said: str
) -> None:
    one, two = declared(words), declared(at(words, path, value), host="web2", address="10.77.0.3")
    with pytest.raises(ConfigError, match=r"web1 and web2: .*") as caught:
        check_members([one, two])
    assert said in str(caught.value)
    assert COOKIE.reveal() not in str(caught.value)


def test_a_canary_has_to_be_a_member(words: dict[str, Any]) -> None:
    canary = at(words, "rollout", {"canary": "web9"})
    with pytest.raises(ConfigError, match=r"rollout\.canary 'web9' is no host") as caught:
        check_members([declared(canary), declared(canary, host="web2", address="10.77.0.3")])
    assert "web" in caught.value.hint


def test_members_that_fit_together_are_accepted(words: dict[str, Any]) -> None:
    check_members([declared(words, host=f"web{i}", address=f"10.77.0.{i}") for i in range(2, 8)])


def test_two_clusters_on_one_host_need_ranges_of_their_own(words: dict[str, Any]) -> None:
    mine = declared(words)
    other = declared({**words, "cluster": {"name": "other"}, "nodes": [{"name": "other"}]})
    with pytest.raises(ConfigError, match=r"overlapping cluster\.ports"):
        check_members([mine, other])
    cluster = {"name": "other", "ports": "9200-9209"}
    check_members([mine, declared({**words, "cluster": cluster, "nodes": [{"name": "other"}]})])
    with pytest.raises(ConfigError, match=r"both have demo\.service"):
        check_members([mine, declared({**words, "cluster": cluster})])


def test_without_epmd_all_nodes_listen_on_one_port(words: dict[str, Any]) -> None:
    def alone(host: str, address: str, port: int) -> Declaration:
        return declared(
            {**at(words, "cluster.epmd", False), "nodes": [{"name": "demo", "port": port}]}, host=host, address=address
        )

    check_members([alone("a", "10.0.0.1", 9100), alone("b", "10.0.0.2", 9100)])
    with pytest.raises(ConfigError, match="same port"):
        check_members([alone("a", "10.0.0.1", 9100), alone("b", "10.0.0.2", 9101)])


def test_all_other_nodes_are_cut_out_of_one_list(words: dict[str, Any]) -> None:
    """A thousand hosts would else make a million places, and hold them."""
    roster = Roster(declared(words, host=f"web{i}", address=f"10.77.0.{i}") for i in range(2, 6))
    names = [node.node for member in roster for node in member.nodes]
    for name in names:
        assert [place.node for place in roster.others(name)] == [other for other in names if other != name]
    first, second = roster.others(names[0]), roster.others(names[1])
    assert all(one is other for one, other in zip(first[1:], second[1:], strict=True))
    stranger = declared(at(words, "nodes", [{"name": "x"}])).nodes[0].node
    assert [place.node for place in roster.others(stranger)] == names
