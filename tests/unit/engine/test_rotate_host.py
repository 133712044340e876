"""A rotation's texts on a real shell: the cookie files of a host read, written and forgotten."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployer.engine.rotate import host as rotate_host
from deployer.engine.rotate.host import HostCookies, parse_cookies
from deployer.errors import ProbeError
from deployer.releases.node_unit import NodeUnit
from deployer.sh import Frame, Program, encode
from tests.unit.engine.engine_kit import DirectoryHost
from tests.unit.engine.rotate_kit import NEW, OLD, OTHER, RUNS
from tests.unit.sh_clean import complaints


@pytest.fixture
def cookie(tmp_path: Path) -> Path:
    path = tmp_path / "private" / "cookie"
    path.parent.mkdir()
    path.write_text(OLD.reveal())
    return path


def step(host: DirectoryHost, text: Any) -> Frame:
    (frame,) = host.run(rotate_host.cookie_program(text, NEW, become=False), timeout=10)
    return frame


def look(host: DirectoryHost, path: Path, *nodes: NodeUnit) -> HostCookies:
    (frame,) = host.run(Program((rotate_host.read_cookies(str(path), nodes),)), timeout=10)
    return parse_cookies(frame.out, frame.rc)


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
        assert step(host, rotate_host.write_cookies(str(cookie))).rc == 0
        assert look(host, cookie) == HostCookies(NEW, OLD, {})
    assert {path.name: path.stat().st_mode & 0o777 for path in cookie.parent.iterdir()} == {
        "cookie": 0o400,
        "cookie.old": 0o400,
    }


def test_what_a_killed_step_left_half_done_is_done_by_the_next(host: DirectoryHost, cookie: Path) -> None:
    kept = cookie.with_name("cookie.old")
    kept.write_text(OLD.reveal())
    (cookie.parent / ".deployer.cookie.abcdefgh").write_text("half")
    assert step(host, rotate_host.write_cookies(str(cookie))).rc == 0
    assert look(host, cookie) == HostCookies(NEW, OLD, {})
    assert sorted(path.name for path in cookie.parent.iterdir()) == ["cookie", "cookie.old"]


def test_the_old_cookie_is_forgotten_however_often_that_is_asked(host: DirectoryHost, cookie: Path) -> None:
    step(host, rotate_host.write_cookies(str(cookie)))
    for _ in range(2):
        assert step(host, rotate_host.forget(str(cookie))).rc == 0
        assert look(host, cookie) == HostCookies(NEW, None, {})


def test_crash_dumps_that_hold_the_old_cookie_go_with_it(host: DirectoryHost, cookie: Path, tmp_path: Path) -> None:
    dump, device, kept = tmp_path / "erl_crash.dump", Path("/dev/null"), tmp_path / "kept"
    older = tmp_path / "erl_crash.dump.1764104400"
    older.write_text(OLD.reveal())
    kept.write_text("kept")
    for made in (lambda: dump.write_text(OLD.reveal()), lambda: dump.symlink_to(kept), lambda: None):
        made()
        forget = rotate_host.forget(str(cookie), [str(dump), str(device), str(tmp_path / "none")])
        assert step(host, forget).rc == 0
        assert not dump.is_symlink()
        assert not dump.exists()
    assert not older.exists()
    assert kept.read_text() == "kept"
    assert device.is_char_device()


def programs() -> list[Program]:
    path = "/etc/beam/shop/private/cookie"
    steps = (rotate_host.write_cookies(path), rotate_host.renew(RUNS), rotate_host.forget(path))
    made = [rotate_host.cookie_program(text, NEW, become=True) for text in steps]
    return [*made, Program((rotate_host.read_cookies(path, [RUNS]),))]


def test_no_text_holds_a_cookie_and_all_of_it_is_sh() -> None:
    for program in programs():
        assert NEW.reveal() not in encode(program)
        assert NEW.reveal() not in repr(program)
        done = subprocess.run(["dash", "-n"], input=encode(program), text=True, capture_output=True)
        assert done.stdout + done.stderr == ""


@pytest.mark.slow
def test_all_text_of_a_rotation_is_clean_sh() -> None:
    for program in programs():
        assert complaints(encode(program), "SC2317") == ""


@pytest.mark.parametrize(
    "said", ["current", "current ?", "what QQ==", "current QQ=", "current gP8=", "current Q\nx", "\n"]
)
def test_an_odd_answer_is_refused_without_a_word_of_it(said: str) -> None:
    with pytest.raises(ProbeError) as caught:
        parse_cookies(said)
    assert str(caught.value) in {
        "the host's answer about its cookies cannot be understood",
        "the host's current cookie file contains no cookie",
    }


def test_cookies_that_cannot_be_read_are_no_absent_cookies() -> None:
    with pytest.raises(ProbeError, match="root"):
        parse_cookies("current QQ==", 1)


@given(st.text())
def test_no_answer_crashes_the_reader(said: str) -> None:
    try:
        parse_cookies(said)
    except ProbeError:
        return
    assert all(line.split(" ")[0] for line in said.splitlines())


def test_the_cookie_a_node_was_started_with_is_tried_first_and_none_twice() -> None:
    cookies = HostCookies(OLD, OTHER, {"shop.service": OLD})
    assert cookies.candidates("shop.service", NEW) == (OLD, NEW, OTHER)
    assert cookies.candidates("jobs.service", NEW) == (NEW, OLD, OTHER)
