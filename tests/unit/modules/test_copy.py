"""``copy``: what differs is planned, a secret is in no text, a draft is validated before it takes the place."""

from __future__ import annotations

import base64
import hashlib
import os
import re
import subprocess
from pathlib import Path

import pytest

from deployer.errors import ConfigError, ProbeError
from deployer.model import Absent, Blob, Present, Secret, Unknown
from deployer.sh import Program, encode
from deployer.sh.frame import prelude
from tests.unit.modules.host_text import converge, do
from tests.unit.modules.tables import answer, differing, fixed, make, sha
from tests.unit.sh_runner import frames

AT = "root:0:root:0:644"
COOKIE = "correcthorsebatterystaple0123456789"


def there(text: str, at: str = AT, *, shown: bool = True) -> str:
    old = {"old": base64.b64encode(text.encode()).decode()} if shown else {}
    return answer(type="file", at=at, sha=sha(text), **old)


@pytest.mark.parametrize(
    ("args", "out", "expected"),
    [
        (
            {"content": "new\n"},
            "",
            {"state": ("absent", "present"), "type": (None, "file"), "content": (None, "new\n")},
        ),
        ({"content": "new\n"}, there("new\n", shown=False), {}),
        ({"content": "new\n"}, there("old\n"), {"content": ("old\n", "new\n")}),
        ({"content": "new\n", "mode": "600"}, there("new\n"), {"mode": ("0644", "0600")}),
        ({"content": "new\n", "owner": "shop"}, there("new\n"), {"owner": ("root", "shop")}),
        ({"content": "new\n", "owner": "0", "group": "0"}, there("new\n", "x:0:y:0:644"), {}),
        ({"content": "a"}, answer(type="link", at=AT, target="b"), {"type": ("link", "file"), "content": (None, "a")}),
        ({"content": "a"}, answer(type="file", at=AT, size="8796093022208"), {"content": ("8796093022208 bytes", "a")}),
        ({"content": "a"}, answer(type="file", at=AT, sha="0" * 64), {"content": ("sha256:" + "0" * 64, "a")}),
        ({"src": Blob.of(b"\xff")}, there("x", shown=False), {"content": (f"sha256:{sha('x')}", f"sha256:{_}")})
        if (_ := hashlib.sha256(b"\xff").hexdigest())
        else (),
    ],
)
def test_a_plan_says_what_differs(args: dict[str, object], out: str, expected: object) -> None:
    assert differing(make("copy", dest="/etc/motd", **args), out) == expected


