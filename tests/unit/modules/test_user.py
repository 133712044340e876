"""``user``: one text makes or fixes an account, and nothing adds a field to the passwd file."""

from __future__ import annotations

from pathlib import Path

import pytest

from deployer.errors import ConfigError, ProbeError
from deployer.model import Secret
from deployer.resolve.spelling import spelled
from deployer.salts import salt
from tests.unit.modules.tables import answer, differing, fixed, make, sha
from tests.unit.sh_runner import frames, probe


def there(**other: str) -> str:
    given = {"entry": "shop:x:990:990:The shop:/var/lib/shop:/bin/sh", "group": "shop", "groups": "shop adm"}
    return answer(**given | {"home_made": "yes"} | other)


@pytest.mark.parametrize(
    ("args", "out", "expected"),
    [
        ({}, there(), {}),
        ({"create_home": False}, "", {"state": ("absent", "present")}),
        ({"uid": 991, "shell": "/bin/bash"}, there(), {"uid": ("990", "991"), "shell": ("/bin/sh", "/bin/bash")}),
        ({"comment": "The shop", "home": "/var/lib/shop", "group": "shop"}, there(), {}),
        ({"groups": ["adm"]}, there(), {}),
        ({"groups": []}, there(), {"groups": ("adm", "")}),
        ({"groups": ["sudo"]}, there(), {"groups": ("adm", "sudo")}),
        ({"groups": ["adm"], "append": True}, there(groups="shop adm sudo"), {}),
        ({"groups": ["sudo", "adm"], "append": True}, there(), {"groups": ("adm", "adm,sudo")}),
        ({"groups": ["shop", "adm"]}, there(), {}),
        ({"password_lock": True}, there(locked="no", sha=sha("")), {"locked": ("no", "yes")}),
        ({}, there(home_made="no"), {"home_made": ("no", "yes")}),
        ({"expires": 1893456000, "password_expire_max": 90}, there(aging="0:90:7::21915"), {}),
        ({"expires": 1893456000}, there(aging="0:99999:7::"), {"expires": ("never", "2030-01-01")}),
        ({"expires": -1}, there(aging="0:99999:7::0"), {"expires": ("1970-01-01", "never")}),
        ({"expires": -1}, there(aging="0:99999:7::9999999"), {"expires": ("9999999 days after 1970", "never")}),
        ({"password_expire_account_disable": -1}, there(aging="0:99999:7::"), {}),
        ({"password_expire_min": 1}, there(aging="0:99999:7::"), {"password_expire_min": ("0", "1")}),
        ({"state": "absent"}, there(), {"state": ("present", "absent")}),
        ({"state": "absent"}, "", {}),
    ],
)
def test_a_plan_says_what_differs(args: dict[str, object], out: str, expected: object) -> None:
    assert differing(make("user", name="shop", **args), out) == expected


@pytest.mark.parametrize("name", ["", "Shop", "-shop", "0shop", "shop\n", "a b", "x" * 33, "$(id)"])
def test_a_name_that_useradd_would_refuse_is_refused_here(name: str) -> None:
    with pytest.raises(ConfigError):
        make("user", name=name)


@pytest.mark.parametrize("field", ["comment", "home", "shell"])
def test_nothing_slips_another_field_into_the_passwd_file(field: str) -> None:
    with pytest.raises(ConfigError):
        make("user", name="shop", **{field: "/x:0:0"})


def test_root_stays() -> None:
    with pytest.raises(ConfigError, match="never"):
        make("user", name="root", state="absent")


@pytest.mark.parametrize("entry", ["shop", "shop:x:a:b:::", "shop:x:1:1::/"])
def test_an_entry_that_is_none_is_refused(entry: str) -> None:
    with pytest.raises(ProbeError):
        make("user", name="shop").parse(there(entry=entry))


def test_the_same_text_makes_or_mends_an_account() -> None:
    text = fixed(make("user", name="shop", uid=990, groups=["adm"], append=True, create_home=False, system=True), "")
    assert "usermod -a -u 990 -G adm -- shop" in text
    assert "-u 990 -G adm -M -r -- shop" in text


