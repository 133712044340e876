"""What an ansible.cfg says, which one counts, and that the command line wins."""

from __future__ import annotations

from pathlib import Path

import pytest

from deployer.errors import ConfigError
from deployer.load.ansible_cfg import configured
from deployer.options import Options
from deployer.project import load
from tests.unit.project_files import Project

CFG = """\
[defaults]
inventory = hosts, more/
roles_path = ../shared:~/roles:/opt/roles
remote_user = ops
private_key_file = keys/id
vault_password_file = $WHERE/pass
forks = 7
host_key_checking = False   ; said
stdout_callback = yaml

[ssh_connection]
pipelining = True
"""


def test_ansible_cfg_says_where_things_are(here: Project) -> None:
    assert configured() == configured({}), "nothing is found"
    here.write("ansible.cfg", CFG)
    found = configured()
    assert found.inventory == ("hosts", "more")
    assert found.roles_path == (Path("../shared"), here.directory / "home/roles", Path("/opt/roles"))
    assert (found.remote_user, found.private_key_file, found.forks) == ("ops", "keys/id", 7)
    assert found.vault_password_file == "/run/where/pass"
    (note,) = found.notes
    assert "host_key_checking = False" in note
    assert "checked all the same" in note


def test_the_first_ansible_cfg_that_is_found_counts(here: Project) -> None:
    here.write("home/.ansible.cfg", "[defaults]\nremote_user = home\n")
    assert configured({"HOME": str(here.directory / "home")}).remote_user == "home"
    here.write("ansible.cfg", "[defaults]\nforks = 3\n")
    assert (configured().remote_user, configured().forks) == ("", 3)
    other = here.write("other/mine.cfg", "[defaults]\nprivate_key_file = id\n")
    assert configured({"ANSIBLE_CONFIG": str(other)}).private_key_file == str(other.parent / "id")
    here.directory.chmod(0o777)
    found = configured()
    assert (found.remote_user, found.forks) == ("home", 0), "everybody could have written it"
    assert "everybody can write" in found.notes[0]


@pytest.mark.parametrize(
    ("text", "problem"), [("forks = 3\n", "is no ansible.cfg"), ("[defaults]\nforks = many\n", "forks is 'many'")]
)
def test_an_ansible_cfg_that_is_wrong_is_refused(here: Project, text: str, problem: str) -> None:
    here.write("ansible.cfg", text)
    with pytest.raises(ConfigError, match=problem) as caught:
        configured()
    assert caught.value.where == "ansible.cfg"


def test_the_command_line_wins_over_ansible_cfg(here: Project) -> None:
    here.write("hosts", "a\n")
    here.write("shared/r/tasks/main.yml", "- copy: {dest: /x, content: x}\n")
    here.write("ansible.cfg", "[defaults]\ninventory = hosts\nroles_path = shared\nremote_user = ops\nforks = 7\n")
    here.write("site.yml", "- {hosts: all, roles: [r]}\n")
    loaded = load(Options(playbook="site.yml"))
    ((play, (host,)),) = loaded.work()
    assert (host.name, play.tasks[0].role, loaded.options.forks) == ("a", "r", 7)
    assert loaded.resolver(play).connection(host).user == "ops"
    loaded = load(Options(playbook="site.yml", inventory=("hosts.yml",), user="me", forks=9))
    ((play, hosts),) = loaded.work()
    assert ([one.name for one in hosts], loaded.options.forks) == (["a", "b"], 9)
    assert loaded.resolver(play).connection(hosts[0]).user == "me"
