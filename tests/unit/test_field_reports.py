"""What people reported of other tools, tried on this one; docs/field-reports.md has the list with what comes out."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from deployer.beam import cookie
from deployer.errors import ConfigError
from deployer.load.inventory import Inventory, load_inventory
from deployer.transport import ssh_lines, ssh_words
from tests.unit.project_files import Project, content

PAGE = (Path(__file__).parents[2] / "docs" / "field-reports.md").read_text()
COPY = "- copy: {{dest: '/x{{{{ {} }}}}', content: y}}\n  {}\n  when: {}"


def inventory(project: Project, text: str, name: str = "production") -> Inventory:
    return load_inventory([project.write(f"somewhere/{name}", text)])


def refused(run: Callable[[], object]) -> str:
    with pytest.raises(ConfigError) as caught:
        run()
    return str(caught.value)


def template(project: Project, text: bytes) -> str:
    project.write("templates/t.j2", text)
    project.tasks("- template: {src: t.j2, dest: /x}")
    return content(project.actions()[0])


def skips(project: Project, task: str) -> list[str]:
    project.tasks(task)
    return [action.skip for action in project.actions()]


def handlers(project: Project, tasks: str, text: str) -> list[tuple[str, ...]]:
    body = "".join(f"    {line}\n" for line in text.splitlines())
    project.write("site.yml", f"- hosts: all\n  tasks:\n    - {tasks}\n  handlers:\n{body}")
    play = project.resolver().play
    return [task.notify for task in (*play.tasks, *play.handlers)]


def ssh(text: str, tmp_path: Path) -> ssh_words.SshSettings:
    (tmp_path / "config").write_text(text)
    (tmp_path / "local").write_text("User included\n")
    return ssh_words.evaluate_config(ssh_lines.read_ssh_config(tmp_path / "config", tmp_path, tmp_path), "web1")


def of(*reports: str) -> None:
    """Hold the list to what is tried here."""
    for report in reports:
        assert report in PAGE, f"docs/field-reports.md does not have {report}"


def test_conditions_come_before_the_loop_they_guard(project: Project) -> None:
    of("ansible/ansible#66657", "#17484", "#13791", "#45976")
    assert skips(project, COPY.format("item", "loop: '{{ nothing | dict2items }}'", "nothing is defined"))[0]
    assert skips(project, COPY.format("item.a", "loop: [{a: '{{ source }}'}]", "source is defined"))[0]
    assert skips(project, COPY.format("item", "loop: '{{ none_such }}'", "none_such is defined"))[0]


def test_a_template_of_another_encoding_is_refused_with_its_name(project: Project) -> None:
    of("ansible/ansible#43667")
    assert "templates/t.j2: is not UTF-8" in refused(lambda: template(project, b"caf\xe9\n"))


def test_a_template_with_windows_line_ends_gives_unix_ones(project: Project) -> None:
    of("ansible/ansible-modules-core#2321")
    assert template(project, b"#!/bin/sh\r\necho {{ greeting }}\r\n") == "#!/bin/sh\necho hello\n"


@pytest.mark.parametrize("line", ["{% include 'o.j2' %}", "{% import 'o.j2' as o %}", "{% extends 'o.j2' %}"])
def test_a_template_that_wants_another_one_says_what_is_not_supported(project: Project, line: str) -> None:
    of("ansible/ansible#11931", "#20442")
    said = refused(lambda: template(project, f"one\n{line}\n".encode()))
    assert "t.j2:2: the template is wrong: {% " in said
    assert "is not supported; put what is shared into a variable" in said


def test_a_handler_is_found_by_name_and_topic_also_when_a_handler_notifies_it(project: Project) -> None:
    of("ansible/ansible#80880", "#82363", "#17855")
    chain = "- {name: a, command: x, notify: web}\n"
    chain += "".join(f"- {{name: {name}, command: x, listen: web}}\n" for name in "bc")
    assert handlers(project, "{command: {cmd: x, creates: /y}, notify: a}", chain) == [("a",), ("b", "c"), (), ()]
    both = "- {name: web, command: x}\n- {name: b, command: x, listen: web}\n"
    assert handlers(project, "{command: {cmd: x, creates: /y}, notify: web}", both)[0] == ("web", "b")


def test_localhost_is_a_host_like_others_and_the_error_says_so(project: Project) -> None:
    of("ansible/ansible#17012")
    said = refused(lambda: inventory(project, "web1\n").select("localhost"))
    assert "localhost: {ansible_connection: local}" in said


def test_names_that_another_reader_stumbles_over(project: Project) -> None:
    of("ansible/ansible#30624", "#77519", "appuio/ansible-ini2yaml#7", "ansible/ansible#5894")
    usa = inventory(project, "all: {children: {webservers-usa: {hosts: {foo: }}}}", "a.yml")
    assert usa.members["webservers-usa"] == ("foo",)
    assert list(inventory(project, "all: {hosts: {3750: {ansible_host: 3750.arc.net}}}", "b.yml").hosts) == ["3750"]
    assert "'3750' cannot be the name of a group" in refused(
        lambda: inventory(project, "3750: {hosts: {x: }}", "c.yml")
    )
    assert len(inventory(project, "[web]\nweb[1:5].example.com\n").hosts) == 5
    said = refused(lambda: inventory(project, "[ru]\na\n[celeryworkers:childen]\nru\n"))
    assert "production:3:1: [celeryworkers:childen] is no section" in said
    assert "[my web] is no section" in refused(lambda: inventory(project, "[my web]\na\n"))


def test_an_inventory_from_windows_is_read(project: Project) -> None:
    of("erlang.mk#627")
    found = inventory(project, "\ufeff[web]\r\nweb1 ansible_host=10.0.0.1\r\n[web:vars]\r\nname=shop\r\n").hosts["web1"]
    assert dict(found.vars) == {"name": "shop", "ansible_host": "10.0.0.1"}


def test_a_port_behind_a_name_is_a_port_in_every_form(project: Project) -> None:
    of("saltstack/salt#23626")
    for name, text in (("a.yml", "all: {hosts: {'web1:2222': {}}}"), ("b", "web1:2222\n")):
        host = inventory(project, text, name).hosts["web1"]
        assert host.vars["ansible_port"] == 2222


def test_a_cookie_that_an_option_would_swallow(project: Project) -> None:
    of("bitwalker/distillery#117", "#59")
    cookie.check_cookie(
        "+GU/boXwlDkbKnLrfV8mZCO/BMgU1OfBb3mGfy0lPRq6rKK16vnosq"
    )  # it goes by a file, never by an option
    assert "begins with '-'" in refused(
        lambda: cookie.check_cookie("-GU/boXwlDkbKnLrfV8mZCO/BMgU1OfBb3mGfy0lPRq6rKK16vnosq")
    )


@pytest.mark.parametrize(
    ("report", "text", "said"),
    [
        ("paramiko/paramiko#2632", "Match localnetwork 9.8.7.6/32\n  ProxyJump wrong\n", {}),
        ("paramiko/paramiko#2361", "Match final all\n  User all\n", {"user": ("all",)}),
        ("paramiko/paramiko#2522", "Match host=*\n  User star\n", {"user": ("star",)}),
        ("paramiko/paramiko#1992", 'Match final !originalhost proxy !exec "test -S /x"\n  ProxyCommand x\n', {}),
        ("paramiko/paramiko#1729", "Match host blahblah\n  User x\n", {}),
        ("#2339", "Match all\nInclude local\n", {"user": ("included",)}),
        (
            "paramiko/paramiko#1544",
            "host i-* web*\n  ProxyCommand sh -c \"aws ssm --target %h --parameters 'portNumber=%p'\"\n",
            {"proxycommand": ("sh -c \"aws ssm --target %h --parameters 'portNumber=%p'\"",)},
        ),
        ("#1582", 'Match OriginalHost other exec "touch canary"\n  User bar\n', {}),
    ],
)
def test_ssh_configurations_that_break_another_reader(
    tmp_path: Path, report: str, text: str, said: dict[str, tuple[str, ...]]
) -> None:
    of(report)
    assert ssh(text, tmp_path) == {"hostname": ("web1",), **said}
    assert not (tmp_path / "canary").exists()


def test_the_list_names_each_report_once_and_what_came_out() -> None:
    rows = [re.split(r"(?<!\\)\|", line) for line in PAGE.splitlines() if re.match(r"\| \[", line)]
    reports = re.findall(r"\[([\w./-]*#\d+)\]\(https://github\.com/([\w./-]+)\)", PAGE)
    assert len(rows) >= 20
    assert len(reports) == len(set(reports))
    assert all(len(row) == 5 and row[3].strip() for row in rows)
