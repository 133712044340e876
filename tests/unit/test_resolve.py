from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from project_files import Project

from deployer.errors import ConfigError, SecretError
from deployer.load.variables import extra_variables
from deployer.model import Secret
from deployer.resolve import Action, CliConnection

CANARY = "canary-91c4"


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


def content(action: Action) -> str:
    """Return what a copy or template would write."""
    module: Any = action.module
    found = getattr(module, "content", None)
    found = module.src.text if found is None else found
    found = found.reveal() if isinstance(found, Secret) else getattr(found, "text", found)
    found = found.reveal() if isinstance(found, Secret) else found
    return found.decode() if isinstance(found, bytes) else found


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
    names = ("default", "inventory", "fact", "play", "file", "role", "task", "param", "extra")
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
    role = f"{{role: r, vars: {flow('param')}}}"
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


def test_a_loop_gives_one_action_for_each_item_and_conditions_see_the_item(project: Project) -> None:
    project.tasks(
        """\
- name: put {{ item.name }}
  copy: {dest: "/{{ item.name }}", content: "{{ item.text | default('none') }}"}
  loop: "{{ files }}"
  when: [port == 4000, item.name != 'two']
""",
        vars="{files: [{name: one, text: 1}, {name: two}, {name: three}]}",
    )
    one, two, three = project.actions()
    assert [action.label for action in (one, two, three)] == ["put one => one", "put two => two", "put three => three"]
    assert two.skip == "not: item.name != 'two'"
    assert (content(one), content(three)) == ("1", "none")
    (skipped,) = project.actions("b")
    assert skipped.skip == "not: port == 4000"


def test_an_empty_loop_and_a_false_condition_are_skips_with_a_reason(project: Project) -> None:
    project.tasks("- {command: x, loop: []}\n- {command: '{{ nothing }}', when: port == 1}\n")
    empty, false = project.actions()
    assert empty.skip == "its loop is empty"
    assert false.skip == "not: port == 1"


def test_omit_leaves_an_argument_out(project: Project) -> None:
    project.tasks('- copy: {dest: /x, content: x, owner: "{{ nobody | default(omit) }}"}')
    assert project.actions()[0].module.owner is None


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


@pytest.mark.parametrize(
    ("tags", "skip_tags", "run"),
    [
        ((), (), "plain a b always"),
        (("a",), (), "a always"),
        (("a", "never"), (), "a always never"),
        (("n",), (), "always never"),
        (("all",), (), "plain a b always"),
        (("tagged",), (), "a b always"),
        (("untagged",), (), "plain always"),
        ((), ("a",), "plain b always"),
        ((), ("always",), "plain a b"),
        ((), ("tagged",), "plain always"),
        (("a", "b"), ("b",), "a always"),
    ],
)
def test_tags_choose_as_in_ansible(
    project: Project, tags: tuple[str, ...], skip_tags: tuple[str, ...], run: str
) -> None:
    it = "command: {cmd: x, creates: /x}"
    project.tasks(
        f"- {{name: plain, {it}}}\n- {{name: a, {it}, tags: a}}\n- {{name: b, {it}, tags: [b]}}\n"
        f"- {{name: always, {it}, tags: always}}\n- {{name: never, {it}, tags: [never, n]}}\n"
    )
    actions = project.actions(tags=tags, skip_tags=skip_tags)
    assert " ".join(action.label for action in actions if not action.skip) == run


def test_handlers_are_resolved_and_notified_by_their_templated_names(project: Project) -> None:
    project.write(
        "site.yml",
        """\
- hosts: all
  tasks:
    - {copy: {dest: /x, content: x}, notify: "restart {{ name }}"}
  handlers:
    - name: restart {{ name }}
      systemd: {name: "{{ name }}.service", state: restarted}
  vars: {name: shop}
""",
    )
    found = project.resolve()
    assert found.actions[0].notify == ("restart shop",)
    assert [handler.label for handler in found.handlers] == ["restart shop"]
    text = (project.directory / "site.yml").read_text()
    project.write("site.yml", text.replace('notify: "restart {{ name', 'notify: "restart {{ inventory_hostname'))
    with pytest.raises(ConfigError, match="no handler 'restart b'"):
        project.resolve("b")


