"""Conversations captured from real nodes are held again byte for byte."""

from __future__ import annotations

import json
from typing import Any

import pytest

from deployer.beam import distribution
from deployer.beam.distribution import Call, connect
from deployer.beam.names import parse_node
from deployer.beam.stream import Stream
from deployer.beam.term import Atom, Term
from deployer.model import Secret
from tests.unit.beam.beam_streams import CAPTURES, RELEASES, Replay, capture

CALLS = {
    "erlang:nodes/0": Call("erlang", "nodes"),
    "erlang:system_info/1": Call("erlang", "system_info", [Atom("otp_release")]),
    "application:which_applications/0": Call("application", "which_applications"),
    "init:get_status/0": Call("init", "get_status"),
    "persistent_term:get/1": Call("persistent_term", "get", [Atom("zoo")]),
    "no_such_module:nor_function/1": Call("no_such_module", "nor_function", [1]),
    "timer:sleep/1": Call("timer", "sleep", [2500]),
}


def replayed(seen: dict[str, Any], stream: Stream) -> list[Term | distribution.CallFailed]:
    node, me = parse_node(seen["node"]), parse_node(seen["me"])
    peer = connect(stream, node, Secret(seen["cookie"]), me=me, creation=seen["creation"], challenge=seen["challenge"])
    return [answer for name in seen["calls"] for answer in peer.calls([CALLS[name]])]


def handshakes() -> list[str]:
    found = [path.relative_to(CAPTURES) for otp in RELEASES for path in sorted((CAPTURES / otp).glob("*.json"))]
    return [str(path) for path in found if not path.name.startswith("epmd_")]


@pytest.mark.parametrize("path", handshakes())
def test_a_captured_conversation_is_held_again_byte_for_byte(path: str) -> None:
    seen = json.loads((CAPTURES / path).read_text())
    stream = Replay(seen["log"])
    try:
        replayed(seen, stream)
        outcome = "ok"
    except distribution.DistributionError as error:
        outcome = type(error).__name__
    assert outcome == seen["outcome"]
    assert stream.left == []


@pytest.mark.parametrize("otp", RELEASES)
def test_a_real_node_answers_calls_with_terms(otp: str) -> None:
    def answer(title: str) -> Term | distribution.CallFailed:
        seen = capture(otp, title)
        return replayed(seen, Replay(seen["log"]))[-1]

    assert answer("call_nodes") == []
    assert answer("call_release") == [ord(digit) for digit in otp.removeprefix("otp")]
    assert answer("call_status") == (Atom("started"), Atom("started"))
    applications = answer("call_applications")
    assert isinstance(applications, list)
    assert {application[0] for application in applications if isinstance(application, tuple)} == {
        Atom("kernel"),
        Atom("stdlib"),
    }
    assert answer("tick") == []
    failed = answer("call_undefined")
    assert isinstance(failed, distribution.CallFailed)
    assert str(failed).startswith("no_such_module:nor_function/1 failed on the node: {'EXIT',{undef,")