@pytest.mark.parametrize(
    ("args", "complaint"),
    [
        ({"dest": "etc/motd", "content": ""}, "absolute"),
        ({"dest": "/etc/../motd", "content": ""}, r"\.\."),
        ({"dest": "/etc/motd/", "content": ""}, "slash"),
        ({"dest": "/etc/motd\n", "content": ""}, "control"),
        ({"dest": "/etc/motd"}, "either src or content"),
        ({"dest": "/etc/motd", "content": "", "src": Blob.of("")}, "either src or content"),
        ({"dest": "/etc/motd", "content": "", "mode": 420}, "quotes"),
        ({"dest": "/etc/motd", "content": "", "mode": "u=rw"}, "octal"),
        ({"dest": "/etc/motd", "content": "", "mode": "99"}, "octal"),
        ({"dest": "/etc/motd", "content": "", "owner": "-x"}, "letters"),
        ({"dest": "/etc/motd", "content": "", "validate": "visudo -cf"}, "%s"),
        ({"dest": "/etc/motd", "content": "", "vallidate": "x"}, "validate"),
    ],
)
def test_what_cannot_be_meant_is_refused(args: dict[str, object], complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        make("copy", **args)


def test_a_directory_in_the_place_of_a_file_is_refused() -> None:
    with pytest.raises(ConfigError, match="is a directory"):
        make("copy", dest="/etc", content="x").parse(answer(type="directory", at=AT))


@pytest.mark.parametrize("out", [answer(type="file", at=AT), answer(type="file", at="root"), answer(type="file")])
def test_an_answer_without_its_parts_is_no_answer(out: str) -> None:
    with pytest.raises(ProbeError):
        make("copy", dest="/etc/motd", content="x").parse(out)


def test_only_attributes_that_differ_need_no_new_file() -> None:
    text = fixed(make("copy", dest="/a", content="x", mode="0600", owner="shop"), there("x"))
    assert text == "adorn /a shop '' 0600"


def test_a_validation_sees_the_draft_before_it_is_put_in_place() -> None:
    text = fixed(make("copy", dest="/a", content="x", validate="visudo -cf %s"), "")
    assert re.search(
        r'^draft .*\n.*exec timeout -k 5 60 env -- visudo -cf "\$draft" +\) .*\nsettle /a$', text, re.DOTALL
    )


def test_a_validation_runs_as_a_login_runs_it(tmp_path: Path) -> None:
    command = f"sh -c 'umask >{tmp_path}/mask; yes | head -n 1 >{tmp_path}/one' sh %s"
    module = make("copy", dest=f"{tmp_path}/file", content="x", validate=command)
    assert do(module.fix(module.differences(Absent())), tmp_path) == ""
    mask = os.umask(0)
    os.umask(mask)
    assert ((tmp_path / "mask").read_text(), (tmp_path / "one").read_text()) == (f"{mask:04o}\n", "y\n")


def test_a_secret_is_in_no_text_no_key_and_no_plain_digest() -> None:
    module = make("copy", dest="/etc/cookie", content=Secret(COOKIE))
    desired = module.desired()
    assert isinstance(desired, Present)
    seen = module.parse(answer(type="file", at="root:0:root:0:600", sha="0" * 64))
    steps = module.fix(module.differences(seen))
    program = Program(tuple(step.text for step in steps), writes=True, blobs=steps[0].blobs)
    everything = repr((module, desired, seen, steps, module.probe().text, encode(program)))
    assert COOKIE not in everything
    assert sha(COOKIE) not in everything
    assert desired.keys["mode"] == "0600"


def test_a_secret_is_recognised_by_its_salted_digest() -> None:
    module = make("copy", dest="/etc/cookie", content=Secret(COOKIE))
    salt = re.search(r"printf %s (\w+)", module.probe().text)
    assert salt
    assert differing(module, answer(type="file", at="root:0:root:0:600", sha=sha(salt[1] + COOKIE))) == {}
    other = differing(module, answer(type="file", at="root:0:root:0:600", sha=sha(salt[1] + "other")))
    assert re.fullmatch("secret:different [0-9a-f]{16}", other["content"][0])


def test_a_file_that_is_there_stays_where_force_is_false_and_is_kept_where_backup_is_true(tmp_path: Path) -> None:
    seen = f"type=file\x1eat=root:0:root:0:644\x1esha={'0' * 64}\x1e"
    assert differing(make("copy", dest="/etc/x", content="new"), seen)
    assert differing(make("copy", dest="/etc/x", content="new", force=False), seen) == {}
    assert differing(make("copy", dest="/etc/x", content="new", force=False), "")
    file = tmp_path / "file"
    file.write_text("old")
    made = make("copy", dest=str(file), content="new", backup=True)
    (step,) = made.fix(made.differences(made.parse(seen)))
    (tmp_path / "blob").write_text("new")
    program = f"marker=x run=x hears=no leased=\n{prelude()}\nset -- {tmp_path}/blob\n{step.text}"
    subprocess.run(["dash", "-eu"], input=program, text=True, check=True)
    (kept,) = tmp_path.glob("file.*~")
    assert (file.read_text(), kept.read_text()) == ("new", "old")


def test_a_file_of_the_host_is_copied_on_the_host(tmp_path: Path) -> None:
    src, dest = tmp_path / "it's $(x)", tmp_path / "there"
    src.write_bytes(b"\0one\n")
    made = make("copy", src=str(src), dest=str(dest), remote_src=True, mode="0600", backup=True)
    assert converge(made, tmp_path) == ["state", "type", "content", "mode"]
    assert (dest.read_bytes(), dest.stat().st_mode & 0o777) == (b"\0one\n", 0o600)
    src.write_bytes(b"two\n")
    assert converge(made, tmp_path) == ["content"]
    assert [file.read_bytes() for file in tmp_path.glob("there.*~")] == [b"\0one\n"]
    into = make("copy", src=str(src), dest=f"{tmp_path}/folder/", remote_src=True)
    (frame,) = frames(Program((into.probe(),)), ["dash"], tmp_path)
    assert (frame.rc, frame.out) == (3, f"the directory {tmp_path}/folder/ is not there yet")
    (tmp_path / "folder").mkdir()
    assert "content" in converge(into, tmp_path)
    assert (tmp_path / "folder" / src.name).read_bytes() == b"two\n"


def test_what_an_earlier_task_makes_of_the_source_is_unknown() -> None:
    made = make("copy", src="/opt/tool/bin/tool", dest="/usr/local/bin/tool", remote_src=True)
    seen = Present({"type": "file", "content": "same"})
    assert isinstance(made.predict(frozenset({"/opt/tool"}), seen), Unknown)
    assert made.predict(frozenset({"/opt/tool/bin/other", "/opt/to"}), seen) == seen


@pytest.mark.parametrize(
    "args",
    [
        {"src": "x", "remote_src": True},
        {"src": "/srv/x/", "remote_src": True},
        {"content": "x", "remote_src": True},
        {"src": "/srv/x"},
        {"content": "x", "dest": "/srv/x/"},
    ],
)
def test_what_cannot_be_copied_is_refused(args: dict[str, object]) -> None:
    with pytest.raises(ConfigError):
        make("copy", **{"dest": "/srv/y", **args})