# Connections --------------------------------------------------------------------------------------------------------


def test_a_connection_comes_from_variables_and_then_from_the_command_line(project: Project) -> None:
    project.write(
        "hosts.yml",
        """\
all:
  hosts:
    a:
      ansible_host: "{{ net }}.7"
      ansible_port: "2222"
      ansible_user: deploy
      ansible_ssh_private_key_file: /keys/id
      ansible_become: true
      ansible_become_password: {env: BECOME_PASSWORD}
      ansible_ssh_common_args: -o ProxyJump=bastion -oStrictHostKeyChecking=yes -o "ConnectTimeout 5"
      ansible_python_interpreter: /usr/bin/python3
    b: {ansible_connection: local}
  vars: {net: 10.9.8}
""",
    )
    project.tasks("- command: x")
    cli = CliConnection(user="cli", private_key=Path("/cli"), become_password=Secret("cli"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BECOME_PASSWORD", CANARY)
        resolver = project.resolver(cli=cli)
        a, b = (resolver.connection(host) for host in resolver._inventory.hosts.values())
    assert (a.address, a.port, a.user, a.private_key, a.become) == ("10.9.8.7", 2222, "deploy", Path("/keys/id"), True)
    assert a.become_password == Secret(CANARY)
    assert a.ssh_options == {"proxyjump": "bastion", "stricthostkeychecking": "yes", "connecttimeout": "5"}
    assert CANARY not in repr(a)
    assert (b.address, b.user, b.private_key, b.local, b.become) == ("b", "cli", Path("/cli"), True, False)


@pytest.mark.parametrize(
    ("variable", "problem", "hint"),
    [
        ("ansible_password: x", "ansible_password is not supported", "keys"),
        ("ansible_ssh_common_args: -o ForwardAgent=yes", "ForwardAgent", "ProxyJump"),
        ("ansible_ssh_common_args: -A", "-A", "ProxyJump"),
        ("ansible_port: 22:22", "ansible_port must be a whole number", ""),
        ("ansible_become: yes", "ansible_become must be true or false", "true or false"),
        ("ansible_connection: docker", "cannot be 'docker'", "local"),
        ("ansible_become_method: su", "cannot be 'su'", "sudo"),
        ("ansible_host: -oProxyCommand=id", "is not a host name or address", ""),
        ("ansible_host: 'a b'", "is not a host name or address", ""),
        ("ansible_host: '::1%eth0'", "is not a host name or address", ""),
    ],
)
def test_a_wrong_connection_variable_is_refused_with_its_place(
    project: Project, variable: str, problem: str, hint: str
) -> None:
    project.write("hosts.yml", f"all:\n  hosts:\n    a:\n      {variable}\n")
    project.tasks("- command: x")
    with pytest.raises(ConfigError) as caught:
        project.resolve()
    assert caught.value.where == f"{project.directory}/hosts.yml:4:7"
    assert problem in caught.value.message
    assert hint in caught.value.hint


@pytest.mark.parametrize(
    ("play", "task", "user"),
    [
        ({}, "command: {cmd: x, creates: /x}", None),
        ({"become": "true"}, "command: {cmd: x, creates: /x}", None),
        ({"become": "true"}, "command: {cmd: x, creates: /x}\n  become_user: app", "app"),
        ({"become": "true", "become_user": "app"}, "shell: {cmd: x, creates: /x}", "app"),
        ({"become": "true"}, "command: {cmd: x, creates: /x}\n  become: false", "deploy"),
        ({}, "command: {cmd: x, creates: /x}\n  become: true\n  become_user: app", "app"),
        ({}, "command: {cmd: x, creates: /x}\n  become_user: app", None),
    ],
)
def test_a_command_runs_as_the_user_that_play_and_task_ask_for(
    project: Project, play: dict[str, str], task: str, user: str | None
) -> None:
    project.write("hosts.yml", "all: {hosts: {a: {ansible_user: deploy}}}\n")
    project.tasks(f"- {task}", **play)
    found = project.resolve()
    assert found.actions[0].user == user
    assert found.become is ("true" in play.get("become", "") or "become: true" in task)


def test_what_cannot_run_as_somebody_else_says_so(project: Project) -> None:
    project.tasks("- {copy: {dest: /x, content: x}, become_user: app}", become="true")
    with pytest.raises(ConfigError, match="copy cannot run as app"):
        project.resolve()


# Secrets ------------------------------------------------------------------------------------------------------------


def test_a_secret_stays_a_secret_in_arguments_loops_and_labels(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOKEN", CANARY)
    project.write("templates/t.j2", "token={{ token }}\n")
    project.tasks(
        """\
- {name: "put {{ token }}", copy: {dest: /a, content: {env: TOKEN}}}
- {name: b, template: {src: t.j2, dest: /b}}
- {name: c, copy: {dest: "/{{ item.n }}", content: "{{ item.t }}"}, loop: [{n: c, t: "{{ token }}"}]}
- {name: d, copy: {dest: /d, content: x}, loop: ["{{ token }}"]}
""",
    )
    found = project.resolve(extra_vars={"token": Secret(CANARY)})
    a, b, c, _ = found.actions
    assert [content(action) for action in (a, b, c)] == [CANARY, f"token={CANARY}\n", CANARY]
    assert [action.label for action in found.actions] == ["***", "b", "c => {'n': 'c', 't': '***'}", "d => ***"]
    assert CANARY not in repr(found)


def test_a_secret_in_an_environment_or_where_text_is_needed_is_refused_without_showing_it(project: Project) -> None:
    secret = {"token": Secret(CANARY)}
    for text in ("- {command: x, environment: {TOKEN: '{{ token }}'}}", "- command: echo {{ token }}"):
        project.tasks(text)
        with pytest.raises(ConfigError) as caught:
            project.resolve(extra_vars=secret)
        assert "secret" in caught.value.message
        assert CANARY not in str(caught.value)


def test_a_file_source_is_relative_to_the_file_that_says_it(project: Project) -> None:
    project.write("group_vars/all.yml", "words: {file: secret.txt}\n")
    project.write("group_vars/secret.txt", f"{CANARY}\n")
    project.tasks('- copy: {dest: /x, content: "{{ words }}"}')
    assert content(project.actions()[0]) == CANARY


def test_a_secret_that_cannot_be_read_is_an_error_before_any_host_is_touched(project: Project) -> None:
    project.tasks("- copy: {dest: /x, content: {env: NOBODY_SETS_THIS}}")
    with pytest.raises(SecretError, match="NOBODY_SETS_THIS is not set"):
        project.resolve()


# Errors -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "column", "problem", "hint"),
    [
        ("- copy: {dest: /x, content: x, mode: 0644}", 36, "mode must be in quotes", 'mode: "0644"'),
        ("- copy: {dest: /x, content: x, mode: 644}", 36, "mode must be in quotes", 'mode: "0644"'),
        ("- file: {path: /x, state: directry}", 24, "cannot be 'directry'", "directory"),
        ("- copy: {dset: /x}", 14, "unknown word 'dset'", "'dest'"),
        ("- file: {path: relative}", 14, "path", ""),
        ("- cpoy: {dest: /x}", 13, "no module 'cpoy'", "'copy'"),
        ("- copy: {src: nothing.conf, dest: /x}", 14, "there is no file 'nothing.conf'", "files/nothing.conf"),
        ('- copy: {dest: /x, content: "{{ prot }}"}', 33, "'prot' is not defined", "'port'"),
        ("- {command: x, when: prot == 1}", 26, "'prot' is not defined", "'port'"),
        ("- {command: x, loop: '{{ port }}'}", 26, "loop needs a list", ""),
        ("- {command: x, environment: {A-B: x}}", 34, "'A-B' is not the name", ""),
        ("- user: {name: app, system: yes}", 25, "system must be true or false", "write true or false"),
    ],
)
def test_a_wrong_task_is_refused_with_its_place(
    project: Project, text: str, column: int, problem: str, hint: str
) -> None:
    project.tasks(text)
    with pytest.raises(ConfigError) as caught:
        project.resolve()
    assert caught.value.where == f"{project.directory}/site.yml:3:{column}"
    assert problem in caught.value.message
    assert hint in caught.value.hint


def test_two_tasks_that_want_one_file_to_differ_are_refused_with_both_places(project: Project) -> None:
    project.tasks("- copy: {dest: /x, content: one}\n- copy: {dest: /x, content: two}\n")
    with pytest.raises(ConfigError) as caught:
        project.resolve()
    assert "site.yml:3:7" in caught.value.message
    assert caught.value.where.endswith("site.yml:4:7")
    project.tasks("- {copy: {dest: /x, content: one}, when: port == 1}\n- copy: {dest: /x, content: two}\n")
    assert len(project.actions()) == 2


# The fleet ----------------------------------------------------------------------------------------------------------

FLEET = """\
all:
  children:
    shop:
      hosts:
        a: {ansible_host: 10.0.0.1}
        b: {ansible_host: 10.0.0.2, nodes: [{name: jobs, service: jobs.service}]}
      vars:
        cluster: {name: shop, cookie: {env: COOKIE}}
        nodes: [{name: shop, service: shop.service}]
    late:
      hosts:
        c:
          ansible_host: 10.0.0.3
          cluster: {name: shop, cookie: {env: COOKIE}}
          nodes: [{name: shop, service: shop.service}]
        d:
          ansible_host: 10.0.0.4
          cluster: {name: other, cookie: {env: NOBODY_SETS_THIS}}
          nodes: [{name: shop, service: shop.service}]
        e: {ansible_host: 10.0.0.5}
"""
COOKIE = "hT3vQ9xLm7Zr2KpW8sYb4NcJd6FgAe1UoXiRz5Bk"


def test_templates_see_the_fleet_s_words_with_defaults_and_members_filled_in(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COOKIE", COOKIE)
    project.write("hosts.yml", FLEET)
    text = (
        "{{ cluster.members | map(attribute='node') | sort | join(' ') }} {{ cluster.epmd_port }} {{ nodes[0].name }}"
    )
    tasks = f'- copy: {{dest: /x, content: "{text}"}}\n- copy: {{dest: /c, content: "{{{{ cluster.cookie }}}}"}}\n'
    project.tasks(tasks)
    project.write("site.yml", (project.directory / "site.yml").read_text().replace("hosts: all", "hosts: shop"))
    found = project.resolve("b")
    own, members = found.fleet
    assert own
    assert [member.host for member in members] == ["a", "b", "c"], "other clusters' secrets are not even looked at"
    assert content(found.actions[0]) == "jobs@10.0.0.2 shop@10.0.0.1 shop@10.0.0.3 4369 jobs"
    assert content(found.actions[1]) == COOKIE
    assert COOKIE not in repr(found)


def test_a_host_that_declares_nothing_has_no_fleet(project: Project) -> None:
    project.tasks("- command: {cmd: x, creates: /x}")
    assert project.resolve().fleet == (None, ())


def test_a_wrong_word_of_the_fleet_is_refused_with_its_place(project: Project) -> None:
    project.write("hosts.yml", FLEET.replace("{name: shop, cookie: {env: COOKIE}}", "{nmae: shop}", 1))
    project.tasks("- command: {cmd: x, creates: /x}")
    with pytest.raises(ConfigError) as caught:
        project.resolve()
    assert caught.value.where == f"{project.directory}/hosts.yml:8:19"
    assert "'name'" in caught.value.hint


def test_extra_variables_come_in_three_forms(tmp_path: Path) -> None:
    (tmp_path / "more.yml").write_text("c: 3\n")
    found = extra_variables(["a=1 b='x y'", "{d: [1]}", f"@{tmp_path}/more.yml"])
    assert found == {"a": "1", "b": "x y", "c": 3, "d": [1]}
    with pytest.raises(ConfigError, match="NAME=VALUE"):
        extra_variables(["novalue"])


@pytest.mark.parametrize(
    ("task", "hint"),
    [
        ("command: systemctl restart shop", "say when it is needed: creates"),
        ("shell: 'true'", "say when it is needed: creates"),
        ("systemd: {name: shop, state: restarted}", "make it a handler"),
        ("ansible.builtin.service: {name: shop, state: reloaded}", "make it a handler"),
    ],
)
def test_an_act_without_an_end_state_belongs_into_handlers(project: Project, task: str, hint: str) -> None:
    project.tasks(f"- {task}")
    with pytest.raises(ConfigError, match="it would run every time") as caught:
        project.actions()
    assert hint in caught.value.hint
    project.write("site.yml", f"- hosts: all\n  tasks: []\n  handlers:\n  - {task}\n")
    assert project.resolve().handlers[0].module.act()


def test_a_handler_that_would_do_nothing_is_refused(project: Project) -> None:
    project.write("site.yml", "- hosts: all\n  tasks: []\n  handlers:\n  - copy: {dest: /a, content: x}\n")
    with pytest.raises(ConfigError, match="copy does nothing when it is notified"):
        project.resolve()


ROLL = """\
- hosts: all
  serial: {serial}
  hooks:
    before_switch:
      - {{name: "drain {{{{ inventory_hostname }}}}", command: drain, delegate_to: localhost}}
      - {{command: migrate, run_once: true, when: port == 4000}}
    after_start:
      - systemd: {{name: proxy, state: reloaded}}
"""


def test_batches_and_hooks_are_rendered_for_each_host(project: Project) -> None:
    project.write("site.yml", ROLL.format(serial="['{{ port - 3998 }}', 25%]"))
    one, other = project.resolve("a"), project.resolve("b")
    assert (one.limits.serial, other.limits.serial) == ((2, "25%"), (3, "25%"))
    assert [(hook.label, hook.task.local, hook.skip) for hook in other.before_switch] == [
        ("drain b", True, ""),
        ("command", False, "not: port == 4000"),
    ]
    assert [hook.task.run_once for hook in one.before_switch] == [False, True]
    assert one.after_start[0].module.act()[-1].what == "reload proxy.service"


@pytest.mark.parametrize("serial", ["0", "101%", "[]", "some", "-1", "'{{ greeting }}'"])
def test_a_size_that_is_none_is_refused_with_its_place(project: Project, serial: str) -> None:
    project.write("site.yml", ROLL.format(serial=serial))
    with pytest.raises(ConfigError, match="serial") as caught:
        project.resolve()
    assert caught.value.where.startswith(f"{project.directory}/site.yml:2:")


def test_a_hook_has_to_act(project: Project) -> None:
    project.write("site.yml", "- hosts: all\n  hooks: {after_start: [{copy: {dest: /x, content: x}}]}\n")
    with pytest.raises(ConfigError, match="copy does nothing") as caught:
        project.resolve()
    assert "hooks act" in caught.value.hint


def test_the_fleet_s_serial_is_what_the_shipped_plays_ask_for(project: Project, monkeypatch: Any) -> None:
    monkeypatch.setenv("COOKIE", COOKIE)
    project.write("hosts.yml", FLEET)
    project.write("site.yml", "- hosts: shop\n  serial: '{{ rollout.serial }}'\n  tasks: []\n")
    assert project.resolve("b").limits.serial == (1, "25%")
