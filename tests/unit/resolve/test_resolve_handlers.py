"""Which handlers a host gets, and what may be undefined in one that nothing can notify."""

from __future__ import annotations

import pytest

from deployer.errors import ConfigError
from tests.unit.project_files import Project


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


NOTIFIES = {
    "no": False,
    "other": False,
    "broken": True,
    "topic": True,
    "[other, broken]": True,
    '"{{ port }}"': True,
    "chain": True,
    "first": True,
}


@pytest.mark.parametrize(("notify", "refused"), NOTIFIES.items(), ids=NOTIFIES)
def test_a_handler_that_nothing_can_notify_may_use_what_is_not_defined(
    project: Project, notify: str, refused: bool
) -> None:
    project.write(
        "site.yml",
        f"""\
- hosts: all
  vars: {{port: broken}}
  tasks:
    - {{copy: {{dest: /x, content: x}}, notify: {notify}}}
    - {{copy: {{dest: /y, content: x}}, notify: broken, when: false}}
  handlers:
    - {{name: other, command: x}}
    - {{name: "no", command: x}}
    - {{name: broken, command: "x {{{{ nothing_of_this_name }}}}", listen: topic}}
    - {{name: chain, command: x, notify: broken}}
    - {{name: first, command: x, notify: chain}}
""",
    )
    if refused:
        with pytest.raises(ConfigError, match="nothing_of_this_name"):
            project.resolve()
        return
    broken = project.resolve().handlers[2]
    assert broken.skip == "nothing notifies it: the variable 'nothing_of_this_name' is not defined"


def test_a_handler_that_an_include_may_notify_later_has_to_be_right(project: Project) -> None:
    project.write("more.yml", "- {copy: {dest: /y, content: x}, notify: broken}\n")
    project.write(
        "site.yml",
        """\
- hosts: all
  tasks:
    - {command: x, register: told}
    - {include_tasks: more.yml, loop: "{{ told.stdout_lines }}"}
  handlers:
    - {name: broken, command: "x {{ nothing_of_this_name }}"}
""",
    )
    with pytest.raises(ConfigError, match="nothing_of_this_name"):
        project.resolve()
