"""The pure parts of a rotation, its texts on a real shell, and a node in miniature; the lab rotates real clusters."""

from __future__ import annotations

import hashlib
import shutil
import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from engine_kit import DirectoryHost, action, host_play
from hypothesis import given
from hypothesis import strategies as st
from ladder_kit import epmd_says, target

from deployer.beam import etf
from deployer.beam.handshake import FLAGS
from deployer.beam.term import Atom, Term
from deployer.engine.rotate import host as rotate_host
from deployer.engine.rotate import node as rotate_node
from deployer.engine.rotate import plan as rotate_plan
from deployer.engine.rotate.host import HostCookies, parse
from deployer.engine.rotate.node import Accepted
from deployer.engine.rotate.plan import Found, Part, part_of
from deployer.errors import ConfigError, DeployerError, NotConverged, ProbeError, StepError
from deployer.fleet import Declaration, declare
from deployer.model import Secret
from deployer.modules.beam_nodes import BeamNodes, NodeUnit
from deployer.resolve import HostPlay
from deployer.sh import Frame, Program, encode

NEW = Secret("nEw4Kq7ZbW9mTfJ4sLr8Vy2Hd3NcPg6AaEu5Ri", "cookie")
OLD = Secret("oLd5Xk2yHd3NcPg6AaEu5Kq7ZbW9mTfJ4sLr8V", "cookie")
OTHER = Secret("iRk8Ko1tQzMwBv0UxGj2SPg6AaEu5Kq7ZbW9mT", "cookie")
RUNS = NodeUnit(name="shop", unit="shop.service", runtime="/run/beam/shop")
TASK = BeamNodes(root="/opt/shop", id="1", nodes=(RUNS,))


# The host ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def host(tmp_path: Path) -> DirectoryHost:
    return DirectoryHost(tmp_path)


@pytest.fixture
def cookie(tmp_path: Path) -> Path:
    path = tmp_path / "private" / "cookie"
    path.parent.mkdir()
    path.write_text(OLD.reveal())
    return path


def step(host: DirectoryHost, text: Any) -> Frame:
    (frame,) = host.run(rotate_host.program(text, NEW, become=False), timeout=10)
    return frame


def look(host: DirectoryHost, path: Path, *nodes: NodeUnit) -> HostCookies:
    (frame,) = host.run(Program((rotate_host.read(str(path), nodes),)), timeout=10)
    return parse(frame.out, frame.rc)


