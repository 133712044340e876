"""Being the group leader of a call: what it prints comes to us, as to the shell of a node.

Source: STDLIB, "The Erlang I/O Protocol". There is no input: what a call wants to read is at its end.
"""

from __future__ import annotations

from collections.abc import Callable

from deployer.beam.distribution import Call, CallFailed, Peer
from deployer.beam.term import Atom, Pid, Term, show_term

_OK = Atom("ok")
_REFUSED = (Atom("error"), Atom("enotsup"))


def call_aloud(peer: Peer, call: Call, write: Callable[[str], object]) -> Term:
    """Run a call and return its value; what it prints meanwhile is written, in pieces as it comes.

    Raises:
        CallFailed: the function raised, or does not exist.
        NotAlive: the node went away, or the stream's deadline has passed.
        ProtocolError, EtfError: what it says cannot be read.
    """
    leader = peer.pid()
    number = peer.begin(call, leader=leader)
    made: dict[int, tuple[Pid, Term]] = {}
    while True:
        to, message = peer.receive()
        match message:
            case (Atom("rex"), value) if to == number:
                match value:
                    case (Atom("badrpc"), reason):
                        raise CallFailed(f"{call} failed on the node: {show_term(reason)}")
                return value
            case (Atom("rex"), text) if to in made:
                who, mark = made.pop(to)
                peer.send(who, (Atom("io_reply"), mark, _put(text, write)))
            case (Atom("io_request"), Pid() as who, mark, request) if to == leader.id:
                maker = _maker(request)
                if maker:
                    made[peer.begin(maker)] = who, mark
                else:
                    peer.send(who, (Atom("io_reply"), mark, _answer(request, write)))


def _maker(request: Term) -> Call | None:
    """Return the call that makes the text of a request which only says how to make it."""
    match request:
        case (Atom("put_chars"), _, Atom(module), Atom(function), list(args)):
            return Call(module, function, args)
        case (Atom("put_chars"), Atom(module), Atom(function), list(args)):  # the older form, without an encoding
            return Call(module, function, args)
    return None


def _answer(request: Term, write: Callable[[str], object]) -> Term:
    match request:
        case (Atom("put_chars"), Atom(encoding), text):
            return _put(text, write, encoding)
        case (Atom("put_chars"), text):
            return _put(text, write)
        case (Atom("requests"), list(several)):
            answers = [_answer(one, write) for one in several]
            return next((answer for answer in answers if answer != _OK), _OK)
        case (Atom(kind), *_) if kind.startswith("get_") and kind != "get_geometry":
            return Atom("eof")
        case (Atom("setopts"), _):
            return _OK
        case Atom("getopts"):
            return [(Atom("encoding"), Atom("unicode"))]
    return _REFUSED


def _put(text: Term, write: Callable[[str], object], encoding: str = "unicode") -> Term:
    try:
        write("".join(_pieces(text, "latin-1" if encoding == "latin1" else "utf-8")))
    except ValueError:
        return Atom("error"), Atom("put_chars")
    return _OK


def _pieces(text: Term, encoding: str) -> list[str]:
    """Return the parts of chardata; raises ValueError for what is none."""
    found: list[str] = []
    left = [text]
    while left:
        match left.pop():
            case bytes(raw):
                found.append(raw.decode(encoding, "replace"))
            case int(code) if 0 <= code < 0x110000:
                found.append(chr(code))
            case list(items):
                left += reversed(items)
            case _:
                raise ValueError
    return found
