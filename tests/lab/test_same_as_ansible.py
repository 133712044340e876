"""One playbook, run by Ansible on one host and by deployer on another: both leave the same behind, byte for byte."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from deployer.lab import LabHost
from tests.lab.fleet import disk

SAME = Path(__file__).parent / "same"
BIN = Path(sys.executable).parent
LOOK = """
cd /srv/same && find . -printf '%p %y %m %u %g\\n' | sort
find . -type f | sort | while read -r file; do echo "== $file"; base64 -w 0 "$file"; echo; done
dpkg-query -W -f '${Status} ${Version}\\n' sudo
"""


@pytest.fixture(scope="module")
def pair(lab_of) -> tuple[LabHost, ...]:
    return lab_of("python", "python").hosts


def inventory(host: LabHost, directory: Path, **given: str) -> Path:
    """The lab's inventory, with only this host in it, called h; the others that it delegates to are itself, too."""
    told = yaml.safe_load((host.home.parent.parent / "inventory.yml").read_text())
    variables = told["all"]["children"]["lab"]["hosts"][host.name] | given
    file = directory / f"{host.name}.yml"
    others = {"hosts": {"other": dict(variables)}}
    file.write_text(
        yaml.safe_dump({"all": {"children": {"some": {"hosts": {"h": variables}}, "others": others, "nobody": None}}})
    )
    return file


