"""Facts that a host cannot tell."""

from __future__ import annotations

from deployer.engine.facts import gather
from deployer.transport.local import LocalTransport


def test_where_the_plays_user_is_not_there_yet_the_host_tells_all_but_what_is_his() -> None:
    found, all_of_them = gather(LocalTransport("here"), user="no-such-user"), gather(LocalTransport("here"))
    his = {f"ansible_user_{one}" for one in ("id", "uid", "gid", "dir", "shell", "gecos")} | {"ansible_env"}
    assert set(all_of_them) - set(found) == his
    assert found["ansible_facts"].keys() == {key.removeprefix("ansible_") for key in set(found) - {"ansible_facts"}}
