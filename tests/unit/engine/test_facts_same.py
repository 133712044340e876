"""Facts of this very machine: what ours says is what Ansible's setup says, under the same names."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from deployer.engine.facts import gather
from deployer.load.undefined import FACT
from deployer.transport.local import LocalTransport

pytestmark = pytest.mark.slow  # ansible-core is the witness

SAME = (
    *("ansible_hostname", "ansible_nodename", "ansible_domain", "ansible_kernel", "ansible_system"),
    *("ansible_architecture", "ansible_os_family", "ansible_distribution", "ansible_distribution_version"),
    *("ansible_distribution_major_version", "ansible_distribution_release", "ansible_memtotal_mb", "ansible_pkg_mgr"),
    *("ansible_swaptotal_mb", "ansible_user_id", "ansible_user_uid", "ansible_user_gid", "ansible_user_dir"),
    *("ansible_user_shell", "ansible_user_gecos"),
)


@pytest.fixture(scope="module")
def theirs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    home = tmp_path_factory.mktemp("ansible")
    (home / "ansible.cfg").write_text("")
    env = {**os.environ, "ANSIBLE_HOME": str(home), "ANSIBLE_CONFIG": str(home / "ansible.cfg")}
    word = f"ansible_python_interpreter={sys.executable}"
    program = [Path(sys.executable).parent / "ansible", "localhost", "-c", "local", "-m", "setup", "-e", word]
    done = subprocess.run(program, env=env, cwd=home, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    found: dict[str, Any] = json.loads(done.stdout.partition("=>")[2])["ansible_facts"]
    return found


@pytest.fixture(scope="module")
def ours() -> dict[str, Any]:
    return gather(LocalTransport("here"))


@pytest.mark.parametrize("name", SAME)
def test_a_fact_is_ansibles(name: str, ours: dict[str, Any], theirs: dict[str, Any]) -> None:
    assert ours[name] == theirs[name]


def test_a_machine_says_its_network_its_user_and_its_time(ours: dict[str, Any], theirs: dict[str, Any]) -> None:
    card = theirs["ansible_default_ipv4"].get("interface", "lo")  # others come and go while this runs
    for said in (ours, theirs):
        assert {"lo", card} <= set(said["ansible_interfaces"])
        assert said[f"ansible_{card}"]["ipv4"]["address"] == said["ansible_default_ipv4"].get("address", "127.0.0.1")
        assert said[f"ansible_{card}"]["ipv4"]["address"] in ["127.0.0.1", *said["ansible_all_ipv4_addresses"]]
    for word in ("address", "interface", "gateway"):
        assert ours["ansible_default_ipv4"].get(word, "") == theirs["ansible_default_ipv4"].get(word, "")
    assert ours["ansible_env"]["HOME"] == ours["ansible_user_dir"]
    assert "/usr/bin" in ours["ansible_env"]["PATH"].split(":")
    assert set(ours["ansible_date_time"]) <= set(theirs["ansible_date_time"])
    assert ours["ansible_date_time"]["tz"] == theirs["ansible_date_time"]["tz"]
    assert ours["ansible_lsb"]["codename"] == theirs["ansible_distribution_release"]
    assert ours["ansible_facts"]["user_id"] == ours["ansible_user_id"]


def test_whoever_names_a_fact_has_it_asked_for(ours: dict[str, Any]) -> None:
    assert not [name for name in ours if not FACT.fullmatch(name) and "device" not in ours[name]]
