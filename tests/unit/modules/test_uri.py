"""``uri``: what a server answers, asked by the text that runs on hosts; the server here hears only loopback."""

from __future__ import annotations

import contextlib
import json
import shutil
import threading
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

import pytest
from ansible.module_utils.urls import open_url

from deployer.errors import ConfigError
from deployer.model import Absent, Secret
from deployer.modules.uri import Uri
from deployer.resolve.spelling import spelled
from deployer.sh import Sh, lines
from tests.unit.modules.host_text import do, see
from tests.unit.modules.tables import make

CANARY = "canary-uri-9"


class Echo(BaseHTTPRequestHandler):
    """Answers with what it was asked; /STATUS with that one."""

    heard: list[str]

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0)).decode()
        words = {"method": self.command, "body": body, "header": self.headers.get("x-odd")}
        said = json.dumps({**words, "who": self.headers.get("authorization")}).encode()
        self.server.heard.append(said.decode())  # type: ignore[attr-defined]
        status = int(self.path[1:]) if self.path[1:].isdecimal() else 200
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(said)))
        if status // 100 == 3:
            self.send_header("Location", self.headers.get("x-there") or "/there")
            self.send_header("Changed", "yes")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(said)

    do_GET = do_POST = do_HEAD = do_PUT = do_DELETE = do_PATCH = _answer  # noqa: N815 - as the standard library calls them

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def server() -> Iterator[ThreadingHTTPServer]:
    made = ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    made.heard = []  # type: ignore[attr-defined]
    threading.Thread(target=made.serve_forever, args=[0.01], daemon=True).start()
    yield made
    made.shutdown()
    made.server_close()


def at(server: ThreadingHTTPServer, path: str = "/") -> str:
    return f"http://127.0.0.1:{server.server_address[1]}{path}"


def asked(tmp: Path, **args: Any) -> dict[str, Any]:
    """Return what ``register`` gives of a reading."""
    module = make("uri", **args)
    assert module.only_reads
    reading = module.reading()
    return dict(reading.answer(see(reading, tmp)))


def test_a_get_is_a_reading_with_its_answer(server: ThreadingHTTPServer, tmp_path: Path) -> None:
    odd = {"X-Odd": "a \"b\" \\c $(x) 'd'"}
    found = asked(tmp_path, url=at(server), headers=odd, user="it's", password='"p"', return_content=True)
    assert (found["status"], found["failed"], found["content_type"]) == (200, False, "application/json")
    assert found["json"] == json.loads(found["content"])
    assert found["json"]["header"] == odd["X-Odd"]
    assert found["json"]["who"] == "Basic aXQnczoicCI="
    there = asked(tmp_path, url=at(server, "/302"))
    assert (there["status"], there["url"], there["redirected"]) == (200, at(server, "/there"), True)
    stays = asked(tmp_path, url=at(server, "/302"), follow_redirects="none", status_code=[302])
    assert (stays["status"], stays["location"]) == (302, at(server, "/there"))
    assert (stays["redirected"], stays["changed"]) == (False, False)
    assert not asked(tmp_path, url=at(server, ""))["redirected"]
    assert asked(tmp_path, url=at(server), method="HEAD")["status"] == 200


def test_a_get_with_a_body_stays_a_get(server: ThreadingHTTPServer, tmp_path: Path) -> None:
    found = asked(tmp_path, url=at(server), body={"query": 1}, body_format="json")
    assert (found["json"]["method"], found["json"]["body"]) == ("GET", '{"query": 1}')


def test_braces_in_an_address_make_no_further_requests(server: ThreadingHTTPServer, tmp_path: Path) -> None:
    assert asked(tmp_path, url=at(server, "/{a,b}[1-3]"))["status"] == 200
    assert len(server.heard) == 1  # type: ignore[attr-defined]


WITHOUT_CURL = Sh('command() { [ "$2" = python3 ]; }')
NO_CURL = pytest.mark.skipif(
    not shutil.which("python3", path="/usr/local/bin:/usr/bin"), reason="hosts without curl have python3"
)


def theirs(url: str, method: str, follows: str, body: str | None) -> None:
    """Ask as ansible-core does."""
    with contextlib.suppress(HTTPError):
        open_url(url, method=method, follow_redirects=follows, data=body and body.encode(), use_proxy=False)


