"""RabbitMQ's modules: what a plan says of what rabbitmqctl tells, and that no argv has a password."""

from __future__ import annotations

import json
from typing import Any

import pytest

from deployer.errors import ConfigError, ProbeError
from tests.unit.modules.tables import answer, differing, fixed, make

VHOSTS = json.dumps([{"name": "/", "tracing": False}, {"name": "/shop", "tracing": True}])
USERS = json.dumps([{"user": "guest", "tags": ["administrator"]}, {"user": "shop", "tags": []}])
MAY = json.dumps([
    {"vhost": "/shop", "configure": ".*", "write": ".*", "read": ".*"},
    {"vhost": "/", "configure": "^$", "write": "^$", "read": ".*"},
])  # fmt: skip
POLICY = {"vhost": "/", "name": "all", "pattern": ".*", "apply-to": "queues", "priority": 2}
POLICIES = json.dumps([{**POLICY, "definition": '{"ha-sync-mode":"automatic","ha-mode":"all"}'}])
ALL = {"configure_priv": ".*", "write_priv": ".*", "read_priv": ".*"}
TAGS = {"ha-mode": "all", "ha-sync-mode": "automatic"}


@pytest.mark.parametrize(
    ("module", "args", "found", "differ"),
    [
        ("vhost", {"name": "/shop", "tracing": True}, {"found": VHOSTS}, {}),
        ("vhost", {"name": "/shop"}, {"found": VHOSTS}, {"tracing": ("yes", "no")}),
        ("vhost", {"name": "/x"}, {"found": VHOSTS}, {"state": ("absent", "present"), "tracing": (None, "no")}),
        ("vhost", {"name": "/x", "state": "absent"}, {"found": VHOSTS}, {}),
        ("vhost", {"name": "/", "state": "absent"}, {"found": VHOSTS}, {"state": ("present", "absent")}),
        ("plugin", {"names": "a,b"}, {"found": "a b"}, {}),
        ("plugin", {"names": "a, b"}, {"found": "a c"}, {"b": ("disabled", "enabled"), "c": ("enabled", "disabled")}),
        ("plugin", {"names": ["a"], "new_only": True}, {"found": "a c"}, {}),
        ("plugin", {"names": ["a"], "state": "disabled"}, {"found": "a c"}, {"a": ("enabled", "disabled")}),
        ("user", {"user": "guest", "state": "absent"}, {"found": USERS, "may": "[]"}, {"state": ("present", "absent")}),
        ("user", {"user": "x", "state": "absent"}, {"found": USERS, "may": ""}, {}),
        ("user", {"user": "shop", "vhost": "/shop", **ALL}, {"found": USERS, "may": MAY}, {}),
        ("user", {"user": "shop", "configure_priv": "", "write_priv": "", "read_priv": ".*"},
         {"found": USERS, "may": MAY}, {"permissions": ("/\t^$\t^$\t.*", "/\t\t\t.*")}),
        ("user", {"user": "shop", "tags": "a,b", "vhost": "/shop", **ALL}, {"found": USERS, "may": MAY},
         {"tags": ("", "a b")}),
        ("user", {"user": "shop", "permissions": [{"vhost": "/shop", **ALL}]}, {"found": USERS, "may": MAY},
         {"permissions": ("/\t^$\t^$\t.*\n/shop\t.*\t.*\t.*", "/shop\t.*\t.*\t.*")}),
        ("policy", {"name": "all", "pattern": ".*", "apply_to": "queues", "priority": "2", "tags": TAGS},
         {"found": POLICIES}, {}),
        ("policy", {"name": "all", "pattern": ".*", "apply_to": "queues", "priority": 3, "tags": TAGS},
         {"found": POLICIES}, {"priority": ("2", "3")}),
        ("policy", {"name": "all", "state": "absent"}, {"found": POLICIES}, {"state": ("present", "absent")}),
    ],
)  # fmt: skip
def test_what_differs(module: str, args: dict[str, Any], found: dict[str, str], differ: dict[str, Any]) -> None:
    assert dict(differing(make(f"rabbitmq_{module}", **args), answer(**found))) == differ


def test_a_password_is_in_no_text() -> None:
    user = make("rabbitmq_user", user="new", password="canary", tags=["monitoring"])
    out = answer(found=USERS, may="")
    text = fixed(user, out)
    assert 'ctl add_user new <"$1"' in text
    assert "ctl set_user_tags new monitoring" in text
    (step,) = user.fix(user.differences(user.parse(out)))
    assert [blob.size for blob in step.blobs] == [len("canary")]
    always = make("rabbitmq_user", user="new", password="canary", update_password="always")
    assert always.handler_only
    (step,) = always.act()
    assert "canary" not in f"{step}{user.probe()}{text}"


def test_what_is_taken_away_goes_before_what_is_given() -> None:
    user = make("rabbitmq_user", user="shop", permissions=[{"vhost": "/new", **ALL}])
    text = fixed(user, answer(found=USERS, may=MAY))
    assert text.index("clear_permissions -p / shop") < text.index("set_permissions -p /new shop '.*' '.*' '.*'")


@pytest.mark.parametrize(
    ("module", "args", "problem"),
    [
        ("vhost", {"name": "-x"}, "begin with -"),
        ("plugin", {"names": "a;b"}, "is not the name of a plugin"),
        ("policy", {"name": "x"}, "needs pattern and tags"),
        ("user", {"user": "x", "force": True}, "delete the user at every run"),
        ("user", {"user": "x", "update_password": "always"}, "needs a password"),
        ("user", {"user": "x", "permissions": [{"host": "/"}]}, "unknown word 'host'"),
        ("user", {"user": "x", "permissions": [{"vhost": "/"}, {"vhost": "/"}]}, "named twice"),
    ],
)
def test_what_is_refused(module: str, args: dict[str, Any], problem: str) -> None:
    with pytest.raises(ConfigError, match=problem):
        make(f"rabbitmq_{module}", **args)


@pytest.mark.parametrize("said", ["nonsense", "{}", "[1]"])
def test_an_answer_that_is_none_is_told(said: str) -> None:
    with pytest.raises(ProbeError, match="rabbitmqctl said"):
        differing(make("rabbitmq_vhost", name="x"), answer(found=said))
