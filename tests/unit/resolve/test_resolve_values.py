"""What arguments become: variables in Ansible's order, templates, files, facts."""

from __future__ import annotations

import json
import os
from contextlib import nullcontext
from pathlib import Path
from textwrap import indent as inside

import pytest

from deployer.errors import ConfigError
from deployer.load.inventory import load_inventory
from deployer.load.playbook import load_playbook
from deployer.load.secrets import Vaults
from deployer.load.variables import extra_variables
from deployer.load.vault import VaultPassword
from deployer.load.vault_files import encrypt_string
from deployer.model import Secret
from deployer.resolve import Resolver, trees
from deployer.resolve.action import Awaiting
from tests.unit.modules.tables import answer, differing
from tests.unit.project_files import Project, content


def test_arguments_are_templated_for_each_host_and_validated(project: Project) -> None:
    project.tasks(
        """- copy: {dest: "/etc/{{ inventory_hostname }}", content: "{{ greeting }} {{ port }}", mode: "0644"}"""
    )
    for host, said in (("a", "hello 4000"), ("b", "hello 4001")):
        (action,) = project.actions(host)
        assert action.module.dest == f"/etc/{host}"
        assert content(action) == said
        assert action.module.mode == "0644"


def test_variables_win_in_ansible_s_order(project: Project) -> None:
    names = ("default", "inventory", "fact", "play", "file", "role", "entry", "task", "param", "extra")
    levels = {name: {f"v{i}": name for i in range(index, len(names))} for index, name in enumerate(names)}

    def flow(name: str) -> str:
        return "{" + ", ".join(f"{key}: {value}" for key, value in levels[name].items()) + "}"

    project.write("hosts.yml", f"all: {{hosts: {{a: {flow('inventory')}}}}}\n")
    project.write("file.yml", flow("file"))
    project.write("roles/r/defaults/main.yml", flow("default"))
    project.write("roles/r/vars/main.yml", flow("role"))
    said = " ".join(f"{{{{ v{i} }}}}" for i in range(len(names)))
    project.write(
        "roles/r/tasks/main.yml", f"- {{command: {{cmd: 'echo {said}', creates: /x}}, vars: {flow('task')}}}\n"
    )
    role = f"{{role: r, vars: {flow('entry')}, {flow('param')[1:-1]}}}"
    project.write("site.yml", f"- {{hosts: all, vars: {flow('play')}, vars_files: [file.yml], roles: [{role}]}}\n")
    (action,) = project.resolve(facts=levels["fact"], extra_vars=levels["extra"]).actions
    assert action.module.cmd == "echo " + " ".join(names)


def test_templates_are_rendered_and_files_are_found_where_ansible_looks(project: Project) -> None:
    project.write("roles/r/templates/conf.j2", "{{ greeting }} from {{ role_name }}\n")
    project.write("roles/r/files/data", b"\x00\xff")
    project.write("files/other", "beside the playbook")
    tasks = "- template: {src: conf.j2, dest: /c}\n- copy: {src: data, dest: /d}\n- copy: {src: other, dest: /o}\n"
    project.write("roles/r/tasks/main.yml", tasks)
    project.write("site.yml", "- {hosts: all, roles: [r]}\n")
    conf, data, other = project.actions()
    assert content(conf) == "hello from r\n"
    assert data.module.src.text == b"\x00\xff"
    assert content(other) == "beside the playbook"