def test_the_hash_of_a_password_never_leaves_the_host() -> None:
    probe = make("user", name="shop", password_lock=True).probe().text
    assert "getent shadow" in probe
    assert "emit shadow" not in probe


HASH = "$6$salt$CANARY"


def test_a_password_is_set_when_it_is_another_one_and_never_shown() -> None:
    same, other = (there(locked="no", sha=sha(salt() + text)) for text in (HASH, "$6$another"))
    made = make("user", name="shop", password=HASH)
    assert (differing(made, same), set(differing(made, other))) == ({}, {"password"})
    (step,) = made.fix(made.differences(made.parse(other)))
    assert 'chpasswd -e <"$1"' in step.text.text
    assert "CANARY" not in made.probe().text + step.text.text + repr(step.blobs) + str(made.parse(other))
    assert isinstance(step.blobs[0].text, Secret)
    assert step.blobs[0].text.reveal() == f"shop:{HASH}\n"
    kept = make("user", name="shop", password=HASH, update_password="on_create")
    assert '[ -z "$made" ] || chpasswd' in fixed(kept, "")
    assert (differing(kept, there()), "chpasswd" in fixed(kept, "")) == ({}, True)
    assert "chpasswd" not in fixed(
        make("user", name="shop", password=HASH, uid=7), there(uid="8", locked="no", sha=sha(salt() + HASH))
    )


@pytest.mark.parametrize("aging", ["", "1:2:3:4", "1:2:3:4:x"])
def test_what_is_no_entry_of_the_shadow_file_is_refused(aging: str) -> None:
    with pytest.raises(ProbeError, match="shadow"):
        make("user", name="shop", expires=-1).parse(there(aging=aging))


def test_how_a_password_ages_is_set_by_one_command_whether_the_account_is_new_or_not() -> None:
    made = make("user", name="shop", expires=-1, password_expire_max=90, password_expire_warn=14)
    assert "chage -M 90 -W 14 -E -1 -- shop" in fixed(made, "")
    assert "chage -M 90 -W 14 -E -1 -- shop" in fixed(made, there(aging="0:99999:7::"))
    # A date would be one of the host's time zone.
    assert "chage -E 21915 -- shop" in fixed(make("user", name="shop", expires=1893456000), there(aging="0:99999:7::"))
    with pytest.raises(ConfigError, match="seconds since 1970"):
        make("user", name="shop", expires=10**15).desired()


def test_of_the_shadow_file_only_ages_are_told(tmp_path: Path) -> None:
    made = make("user", name="shop", expires=-1)
    (frame,) = frames(probe(ENTRY % "$6$CANARY" + made.probe().text), ["dash"], tmp_path)
    assert (frame.rc, differing(made, frame.out)) == (0, {})
    assert "CANARY" not in frame.out


ENTRY = """id() { echo shop; }
getent() { case $1 in shadow) echo 'shop:%s:19000:0:99999:7:::' ;; *) echo shop:x:990:990::/:/bin/sh ;; esac; }
"""


@pytest.mark.parametrize(("there", "same"), [("!", True), ("!!", True), ("", False), ("*", False), ("$6$a$b", False)])
def test_an_account_that_anybody_may_use_is_not_one_that_nobody_may(tmp_path: Path, there: str, same: bool) -> None:
    made = make("user", name="shop", password="!")
    (frame,) = frames(probe(ENTRY % there + made.probe().text), ["dash"], tmp_path)
    assert frame.rc == 0, frame.out
    assert list(differing(made, frame.out)) == ([] if same else ["password"])


@pytest.mark.parametrize("password", ["", "plain CANARY", "$6$a:b", "$6$a\nroot:x"])
def test_a_password_that_is_no_hash_is_refused_and_not_quoted(password: str) -> None:
    with pytest.raises(ConfigError, match="not a password hash") as caught:
        make("user", name="shop", password=password)
    assert "CANARY" not in str(caught.value)


@pytest.mark.parametrize(("said", "meant"), [("", []), ("adm, sudo", ["adm", "sudo"]), ("adm", "adm")])
def test_groups_are_what_join_makes_of_a_list_of_none_too(said: str, meant: object) -> None:
    assert spelled("user", "groups", said, {}) == meant
