"""run_once: which host does it, which others know what came of it, and what it was there and then."""

from __future__ import annotations

import pytest

from deployer.engine.roll.host_roll import HostRoll
from deployer.engine.roll.resolving import stand_in
from deployer.engine.roll.rollout import arranged
from deployer.errors import ConfigError, Unreachable
from deployer.options import Options
from deployer.project import load
from tests.unit.project_files import Project, content


def test_what_runs_once_runs_on_the_first_host_that_takes_part(here: Project) -> None:
    play = "- hosts: all\n  tasks:\n    - {copy: {dest: /x, content: x}, run_once: yes}\n"
    here.write("site.yml", play)
    for limit, skipped in (("", ["", "run_once: a does it"]), ("b", [""])):
        loaded = load(Options(playbook="site.yml", inventory=("hosts.yml",), limit=limit))
        ((one, hosts),) = loaded.work()
        resolver = loaded.resolver(one)
        assert [resolver.resolve(host, None).actions[0].skip for host in hosts] == skipped


ONCE = """\
- hosts: all
  serial: 2
  tasks:
    - {name: once, command: id, run_once: true}
    - {name: read, command: "cat {{ inventory_hostname }}", run_once: true, register: said, changed_when: false}
    - {name: there, stat: {path: "/{{ item }}"}, run_once: true, register: them, delegate_to: d, loop: [1, 2]}
    - {set_fact: {who: "{{ inventory_hostname }} {{ port }}"}, run_once: true}
    - {copy: {dest: /x, content: "{{ who }}"}}
    - {debug: {msg: "of {{ ansible_play_batch }}"}}
    - {include_tasks: "{{ 'more' }}.yml", run_once: true}
"""


def test_each_batch_has_what_runs_once_done_by_its_first_host_and_all_of_it_know_the_result(here: Project) -> None:
    hosts = "\n".join(f"    {name}: {{port: {number}}}" for number, name in enumerate("abcde"))
    here.write("hosts.yml", f"all:\n  hosts:\n{hosts}\n")
    here.write("more.yml", "- {name: more, command: id}\n")
    for order, firsts in (("inventory", "aacce"), ("reverse_inventory", "accee")):
        here.write("site.yml", ONCE.replace("serial: 2", f"serial: 2\n  order: {order}"))
        loaded = load(Options(playbook="site.yml", inventory=("hosts.yml",)))
        ((one, some),) = loaded.work()
        resolver = loaded.resolver(one)
        plays = {host.name: resolver.resolve(host, None).actions for host in reversed(some)}
        own = list(zip("abcde", firsts, strict=True))
        for name, first in own:
            once, read, there, again, _, written, batch, *_ = plays[name]
            assert sorted(set(batch.says) & {*"abcde"}) == [other for other, its in own if its == first]
            assert once.skip == ("" if name == first else f"run_once: {first} does it")
            assert str(read.place or name) == first
            assert f"cat {first}" in str(read.module)
            assert {str(there.place or name), str(again.place or name)} == {"d"}
            assert content(written) == f"{first} {'abcde'.index(first)}"
    here.write("site.yml", ONCE.replace(", changed_when: false", ""))
    loaded = load(Options(playbook="site.yml", inventory=("hosts.yml",)))
    ((one, some),) = loaded.work()
    with pytest.raises(ConfigError, match="run_once with register is for what only reads") as caught:
        loaded.resolver(one).resolve(some[1], None)
    assert "changed_when: false" in caught.value.hint


def test_shuffled_hosts_have_what_runs_once_done_by_the_first_of_the_order_in_which_they_take_their_turns(
    here: Project,
) -> None:
    names = [f"h{number}" for number in range(12)]
    here.write("hosts.yml", f"all: {{hosts: {{{', '.join(f'{name}: ' for name in names)}}}}}\n")
    here.write("site.yml", "- {hosts: all, order: shuffle, tasks: [{command: id, run_once: true}]}\n")
    loaded = load(Options(playbook="site.yml", inventory=("hosts.yml",)))
    ((one, hosts),) = loaded.work()
    resolver = loaded.resolver(one)
    did = [host.name for host in hosts if not resolver.resolve(host, None).actions[0].skip]
    assert did == [arranged(names, "shuffle")[0]]


@pytest.mark.parametrize(
    ("serial", "firsts"), [("", "cccc"), ("  serial: 2\n", "aacd"), ("  serial: [1, 50%]\n", "abcb")]
)
def test_the_canary_whose_turn_comes_first_does_what_runs_once(
    here: Project, monkeypatch: pytest.MonkeyPatch, serial: str, firsts: str
) -> None:
    monkeypatch.setenv("LO_COOKIE", "A" * 32)
    words = "nodes: [{name: x, port: 9100, service: x.service}], cluster: {name: x, cookie: {env: LO_COOKIE}}"
    some = ", ".join(f"{name}: {{ansible_host: 127.0.1.{at}}}" for at, name in enumerate("abcd", 1))
    here.write("hosts.yml", f"all: {{hosts: {{{some}}}, vars: {{{words}, rollout: {{canary: c}}}}}}\n")
    tasks = "[{command: id, run_once: true}, {debug: {msg: '{{ ansible_play_batch }}'}}]"
    here.write("site.yml", f"- hosts: all\n{serial}  tasks: {tasks}\n")
    loaded = load(Options(playbook="site.yml", inventory=("hosts.yml",)))
    ((one, hosts),) = loaded.work()
    resolver = loaded.resolver(one)
    actions = [resolver.resolve(host, None).actions for host in hosts]
    assert [once.skip for once, _ in actions] == [
        "" if host.name == first else f"run_once: {first} does it" for host, first in zip(hosts, firsts, strict=True)
    ]
    if serial:
        together = [[name for name, other in zip("abcd", firsts, strict=True) if other == first] for first in firsts]
        assert [batch.says for _, batch in actions] == [str(some) for some in together]