def test_a_host_is_read_as_it_is(host: DirectoryHost, cookie: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    (run / ".erlang.cookie").write_text(OTHER.reveal() + "\n")
    node = NodeUnit(name="shop", unit="shop.service", runtime=str(run))
    assert look(host, cookie, node) == HostCookies(OLD, None, {"shop.service": OTHER})
    assert look(host, tmp_path / "none", NodeUnit(name="b", unit="b.service", runtime="/none")) == HostCookies(
        None, None, {}
    )


def test_the_old_cookie_is_kept_beside_the_new_and_no_second_run_overwrites_it(
    host: DirectoryHost, cookie: Path
) -> None:
    for _ in range(2):
        assert step(host, rotate_host.write(str(cookie))).rc == 0
        assert look(host, cookie) == HostCookies(NEW, OLD, {})
    assert {path.name: path.stat().st_mode & 0o777 for path in cookie.parent.iterdir()} == {
        "cookie": 0o400,
        "cookie.old": 0o400,
    }


def test_what_a_killed_step_left_half_done_is_done_by_the_next(host: DirectoryHost, cookie: Path) -> None:
    kept = cookie.with_name("cookie.old")
    kept.write_text(OLD.reveal())
    (cookie.parent / ".deployer.cookie.abcdefgh").write_text("half")
    assert step(host, rotate_host.write(str(cookie))).rc == 0
    assert look(host, cookie) == HostCookies(NEW, OLD, {})
    assert sorted(path.name for path in cookie.parent.iterdir()) == ["cookie", "cookie.old"]


def test_the_old_cookie_is_forgotten_however_often_that_is_asked(host: DirectoryHost, cookie: Path) -> None:
    step(host, rotate_host.write(str(cookie)))
    for _ in range(2):
        assert step(host, rotate_host.forget(str(cookie))).rc == 0
        assert look(host, cookie) == HostCookies(NEW, None, {})


def test_no_text_holds_a_cookie_and_all_of_it_is_clean_sh() -> None:
    path = "/etc/beam/shop/private/cookie"
    steps = (rotate_host.write(path), rotate_host.renew(RUNS), rotate_host.forget(path))
    programs = [rotate_host.program(text, NEW, become=True) for text in steps]
    programs.append(Program((rotate_host.read(path, [RUNS]),)))
    for program in programs:
        assert NEW.reveal() not in encode(program)
        assert NEW.reveal() not in repr(program)
        for check in (["dash", "-n"], ["shellcheck", "-s", "sh", "-e", "SC2317", "-"]):
            if shutil.which(check[0]):
                done = subprocess.run(check, input=encode(program), text=True, capture_output=True)
                assert done.stdout + done.stderr == ""


@pytest.mark.parametrize(
    "said", ["current", "current ?", "what QQ==", "current QQ=", "current gP8=", "current Q\nx", "\n"]
)
def test_an_odd_answer_is_refused_without_a_word_of_it(said: str) -> None:
    with pytest.raises(ProbeError) as caught:
        parse(said)
    assert str(caught.value) in {
        "the host's answer about its cookies cannot be understood",
        "the host's current cookie file holds no cookie",
    }


def test_cookies_that_cannot_be_read_are_no_absent_cookies() -> None:
    with pytest.raises(ProbeError, match="root"):
        parse("current QQ==", 1)


@given(st.text())
def test_no_answer_crashes_the_reader(said: str) -> None:
    try:
        parse(said)
    except ProbeError:
        return
    assert all(line.split(" ")[0] for line in said.splitlines())


# The plan ------------------------------------------------------------------------------------------------------------


def declared(host: str, address: str, cookie: Secret | None = NEW) -> Declaration:
    words = {"cluster": {"name": "shop", "cookie": cookie}, "nodes": [{"name": "shop", "service": "shop.service"}]}
    found = declare(words, host=host, address=address, where=None)
    assert found is not None
    return found


ONE, TWO = declared("web1", "10.0.0.1"), declared("web2", "10.0.0.2")


def play(own: Declaration | None, *tasks: BeamNodes) -> HostPlay:
    base = host_play(*(action(task) for task in tasks))
    return HostPlay(base.host, base.connection, base.actions, fleet=(own, (ONE, TWO)))


def part() -> Part:
    found = part_of(play(ONE, TASK), {"web1", "web2"})
    assert found is not None
    return found


def found(
    cookie: Secret = OLD,
    *,
    current: Secret | None = OLD,
    kept: Secret | None = None,
    copy: Secret | None = OLD,
    sees: tuple[str, ...] = ("shop@10.0.0.2",),
) -> Found:
    copies = {"shop.service": copy} if copy else {}
    return Found(HostCookies(current, kept, copies), (Accepted(cookie, frozenset(sees)),))


def test_a_host_takes_part_with_its_nodes_and_knows_all_members() -> None:
    own = part()
    assert (own.path, own.new) == ("/etc/beam/shop/private/cookie", NEW)
    assert [(str(target.node), node.unit) for target, node in own.nodes] == [("shop@10.0.0.1", "shop.service")]
    assert own.members == {"shop@10.0.0.1", "shop@10.0.0.2"}
    assert part_of(play(None), {"web1"}) is None


@pytest.mark.parametrize(
    ("hosts", "own", "tasks", "says"),
    [
        ({"web1"}, ONE, (TASK,), "web2 is of cluster shop"),
        ({"web1", "web2"}, ONE, (), "no task of the play runs shop@10.0.0.1"),
        ({"web1", "web2"}, declared("web1", "10.0.0.1", None), (TASK,), "no cluster.cookie"),
    ],
)
def test_a_cluster_takes_part_whole_or_not_at_all(hosts: set[str], own: Declaration, tasks: Any, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        part_of(play(own, *tasks), hosts)


@pytest.mark.parametrize(
    ("said", "says"),
    [
        (found(current=None), "cookie is not there"),
        (found(copy=None), "has no cookie in /run/beam/shop"),
        (found(sees=("shop@10.0.0.2", "guest@10.9.9.9")), "connected to guest@10.9.9.9, which takes no part"),
    ],
)
def test_whoever_would_be_left_behind_stops_the_rotation_before_it_begins(said: Found, says: str) -> None:
    with pytest.raises(NotConverged, match=says):
        rotate_plan.check_found(part(), said)
    rotate_plan.check_found(part(), found())


@pytest.mark.parametrize(
    ("said", "due", "old"),
    [
        (found(), True, OLD),
        (found(current=NEW, kept=OLD), True, OLD),
        (found(NEW, current=NEW, kept=OLD), True, OLD),
        (found(NEW, current=NEW, kept=OLD, copy=NEW), True, OLD),
        (found(NEW, current=NEW), True, None),
        (found(NEW, current=NEW, copy=NEW), False, None),
    ],
)
def test_what_is_left_to_do_is_read_from_the_hosts(said: Found, due: bool, old: Secret | None) -> None:
    assert rotate_plan.due(part(), said) is due
    assert rotate_plan.old(part(), said, 0) == old


def test_the_plan_names_every_file_and_node_and_shows_no_cookie() -> None:
    told = list(rotate_plan.planned(part(), found(NEW), "web1", "site.yml:1"))
    assert [(event.task, event.verdict, event.reason) for event in told] == [
        ("/etc/beam/shop/private/cookie", "change", ""),
        ("cookie of shop@10.0.0.1", "ok", "already new"),
    ]
    assert not any(secret.reveal() in repr(told) for secret in (NEW, OLD))


def test_the_cookie_a_node_was_started_with_is_tried_first_and_none_twice() -> None:
    cookies = HostCookies(OLD, OTHER, {"shop.service": OLD})
    assert cookies.candidates("shop.service", NEW) == (OLD, NEW, OTHER)
    assert cookies.candidates("jobs.service", NEW) == (NEW, OLD, OTHER)


# The node ------------------------------------------------------------------------------------------------------------


class Node:
    """A node in miniature: the handshake as ERTS describes it, and ``erlang:set_cookie/2``."""

    def __init__(self, cookie: Secret, *, sees: tuple[str, ...] = (), obeys: bool = True) -> None:
        self.cookie, self.sees, self.obeys = cookie.reveal(), sees, obeys

    def stream(self) -> Conversation:
        return Conversation(self)

    def answer(self, call: tuple[Any, ...]) -> Term:
        match call[2].name, call[3]:
            case "set_cookie", [Atom("shop@10.0.0.1"), Atom(cookie)] if self.obeys:
                self.cookie = cookie
                return Atom("true")
            case "set_cookie", args:
                return (
                    Atom("badrpc"),
                    (Atom("EXIT"), (Atom("undef"), [(Atom("erlang"), Atom("set_cookie"), args, [])])),
                )
            case "get_status", _:
                return (Atom("started"), Atom("started"))
            case "nodes", _:
                return [Atom(name) for name in self.sees]
        return []


class Conversation:
    """One connection to a node: what is sent is consumed at once, what it says waits to be read."""

    def __init__(self, node: Node) -> None:
        self.node, self.asked, self.says, self.ended = node, b"", b"", False
        self.steps = self.script()
        self.want = next(self.steps)

    def send(self, data: bytes, /) -> None:
        self.asked += data
        while not self.ended and len(self.asked) >= self.want:
            self.want = next(self.steps, 1 << 30)

    def recv(self, n: int, /) -> bytes:
        piece, self.says = self.says[:n], self.says[n:]
        return piece

    def close(self) -> None:
        self.ended = True

    def script(self) -> Iterator[int]:
        """Yields how many bytes it waits for."""
        yield from self.take(2)
        yield from self.take(int.from_bytes(self.taken))
        name = b"shop@10.0.0.1"
        challenge = b"N" + struct.pack("!QIIH", FLAGS, 77, 9, len(name)) + name
        self.says += b"\0\3sok" + len(challenge).to_bytes(2) + challenge
        yield from self.take(23)
        theirs, proof = self.taken[3:7], self.taken[7:]
        if proof != self.digest(77):
            self.ended = True
            return
        self.says += b"\0\x11a" + self.digest(int.from_bytes(theirs))
        while True:
            yield from self.take(4)
            yield from self.take(int.from_bytes(self.taken))
            _, at = etf.decode(self.taken, 1)
            (sender, call), _ = etf.decode(self.taken, at)  # type: ignore[misc]
            value = self.node.answer(call)  # type: ignore[arg-type]
            body = b"p" + etf.encode((2, Atom(""), sender)) + etf.encode((Atom("rex"), value))
            self.says += len(body).to_bytes(4) + body

    def take(self, size: int) -> Iterator[int]:
        if len(self.asked) < size:
            yield size
        self.taken, self.asked = self.asked[:size], self.asked[size:]

    def digest(self, challenge: int) -> bytes:
        return hashlib.md5(f"{self.node.cookie}{challenge}".encode(), usedforsecurity=False).digest()


class Way:
    """A connection to the host of one node; with no node, EPMD does not know the name."""

    name, host_key = "web1", "SHA256:way"

    def __init__(self, node: Node | None) -> None:
        self.node = node

    def connect(self, address: str, port: int, *, timeout: float) -> Any:
        if port == 4369:
            return epmd_says(9100 if self.node else None)
        assert self.node
        return self.node.stream()

    def run(self, program: Program, *, timeout: float) -> Iterator[Frame]:
        raise AssertionError("a node is asked over its port only")

    def close(self) -> None:
        pass


def test_a_node_says_which_cookie_it_accepts_and_whom_it_sees() -> None:
    node = Node(OLD, sees=("shop@10.0.0.2",))
    assert rotate_node.accepted(Way(node), target(), [NEW, OLD]) == Accepted(OLD, frozenset({"shop@10.0.0.2"}))


def test_a_node_with_a_third_cookie_is_refused_by_name() -> None:
    with pytest.raises(NotConverged, match=r"shop@10\.0\.0\.1 accepts neither"):
        rotate_node.accepted(Way(Node(OTHER)), target(), [NEW, OLD])


def test_a_node_that_is_down_is_refused_by_name() -> None:
    with pytest.raises(NotConverged, match=r"shop@10\.0\.0\.1 is not registered in EPMD at 10\.0\.0\.1:4369"):
        rotate_node.accepted(Way(None), target(), [NEW])


def test_a_node_is_switched_with_the_cookie_it_has_and_also_when_it_has_restarted_since() -> None:
    node = Node(OLD, sees=("shop@10.0.0.2",))
    for _ in range(2):
        rotate_node.switch(Way(node), target(), OLD, NEW)
        assert node.cookie == NEW.reveal()
    rotate_node.prove(Way(node), target(), NEW, OLD, frozenset({"shop@10.0.0.2"}))


@pytest.mark.parametrize("node", [Node(OLD, obeys=False), Node(OTHER)])
def test_a_node_that_cannot_be_switched_is_told_without_any_cookie(node: Node) -> None:
    with pytest.raises(StepError) as caught:
        rotate_node.switch(Way(node), target(), OLD, NEW)
    error: BaseException | None = caught.value
    assert "shop@10.0.0.1" in str(error)
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    assert not any(secret.reveal() in str(error) for secret in (NEW, OLD, OTHER))


@pytest.mark.parametrize(
    ("node", "old", "saw", "says"),
    [
        (Node(OLD), OLD, frozenset(), "accepts neither"),
        (Node(NEW), NEW, frozenset(), "still accepts the old cookie"),
        (Node(NEW, sees=("a@h",)), OLD, frozenset({"a@h", "b@h"}), "no longer sees b@h"),
    ],
)
def test_what_is_not_so_is_not_proven(node: Node, old: Secret, saw: frozenset[str], says: str) -> None:
    with pytest.raises(DeployerError, match=says):
        rotate_node.prove(Way(node), target(), NEW, old, saw)