REDIRECTED = [
    *[
        ("all", *one, status)
        for one in (("POST", "x=1"), ("PUT", "x=1"), ("DELETE", None))
        for status in (301, 302, 303, 307)
    ],
    *[("urllib2", *one) for one in (("POST", "x=1", 301), ("POST", None, 307), ("PUT", "x=1", 302))],
    ("safe", "POST", "x=1", 302),
]


@pytest.mark.parametrize("curl", [True, pytest.param(False, marks=NO_CURL)], ids=["curl", "python3"])
def test_a_redirect_is_followed_as_ansible_does(server: ThreadingHTTPServer, tmp_path: Path, curl: bool) -> None:
    said = server.heard  # type: ignore[attr-defined]
    for follows, method, body, status in REDIRECTED:
        url = at(server, f"/{status}")
        said.clear()
        theirs(url, method, follows, body)
        expected = [(one["method"], one["body"]) for one in map(json.loads, said)]
        said.clear()
        made = make("uri", url=url, method=method, follow_redirects=follows, body=body, status_code=[200, status])
        (step,) = made.act()
        step = step if curl else replace(step, text=lines(WITHOUT_CURL, step.text))
        assert do((step,), tmp_path) == ""
        found = [(one["method"], one["body"]) for one in map(json.loads, said)]
        assert found == expected, (follows, method, body, status)


@pytest.mark.parametrize("curl", [True, pytest.param(False, marks=NO_CURL)], ids=["curl", "python3"])
def test_what_is_sent_on_tells_another_server_no_password(
    server: ThreadingHTTPServer, tmp_path: Path, curl: bool
) -> None:
    said = server.heard  # type: ignore[attr-defined]
    other = at(server, "/200").replace("127.0.0.1", "localhost")
    for place, who in ((other, None), ("/200", "Basic YW5uOmNhbmFyeS11cmktOQ==")):
        there = {"X-There": place, "X-Odd": "stays"}
        made = make("uri", url=at(server, "/307"), user="ann", password=Secret(CANARY), headers=there, method="PUT",
                    body="b", follow_redirects="all")  # fmt: skip
        (step,) = made.act()
        step = step if curl else replace(step, text=lines(WITHOUT_CURL, step.text))
        assert do((step,), tmp_path) == ""
        first, last = map(json.loads, said[-2:])
        assert (first["who"], last["who"]) == ("Basic YW5uOmNhbmFyeS11cmktOQ==", who)
        assert (last["method"], last["body"], last["header"]) == ("PUT", "b", "stays")


@pytest.mark.parametrize("curl", [True, pytest.param(False, marks=NO_CURL)], ids=["curl", "python3"])
def test_a_redirect_leads_to_no_file_of_the_host(server: ThreadingHTTPServer, tmp_path: Path, curl: bool) -> None:
    (tmp_path / "file").write_text(CANARY)
    headers = {"x-there": f"file://{tmp_path}/file"}
    made = make("uri", url=at(server, "/302"), method="POST", body="b", headers=headers, follow_redirects="all",
                return_content=True)  # fmt: skip
    (step,) = made.act()
    step = step if curl else replace(step, text=lines(WITHOUT_CURL, step.text))
    said = do((step,), tmp_path)
    assert said != "" and b64encode(CANARY.encode()).decode() not in said, said


def test_redirects_in_a_circle_end(server: ThreadingHTTPServer, tmp_path: Path) -> None:
    made = make("uri", url=at(server, "/307"), method="PUT", body="b", follow_redirects="all", status_code=[307],
                headers={"X-There": "/307"})  # fmt: skip
    assert do(made.act(), tmp_path) == ""
    assert len(server.heard) == 11  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("told", "wanted"), [("200, 201", ["200", "201"]), ("200", "200"), ("{{ a, b }}", "{{ a, b }}")]
)
def test_statuses_may_be_told_with_commas_between(told: str, wanted: Any) -> None:
    assert spelled("uri", "status_code", told, {}) == wanted


@NO_CURL
def test_a_password_goes_to_no_other_server_without_curl_either(server: ThreadingHTTPServer, tmp_path: Path) -> None:
    other = at(server, "/200").replace("127.0.0.1", "localhost")
    for place, who in ((other, None), ("/200", "Basic YW5uOmNhbmFyeS11cmktOQ==")):
        made = make("uri", url=at(server, "/302"), user="ann", password=Secret(CANARY), headers={"X-There": place})
        (step,) = made.act()
        assert do((replace(step, text=lines(WITHOUT_CURL, step.text)),), tmp_path) == ""
        first, last = (json.loads(heard)["who"] for heard in server.heard[-2:])  # type: ignore[attr-defined]
        assert (first, last) == ("Basic YW5uOmNhbmFyeS11cmktOQ==", who)