def test_a_large_file_is_hashed_once_for_all_hosts_and_never_held(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    import hashlib

    path = project.write("files/big", b"x" * (2 * 1024 * 1024))
    project.tasks("- copy: {src: big, dest: /big}")
    digests: list[str] = []
    real = hashlib.file_digest
    monkeypatch.setattr(hashlib, "file_digest", lambda *args: digests.append("read") or real(*args))
    resolver = project.resolver()
    blobs = {resolver.resolve(host, None).actions[0].module.src for host in resolver._inventory.hosts.values()}
    (blob,) = blobs
    assert (blob.path, blob.text, blob.size) == (path, None, 2 * 1024 * 1024)
    assert digests == ["read"]


def test_a_file_that_is_another_one_meanwhile_is_read_anew_though_its_time_is_kept(project: Project) -> None:
    source = project.write("a.j2", "one {{ port }}")
    project.tasks("- template: {src: a.j2, dest: /a}\n- copy: {src: a.j2, dest: /b}\n")
    resolver, said = project.resolver(), list[str]()
    for name, text in (("a", "one"), ("b", "two")):
        fresh = project.write("fresh", f"{text} {{{{ port }}}}")
        os.utime(fresh, (0, 0))
        fresh.replace(source)
        said += map(content, resolver.resolve(resolver._inventory.hosts[name], None).actions)
    assert said == ["one 4000", "one {{ port }}", "two 4001", "two {{ port }}"]


def test_all_variables_can_be_looked_at_without_going_round_in_them(project: Project) -> None:
    project.tasks("- debug: {var: hostvars}\n- debug: {msg: '{{ hostvars.b | to_json }}'}\n- debug: {var: vars}\n")
    every, of_b, mine = (action.says for action in project.actions())
    assert "'port': 4000" in every
    assert "'port': 4001" in every
    assert (json.loads(of_b)["port"], "vars" in json.loads(of_b)) == (4001, False)
    assert "'port': 4000" in mine


def test_omit_leaves_an_argument_out(project: Project) -> None:
    project.tasks('- copy: {dest: /x, content: x, owner: "{{ nobody | default(omit) }}"}')
    assert project.actions()[0].module.owner is None


def test_a_block_that_prints_one_value_alone_gives_that_value(project: Project) -> None:
    chosen = "{% if inventory_hostname == 'nobody' %}{{ 1 }}{% else %}{{ omit }}{% endif %}"
    project.tasks(f"""\
- copy: {{dest: "/{{{{ item }}}}", content: x, owner: "{chosen}"}}
  loop: "{{% if true %}}{{{{ ['a', 'b'] }}}}{{% endif %}}"
""")
    assert [(one.module.dest, one.module.owner) for one in project.actions()] == [("/a", None), ("/b", None)]
    project.tasks('- copy: {dest: /x, content: x, owner: "{% if true %}{{ omit }} {% endif %}"}')
    with pytest.raises(ConfigError, match="omit stands alone"):
        project.actions()


def test_facts_are_data_that_is_never_templated(project: Project) -> None:
    project.tasks("""- copy: {dest: /x, content: "{{ ansible_hostname }} {{ ansible_facts.kernel }}"}""")
    facts = {"ansible_hostname": "{{ 7 * 7 }}", "ansible_facts": {"kernel": "{% raw %}"}}
    assert content(project.resolve(facts=facts).actions[0]) == "{{ 7 * 7 }} {% raw %}"


@pytest.mark.parametrize(
    ("text", "play", "needed"),
    [
        ("- command: 'true'", {}, False),
        ("- command: echo {{ ansible_hostname }}", {}, True),
        ("- {command: x, when: ansible_os_family == 'Debian'}", {}, True),
        ("- command: echo {{ ansible_host }}", {}, False),
        ("- template: {src: t.j2, dest: /t}", {}, True),
        ("- command: 'true'", {"vars": "{x: '{{ ansible_facts.kernel }}'}"}, True),
        ("- command: 'true'", {"gather_facts": "true"}, True),
        ("- command: echo {{ ansible_hostname }}", {"gather_facts": "false"}, False),
    ],
)
def test_facts_are_needed_where_something_names_one(
    project: Project, text: str, play: dict[str, str], needed: bool
) -> None:
    project.write("templates/t.j2", "{{ ansible_fqdn }}")
    project.tasks(text, **play)
    assert project.resolver().needs_facts is needed


def test_extra_variables_come_in_three_forms(tmp_path: Path) -> None:
    (tmp_path / "more.yml").write_text("c: 3\n")
    found = extra_variables(["a=1 b='x y'", "{d: [1]}", f"@{tmp_path}/more.yml"])
    assert found == {"a": "1", "b": "x y", "c": 3, "d": [1]}
    with pytest.raises(ConfigError, match="NAME=VALUE"):
        extra_variables(["novalue"])


def test_what_a_managed_file_says_of_itself_can_be_chosen(project: Project) -> None:
    project.tasks('- copy: {dest: /c, content: "# {{ ansible_managed }}"}')
    assert content(project.actions()[0]).startswith("# Written by deployer")
    assert content(project.actions(extra_vars={"ansible_managed": "MINE"})[0]) == "# MINE"
    project.write("group_vars/all.yml", "ansible_managed: Ansible managed\n")
    assert content(project.actions()[0]) == "# Ansible managed"


def test_a_mapping_as_content_is_written_as_json(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    for said in ("{a: 1, b: ['{{ port }}', é]}", "'{{ given }}'"):
        project.tasks(f"- copy: {{dest: /x, content: {said}}}\n", vars="{given: {a: 1, b: ['{{ port }}', é]}}")
        assert content(project.actions()[0]) == '{"a": 1, "b": [4000, "\\u00e9"]}'
    monkeypatch.setenv("TOKEN", "canary-91c4")
    project.tasks("- copy: {dest: /x, content: {a: \"{{ lookup('env', 'TOKEN') }}\"}}\n")
    assert "canary" in content(project.actions()[0])
    result = '- {command: id, register: r}\n- copy: {dest: /x, content: {a: "{{ r }}"}}\n'
    project.tasks(result)
    assert isinstance(project.actions()[1].module, Awaiting)


def test_a_vaulted_value_may_be_a_part_of_content(project: Project) -> None:
    password = VaultPassword("default", Secret("pw"))
    vaulted = inside(encrypt_string(Secret("canary-91c4"), password, "a"), "          ")
    project.write("site.yml", f"- hosts: all\n  tasks:\n    - copy:\n        dest: /x\n        content:\n{vaulted}")
    (action,) = project.actions(vaults=Vaults.of(password))
    assert content(action) == '{"a": "canary-91c4"}'
    assert "canary" not in repr(action)


TREE = """\
- name: all
  copy: {src: SRC, dest: /srv/there/, mode: "0640", directory_mode: "0750", owner: root}
  register: done
- {copy: {dest: /srv/said, content: "{{ done.changed }}"}}
"""


@pytest.mark.parametrize(
    ("src", "root"), [("tree", "/srv/there/tree"), ("tree/", "/srv/there"), ("'{{ name }}'", "/srv/there/tree")]
)
def test_a_directory_is_copied_file_by_file(project: Project, src: str, root: str) -> None:
    for name in ("b {{ c }}", "sub/a", "sub/deep/x"):
        project.write(f"files/tree/{name}", f"of {name}")
    (project.directory / "files/tree/empty").mkdir()
    project.tasks(TREE.replace("SRC", src), vars="{name: tree}")
    *parts, _ = project.actions()
    made = {one.label: tuple(getattr(one.module, word, "") for word in ("path", "dest", "mode")) for one in parts}
    assert made == {
        "all => .": (root, "", "0750"),
        "all => empty": (f"{root}/empty", "", "0750"),
        "all => sub": (f"{root}/sub", "", "0750"),
        "all => sub/deep": (f"{root}/sub/deep", "", "0750"),
        "all => b {{ c }}": ("", f"{root}/b {{{{ c }}}}", "0640"),
        "all => sub/a": ("", f"{root}/sub/a", "0640"),
        "all => sub/deep/x": ("", f"{root}/sub/deep/x", "0640"),
    }
    assert content(parts[-1]) == "of sub/deep/x"
    there = answer(type="directory", at="nobody:65534:root:0:700")
    assert all(differing(one.module, there) == {} for one in parts[:4]), "one that is there keeps its own"


@pytest.mark.parametrize("there", ["true", "yes", "'{{ remote }}'"])
def test_a_directory_on_the_host_is_none_of_this_machine(project: Project, there: str) -> None:
    tree = project.write("tree/a", "of a").parent
    project.tasks(f"- copy: {{src: {tree}, dest: /srv, remote_src: {there}}}", vars="{remote: true}")
    (one,) = project.actions()
    assert one.label == "copy"


@pytest.mark.parametrize(
    ("most", "link", "said"),
    [(2000, "", ""), (2, "", "more than 2 directories"), (2000, ".", "tree/sub/round is a link to a directory")],
)
def test_of_a_directory_all_is_copied_or_nothing(
    project: Project, monkeypatch: pytest.MonkeyPatch, most: int, link: str, said: str
) -> None:
    for name in ("a", "sub/b"):
        project.write(f"plays/files/tree/{name}", name)
    (project.directory / "plays/files/tree/zz").mkdir()
    if link:
        (project.directory / "plays/files/tree/sub/round").symlink_to(link)
    monkeypatch.setattr(trees, "_MOST", most)
    project.write("plays/site.yml", "- hosts: all\n  tasks:\n    - copy: {src: tree, dest: /srv}\n")
    monkeypatch.chdir(project.directory)  # the paths of a playbook may be relative ones
    inventory, (play,) = load_inventory([Path("hosts.yml")]), load_playbook(Path("plays/site.yml"))
    with pytest.raises(ConfigError, match=said) if said else nullcontext():
        actions = Resolver(inventory, play).resolve(inventory.hosts["a"], None).actions
        assert [one.label.removeprefix("copy => ") for one in actions] == [".", "sub", "zz", "a", "sub/b"]
