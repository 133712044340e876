"""The cookie on a host: one secret file, compared by a salted digest."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from deployer.errors import ConfigError
from deployer.fields import build
from deployer.model import Absent, Present, Secret
from deployer.modules.cookie import Cookie
from deployer.sh import Program, encode
from tests.unit.modules.host_text import converge, see

COOKIE = "q8ZbR2vTn5LxK7mWc4Yd9Ps3Hj6Gf1QaUeXoIiVtBrN"


class OwnCookie(Cookie):
    """The same file, of whoever runs the test."""

    def desired(self) -> Present:
        mine = Path.home()
        return Present({**super().desired().keys, "owner": f"{mine.owner()}:{mine.group()}"})


@pytest.fixture
def cookie(tmp_path: Path) -> Cookie:
    return OwnCookie(path=str(tmp_path / "private/cookie"), content=Secret(COOKIE, "cluster.cookie"))


def test_the_file_is_written_whole_and_for_its_owner_alone(cookie: Cookie, tmp_path: Path) -> None:
    assert see(cookie, tmp_path) == Absent()
    assert converge(cookie, tmp_path) == ["state", "type", "owner", "mode", "content"]
    path = Path(cookie.path)
    assert path.read_text() == COOKIE
    assert oct(path.stat().st_mode) == "0o100400"
    assert oct(path.parent.stat().st_mode) == "0o40700"
    assert [left.name for left in path.parent.iterdir()] == ["cookie"]


@pytest.mark.parametrize("key", ["content", "mode", "type"])
def test_drift_is_found_by_its_key_and_mended(cookie: Cookie, tmp_path: Path, key: str) -> None:
    converge(cookie, tmp_path)
    path = Path(cookie.path)
    if key == "mode":
        path.chmod(0o440)
    else:
        path.unlink()
        path.write_text("another") if key == "content" else path.symlink_to("/etc/passwd")
    assert key in converge(cookie, tmp_path)
    assert path.read_text() == COOKIE
    assert not path.is_symlink()


def test_a_link_is_not_followed_into_what_it_names(cookie: Cookie, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_text(COOKIE)
    Path(cookie.path).parent.mkdir()
    Path(cookie.path).symlink_to(other)
    found = see(cookie, tmp_path)
    assert isinstance(found, Present)
    assert "content" not in found.keys


def test_neither_text_nor_keys_nor_a_plain_digest_show_the_cookie(cookie: Cookie, tmp_path: Path) -> None:
    converge(cookie, tmp_path)
    steps = cookie.fix(cookie.differences(Absent()))
    shown = encode(Program((cookie.probe(), *(step.text for step in steps)))) + repr((cookie, steps, cookie.desired()))
    shown += repr(see(cookie, tmp_path))
    assert COOKIE not in shown
    assert hashlib.sha256(COOKIE.encode()).hexdigest()[:16] not in shown


@pytest.mark.parametrize("content", ["", "-x" * 20, "a b" * 20, "x" * 300, COOKIE + "\n", None])
def test_a_cookie_that_a_node_would_misread_is_refused_unshown(content: str | None) -> None:
    with pytest.raises(ConfigError) as caught:
        build(Cookie, {"path": "/etc/beam/shop/private/cookie", "content": content})
    assert not content or content not in str(caught.value)