def test_a_status_that_is_not_wanted_and_no_answer_are_failures(server: ThreadingHTTPServer, tmp_path: Path) -> None:
    bad = asked(tmp_path, url=at(server, "/503"))
    assert (bad["failed"], bad["msg"]) == (
        True,
        "Status code was 503 and not [200]: HTTP Error 503: Service Unavailable",
    )
    assert not asked(tmp_path, url=at(server, "/503"), status_code=[200, 503])["failed"]
    server.server_close()
    none = asked(tmp_path, url=at(server))
    assert (none["failed"], none["status"]) == (True, -1)
    assert "Request failed" in none["msg"]


def test_without_a_result_the_answer_is_a_state(server: ThreadingHTTPServer, tmp_path: Path) -> None:
    good, bad = make("uri", url=at(server)), make("uri", url=at(server, "/500"))
    assert good.differences(see(good, tmp_path)) == {}
    changes = bad.differences(see(bad, tmp_path))
    assert changes["answers"].before == "status 500"
    assert "Status code was 500 and not 200" in do(bad.fix(changes), tmp_path)
    assert do(good.fix(good.differences(Absent())), tmp_path) == ""


def test_another_method_runs_and_tells_what_it_was_answered(server: ThreadingHTTPServer, tmp_path: Path) -> None:
    heard = server.heard  # type: ignore[attr-defined]
    for body, kind, sent in (
        ({"env": ["é", 1]}, "json", '{"env": ["\\u00e9", 1]}'),
        ({"a": "1 2", "b": ["x", "y"]}, "form-urlencoded", "a=1+2&b=x&b=y"),
        ("two\nlines \"'$(x)\\", "raw", "two\nlines \"'$(x)\\"),
    ):
        made = make("uri", url=at(server), method="POST", body=body, body_format=kind)
        assert made.handler_only
        assert do(made.act(), tmp_path) == ""
        assert json.loads(heard[-1])["body"] == sent


def test_a_secret_makes_no_part_of_a_plan_and_reaches_the_server(server: ThreadingHTTPServer, tmp_path: Path) -> None:
    for more in (
        {"user": "ann", "password": Secret(CANARY)},
        {"headers": {"Authorization": Secret(f"Bearer {CANARY}")}},
        {"method": "POST", "body": {"a": [Secret(CANARY)]}, "body_format": "json"},
    ):
        made = make("uri", url=at(server), **more)
        assert (made.only_reads, made.handler_only) == (False, True)
        (step,) = made.act()
        assert CANARY not in f"{made!r} {made.probe().text} {step}"
        assert do((step,), tmp_path) == ""
        assert CANARY in server.heard[-1] or "YW5uOmNhbmFye" in server.heard[-1]  # type: ignore[attr-defined]


def test_what_has_been_done_is_not_done_again(tmp_path: Path) -> None:
    made = make("uri", url="http://127.0.0.1:1/", method="POST", creates=str(tmp_path / "done"))
    assert made.differences(see(made, tmp_path))["run"].before == "needed"
    (tmp_path / "done").touch()
    assert made.differences(see(made, tmp_path)) == {}
    assert do(made.act(), tmp_path) == ""


def test_a_result_is_read_from_what_the_step_printed() -> None:
    made = make("uri", url="http://a.example/", method="POST")
    assert isinstance(made, Uri)
    assert made.result({"rc": 1, "msg": "no shell"}, "no shell") == {"rc": 1, "msg": "no shell"}
    said = "status=201\x1eurl=u\x1eproblem=\x1eheaders=\x1econtent=\x1eStatus code was 201 and not 200"
    assert made.result({"rc": 1, "msg": ""}, said)["status"] == 201


@pytest.mark.parametrize(
    "args",
    [
        {"url": "ftp://a.example/x"},
        {"url": "http://"},
        {"url": "http://[::1"},
        {"url": "http://[zz]/"},
        {"url": "http://ann:pw@a.example/"},
        {"validate_certs": False},
        {"method": "GET POST"},
        {"timeout": 0},
        {"headers": {"A": "b\r\nC: d"}},
        {"headers": {"A": ["b"]}},
        {"body": {"a": 1}},
        {"body": [1], "body_format": "form-urlencoded", "method": "POST"},
        {"dest": "/srv/x"},
    ],
)
def test_what_cannot_be_asked_is_refused(args: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        make("uri", **{"url": "http://a.example/", **args})