def run(program: list[str | Path], home: Path) -> str:
    (home / "ansible.cfg").write_text("")  # nobody's own configuration
    own = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}
    own |= {
        "ANSIBLE_CONFIG": str(home / "ansible.cfg"),
        "ANSIBLE_HOME": str(home / "ansible"),
        "ANSIBLE_PIPELINING": "1",
    }
    own |= {"ANSIBLE_PYTHON_INTERPRETER": "/usr/bin/python3", "XDG_STATE_HOME": str(home / "state")}
    done = subprocess.run([*map(str, program)], cwd=home, env=own, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


def test_a_playbook_leaves_the_same_behind_under_both(pair, ssh, tmp_path: Path) -> None:
    theirs, ours = pair
    version = ssh(theirs, "dpkg-query -W -f '${Version}' sudo")[1]
    site = [SAME / "site.yml", "-e", f"sudo_version={version}"]
    run([BIN / "ansible-playbook", "-i", inventory(theirs, tmp_path), *site], tmp_path)
    deploy: list[str | Path] = [BIN / "deployer", "deploy", "-i", inventory(ours, tmp_path), *site]
    run(deploy, tmp_path)
    (_, left), (_, right) = ssh(theirs, LOOK), ssh(ours, LOOK)
    assert right.splitlines() == left.splitlines()
    assert "./deep/private/keys d 700 nobody daemon" in left
    for host in pair:
        plan = run([BIN / "deployer", "plan", "-i", inventory(host, tmp_path), *site], tmp_path)
        assert "nothing to do" in plan
        assert "would change" not in plan


BROUGHT = """
cd / && find srv/brought etc/cron.d/brought* etc/hostname -printf '%p %y %m %u %g\\n' | sort
cat etc/cron.d/brought etc/hostname srv/brought/into/pages/index; uname -n; apt-mark showhold
"""


def test_modules_that_people_bring_leave_the_same_behind_under_both(pair, ssh, tmp_path: Path) -> None:
    theirs, ours = pair
    names = [ssh(host, "uname -n")[1].strip() for host in pair]
    run([BIN / "ansible-playbook", "-i", inventory(theirs, tmp_path), SAME / "brought.yml"], tmp_path)
    run([BIN / "deployer", "deploy", "-i", inventory(ours, tmp_path), SAME / "brought.yml"], tmp_path)
    (_, left), (_, right) = ssh(theirs, BROUGHT), ssh(ours, BROUGHT)
    assert right.splitlines() == left.splitlines()
    assert "#Ansible: second" in left
    assert left.split()[-1] == "tar"
    for host in pair:
        plan = run([BIN / "deployer", "plan", "-i", inventory(host, tmp_path), SAME / "brought.yml"], tmp_path)
        assert "nothing to do" in plan
    for host, name in zip(pair, names, strict=True):
        assert ssh(host, f"echo {name} >/etc/hostname; hostname {name}")[0] == 0


def test_blocks_that_fail_run_the_same_tasks_in_the_same_order_under_both(pair, ssh, tmp_path: Path) -> None:
    theirs, ours = pair
    run([BIN / "ansible-playbook", "-i", inventory(theirs, tmp_path), SAME / "blocks.yml"], tmp_path)
    run([BIN / "deployer", "deploy", "-i", inventory(ours, tmp_path), SAME / "blocks.yml"], tmp_path)
    look = "cd /srv/blocks && cat log && find . -printf '%p %y %m %u %g\\n' | sort"
    (_, left), (_, right) = ssh(theirs, look), ssh(ours, look)
    assert right.splitlines() == left.splitlines()
    assert "a1 a2 a4 3 3 a5 b1 b3 False c1 c2 c4 d1 d3 thrown e1 e2 before" in " ".join(left.split())


A_LOGIN = """
useradd -m -s /bin/bash login && install -d -m 700 -o login -g login /home/login/.ssh
install -m 600 -o login -g login /root/.ssh/authorized_keys /home/login/.ssh/authorized_keys
echo 'login ALL=(ALL:ALL) NOPASSWD: ALL' >/etc/sudoers.d/login && chmod 0440 /etc/sudoers.d/login
"""
BECOMING = """
rm -rf /home/*/.ansible
cd / && find srv/becoming home/becoming -printf '%p %y %m %u %g %l\\n' | sort
find srv/becoming home/becoming -type f | sort | while read -r file; do echo "== $file"; cat "$file"; done
for user in root login becoming; do echo "$user: $(crontab -u $user -l 2>/dev/null)"; done
ls -A /home/login; find /tmp /var/tmp -user login -o -user becoming
"""


def test_each_task_is_done_as_the_same_user_under_both(pair, ssh, tmp_path: Path) -> None:
    """The login is not root's; some tasks become root, some another user, and others say nothing."""
    theirs, ours = pair
    for host in pair:
        assert ssh(host, A_LOGIN)[0] == 0
    site = SAME / "becoming.yml"
    readable = ["-e", "ansible_shell_allow_world_readable_temp=true"]  # else it cannot hand a file to another user
    there = inventory(theirs, tmp_path, ansible_user="login")
    run([BIN / "ansible-playbook", "-i", there, site, *readable], tmp_path)
    here = inventory(ours, tmp_path, ansible_user="login")
    run([BIN / "deployer", "deploy", "-i", here, site], tmp_path)
    (_, left), (_, right) = ssh(theirs, BECOMING), ssh(ours, BECOMING)
    assert sorted(set(right.splitlines()) ^ set(left.splitlines())) == []
    assert right.splitlines() == left.splitlines()
    assert "srv/becoming/login/rendered f 640 login login" in left
    assert "login root login" in left
    for host, inventory_of in ((theirs, there), (ours, here)):
        plan = run([BIN / "deployer", "plan", "-i", inventory_of, site], tmp_path)
        assert "nothing to do" in plan, host
        assert "would change" not in plan


SMALL = sorted(file.stem for file in (SAME / "small").glob("*.yml"))
EVERY = 20
"""Of the small playbooks one in so many is tried; ``DEPLOYER_SAME_ALL=1`` tries them all."""
AT_ONCE = 12
"""So many are tried together: Ansible needs its time."""
NEVER_DONE = ("blocks_rescue",)
"""What a plan cannot tell to be done: whether a block's command would fail is known when it has run."""
LEFT = (SAME / "left.sh").read_text()

Told = dict[tuple[str, str], list[tuple[str, str]]]


def chosen() -> list[list[str]]:
    """The small playbooks that are tried, as many as are tried together."""
    some = SMALL if os.environ.get("DEPLOYER_SAME_ALL") else SMALL[::EVERY]
    return [some[at : at + AT_ONCE] for at in range(0, len(some), AT_ONCE)]


def told_of(lines: str) -> Told:
    """What a run has said of each task and item, by its place: verdict, and changes without names of secrets."""
    found: Told = {}
    for event in map(json.loads, lines.splitlines()):
        if event["event"] == "TaskPlanned" and event["verdict"] != "unknown":
            said = (event["verdict"], re.sub("secret:[0-9a-f]+", "secret", json.dumps(event["changes"])))
            found.setdefault((event["where"], event["task"]), []).append(said)
    return found


@pytest.mark.parametrize("some", chosen(), ids=lambda some: some[0])
def test_small_playbooks_leave_the_same_behind_under_both(pair, ssh, tmp_path: Path, some: list[str]) -> None:
    theirs, ours = pair
    shutil.copytree(SAME / "small", tmp_path / "small")
    site = tmp_path / "small" / "site.yml"
    site.write_text("".join(f"- import_playbook: {name}.yml\n" for name in some))
    for host in pair:
        assert ssh(host, "rm -rf /srv/small && mkdir -p /srv/small")[0] == 0
    run([BIN / "ansible-playbook", "-i", inventory(theirs, tmp_path), site], tmp_path)
    given = ["-i", inventory(ours, tmp_path), site]
    written = disk(ours)
    before = told_of(run([BIN / "deployer", "plan", "--json", *given], tmp_path))
    assert disk(ours) == written
    during = told_of(run([BIN / "deployer", "deploy", "--json", *given], tmp_path))
    assert {key: told for key, told in before.items() if not set(told) <= set(during.get(key, ()))} == {}
    left, right = (ssh(host, "sh -s", stdin=LEFT.encode())[1].splitlines() for host in pair)
    assert sorted(set(right) ^ set(left)) == []
    assert right == left
    assert sum(line.startswith("== srv/small/") for line in left) >= len(some) // 2
    site.write_text("".join(f"- import_playbook: {name}.yml\n" for name in some if name not in NEVER_DONE))
    plan = run([BIN / "deployer", "plan", "-i", inventory(ours, tmp_path), site], tmp_path)
    assert "nothing to do" in plan
    assert "would change" not in plan
