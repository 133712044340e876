"""Lines of journals as journald writes them down, and what flags say of them."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from deployer.errors import AuthError, ConfigError, DeployerError, HostKeyChanged, HostKeyError
from deployer.model import Host, Mark
from deployer.options import Options
from deployer.window.choice import Fleet, Spot
from deployer.window.journal_lines import LineCutter, LogChoice, read_logs, wanted
from deployer.window.logs import NodeJournals
from deployer.window.showing import Flags, show_logs


def raw(**fields: object) -> bytes:
    return json.dumps({"__REALTIME_TIMESTAMP": "1700000000123456", "__CURSOR": "s=1", "MESSAGE": "m"} | fields).encode()


def test_a_line_is_what_was_said_and_harmless() -> None:
    found = read_logs(raw(MESSAGE="clear \x1b[2J\u202e"), "shop@a")
    assert found
    line, cursor = found
    assert (line.text, line.at, line.node, line.urgent, cursor) == (
        "clear \\x1b[2J\\u202e",
        1700000000123456,
        "shop@a",
        False,
        "s=1",
    )
    bytes_of_it = read_logs(raw(MESSAGE=[104, 105, 255]), "shop@a")
    assert bytes_of_it
    assert bytes_of_it[0].text == "hi\\xff"
    error = read_logs(raw(PRIORITY="3"), "shop@a")
    assert error
    assert error[0].urgent


HOSTILE = [
    b"", b"{}", b"[1]", b"null", b'{"MESSAGE": 1}', b"[" * 100_000,
    *(raw(__REALTIME_TIMESTAMP=at) for at in ("x", "9" * 5000, "9" * 400, "253402300800000000", "-1")),
]  # fmt: skip


@pytest.mark.parametrize("garbage", HOSTILE, ids=range(len(HOSTILE)))
def test_what_is_no_line_is_left_out(garbage: bytes) -> None:
    assert read_logs(garbage, "shop@a") is None


def test_lines_are_cut_however_they_come_and_one_without_end_costs_nothing() -> None:
    cut = LineCutter()
    assert [cut.feed(piece) for piece in (b"a", b"b\nc\n\nd", b"", b"\n")] == [[], [b"ab", b"c", b""], [], [b"d"]]
    for _ in range(20):
        assert cut.feed(b"x" * (1 << 20)) == []
    assert cut.feed(b"x\nnext\n") == [b"next"]
    assert cut.lost == 1


@pytest.mark.parametrize(
    ("since", "seconds"), [("90s", 910.0), ("10m", 400.0), ("2h", -6200.0), ("1d", -85400.0), ("5min", 700.0)]
)
def test_an_age_is_a_moment(since: str, seconds: float) -> None:
    assert wanted(last=5, since=since, grep="", now=1000.0) == LogChoice(5, seconds)


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ({"since": "soon"}, "--since 'soon' is neither a duration nor a time"),
        ({"grep": "("}, "--grep '\\(' is no regular expression"),
        ({"last": -1}, "-n is -1"),
    ],
)
def test_a_wrong_flag_is_said(flags: dict[str, object], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        wanted(**({"last": 5, "since": "", "grep": "", "now": 0.0} | flags))  # type: ignore[arg-type]


def test_what_is_asked_is_quoted_and_a_journal_goes_on_behind_what_was_seen() -> None:
    text = LogChoice(5, 9.0, "a'b").text("shop.service", follow=False).text
    assert "-n 5" in text
    assert "--since=@9" in text
    assert """'--grep=a'"'"'b'""" in text
    text = LogChoice(5, 9.0).text("shop.service", follow=True, after="s=1;i=2").text
    assert "'--after-cursor=s=1;i=2' -n all" in text
    assert "--since" not in text


@pytest.mark.parametrize("follow", [False, True])
def test_where_no_journal_can_be_read_the_command_ends_with_the_code_of_why(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], follow: bool
) -> None:
    words = "nodes: [{name: shop, port: 9100, service: shop.service}], cluster: {name: shop, cookie: {env: NONE}}"
    key = f"ansible_ssh_private_key_file: {tmp_path}/none"
    hosts = "{web1: {ansible_host: 127.0.0.1}, web2: {ansible_host: 127.0.0.2}}"
    (tmp_path / "inventory.yml").write_text(f"all: {{hosts: {hosts}, vars: {{{words}, {key}}}}}\n")
    fleet = Fleet.of(Options(playbook="", inventory=(str(tmp_path / "inventory.yml"),)))
    code = show_logs(fleet, fleet.spots, Flags(follow=follow, since="", grep="", lines=1), colour=False)
    said = capsys.readouterr()
    assert (code, said.out, said.err.count(f"{tmp_path}/none")) == (3, "", 2)


class _NoSudo:
    """A host that lets a user in, and not become root."""

    name = "web1"

    def run(self, *_: object, **_2: object) -> Any:
        raise AuthError("sudo refused", where=self.name)

    def close(self) -> None:
        pass


class _Opens:
    """A fleet whose hosts answer a login with what they are given, one after the other."""

    resolver: Any = SimpleNamespace(connection=lambda _: SimpleNamespace(become=True))

    def __init__(self, *answers: object) -> None:
        self.answers = list(answers)

    def open(self, host: object) -> Any:
        del host
        answer = self.answers.pop(0)
        if isinstance(answer, BaseException):
            raise answer
        return answer


def _followed(*answers: object) -> tuple[NodeJournals, list[str]]:
    said: list[str] = []
    node = cast("Any", SimpleNamespace(node="shop@10.0.0.1"))
    spot = Spot(Host("web1", {}, (), Mark("inventory.yml")), cast("Any", None), node)
    return NodeJournals(cast("Any", _Opens(*answers)), [spot], LogChoice(5), said.append), said


@pytest.mark.parametrize("error", [AuthError("no", where="web1"), HostKeyError("who?"), HostKeyChanged("not him")])
def test_a_host_that_lets_nobody_in_or_is_not_proven_is_not_followed_for_ever(error: DeployerError) -> None:
    journals, said = _followed(error)
    assert list(journals.follow()) == []
    assert (journals.codes, len(said)) == ([error.exit_code], 1)
    assert "again" not in said[0]


def test_a_host_that_never_lets_this_user_become_root_is_not_followed_for_ever() -> None:
    journals, said = _followed(_NoSudo())
    assert list(journals.follow()) == []
    assert (journals.codes, said) == ([AuthError.exit_code], ["web1: sudo refused"])


def test_what_nobody_has_thought_of_ends_the_following_with_it() -> None:
    journals, _ = _followed(OSError("too many open files"))
    with pytest.raises(OSError, match="too many open files"):
        list(journals.follow())