def test_a_host_that_declares_no_node_leaves_what_runs_once_to_the_canary_too(
    here: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LO_COOKIE", "A" * 32)
    words = "nodes: [{name: x, port: 9100, service: x.service}], cluster: {name: x, cookie: {env: LO_COOKIE}}"
    app = f"{{hosts: {{b: , c: }}, vars: {{{words}, rollout: {{canary: c}}}}}}"
    some = ", ".join(f"{name}: {{ansible_host: 127.0.1.{at}}}" for at, name in enumerate("abc", 1))
    here.write("hosts.yml", f"all: {{hosts: {{{some}}}, children: {{app: {app}}}}}\n")
    here.write("site.yml", "- hosts: all\n  tasks: [{command: id, run_once: true}]\n")
    loaded = load(Options(playbook="site.yml", inventory=("hosts.yml",)))
    ((one, hosts),) = loaded.work()
    resolver = loaded.resolver(one)
    skips = [resolver.resolve(host, None).actions[0].skip for host in hosts]
    assert skips == ["run_once: c does it", "run_once: c does it", ""]


ONCE_IN_ITS_PLACE = """\
- set_fact: {x: 1}
- {set_fact: {y: "{{ x }}"}, run_once: true}
- {set_fact: {x: 2, once: 1}, run_once: true, when: once is not defined}
- {set_fact: {l: "{{ l | default([]) + [item] }}"}, loop: [1, 2], run_once: true}
- {debug: {msg: "{{ y }} {{ x }} {{ l }}"}}
- {import_tasks: gated.yml, when: inventory_hostname == 'a'}
"""


def test_what_is_set_once_is_what_it_was_there_and_then(project: Project) -> None:
    project.write("gated.yml", "- {command: id, register: r, changed_when: false, run_once: true}\n- command: id\n")
    project.tasks(ONCE_IN_ITS_PLACE)
    resolver = project.resolver(first="a", hosts=["a", "b"])
    both = [resolver.resolve(resolver._inventory.hosts[name], None).actions for name in "ab"]
    assert [actions[-3].says for actions in both] == ["1 2 [1, 2]"] * 2
    assert [bool(actions[-1].skip) for actions in both] == [False, True], "a gate's word to one host is not another's"


def test_that_the_first_host_is_down_is_no_error_of_the_others(project: Project) -> None:
    words = '- {copy: {dest: /x, content: "{{ ansible_hostname }}"}}\n- {command: id, run_once: true}\n'
    project.tasks(words, gather_facts="true")
    resolver = project.resolver(first="a", hosts=["a", "b"])
    written, once = resolver.resolve(resolver._inventory.hosts["b"], {"ansible_hostname": "web2"}).actions
    assert (content(written), once.skip) == ("web2", "run_once: a does it")


@pytest.mark.parametrize(
    ("serial", "down", "does"),
    [(0, "", "aaaa"), (0, "a", "bbbb"), (0, "ab", "cccc"), (2, "a", "bbcc"), (2, "ac", "bbdd"), (0, "abcd", "aaaa")],
)
def test_the_next_host_that_is_up_does_once_what_one_that_is_down_would_have_done(
    here: Project, serial: int, down: str, does: str
) -> None:
    here.write("hosts.yml", "all: {hosts: {a: , b: , c: , d: }}\n")
    tasks = '  - {name: once, command: "echo {{ inventory_hostname }}", run_once: true}\n'
    tasks += '  - {set_fact: {who: "{{ inventory_hostname }}"}, run_once: true}\n  - {debug: {var: who}}\n'
    here.write("site.yml", f"- hosts: all\n{f'  serial: {serial}' if serial else ''}\n  tasks:\n{tasks}")
    loaded = load(Options(playbook="site.yml", inventory=("hosts.yml",)))
    ((one, hosts),) = loaded.work()
    resolver = loaded.resolver(one)
    runs = [HostRoll(host, 0, play=resolver.resolve(host, None)) for host in hosts]
    for run in runs:
        run.problem = Unreachable("it is down") if run.name in down else None
    stand_in(resolver, runs)
    for run, doer in zip(runs, does, strict=True):
        if run.name in down:
            continue
        assert run.play
        once, _, who = run.play.actions
        assert once.skip == ("" if run.name == doer else f"run_once: {doer} does it")
        assert who.says == f"who: {doer}"
