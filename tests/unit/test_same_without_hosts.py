"""Which definition of a variable wins, and what templates give: one run of ansible-core says it for all cases."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
import yaml

from deployer.load.inventory import load_inventory
from deployer.load.playbook import load_playbook
from deployer.load.secrets import Vaults
from deployer.resolve import Resolver, RunWords, judge
from tests.unit.project_files import content

pytestmark = pytest.mark.slow  # ansible-core is the witness

LAYERS = (
    *("defaults", "all", "inventory_all", "playbook_all", "web", "inventory_web", "playbook_web"),
    *("host", "inventory_host", "playbook_host", "play", "vars_files", "outer", "entry", "import_tasks", "role"),
    *("import_role", "block", "task", "include_vars", "set_fact", "params", "include_tasks", "include_role", "extra"),
)
"""Where a variable may be defined; each pair of them is a case."""
PAIRS = tuple(combinations(LAYERS, 2))
RENDERINGS: tuple[str, ...] = (
    "{{ n + 1 }}",
    "{{ 'one\\n\\ntwo' | comment }}",
    "{{ 'one' | comment('c') }}|{{ 'one' | comment('cblock') }}|{{ 'one' | comment('xml', prefix_count=2) }}",
    "{{ 'one\\ntwo' | comment('erlang', decoration='%% ', postfix='end') }}",
    "{{ ['a', 'b'] | product([1, 2]) | list }}",
    "{{ words | symmetric_difference(['two', 'x']) | sort }}",
    "{{ [1, 2] | zip_longest([3], fillvalue='-') | list }}",
    "{{ ['/srv', 'a'] | path_join }}|{{ 'a.tar.gz' | splitext }}|{{ '/srv//a/../b' | normpath }}",
    "{{ 'https://u:p@h.example:8443/a?b=c' | urlsplit('port') }}",
    "{{ 'shop' | to_uuid }}|{{ 'shop' | checksum }}|{{ 'shop' | md5 }}",
    "{{ 100 | log(10) }}|{{ 2 | pow(5) }}|{{ 16 | root }}",
    "{{ [{'a': [1, 2]}, {'a': []}] | subelements('a') }}",
    "{{ [1, 2, 3] | combinations(2) | list }}|{{ '/srv' is abs }}|{{ [true, false] is any }}",
    "{{ n }}",
    "{{ text }}-{{ n }}",
    "{{ n | string }}",
    "{{ '5' | int + 1 }}",
    "{{ 7 / 2 }}",
    "{{ 7 // 2 }}",
    "{{ words | join(',') }}",
    "{{ words | first }}{{ words | last }}",
    "{{ words | length }}",
    "{{ words[1:] }}",
    "{{ words | map('upper') | list }}",
    "{{ words | select('match', '^t') | list }}",
    "{{ words | reject('eq', 'one') | list }}",
    "{{ words | sort(reverse=true) }}",
    "{{ words | reverse | list }}",
    "{{ words + ['four'] }}",
    "{{ 'one' in words }}",
    "{{ words | union(['x']) | sort }}",
    "{{ words | difference(['one']) | sort }}",
    "{{ words | intersect(['two', 'x']) }}",
    "{{ words | unique }}",
    "{{ deep.a.b }}",
    "{{ deep['a']['b'] }}",
    "{{ deep.a.none | default('d') }}",
    "{{ deep | dict2items }}",
    "{{ nobody | default(omitted) }}",
    "{{ deep | combine({'c': 1}) }}",
    "{{ deep | combine({'a': {'z': 1}}, recursive=true) }}",
    "{{ pairs | items2dict }}",
    "{{ pairs | map(attribute='value') | sum }}",
    "{{ pairs | selectattr('value', '>', 1) | map(attribute='key') | list }}",
    "{{ pairs | sort(attribute='value', reverse=true) | map(attribute='key') | join }}",
    "{{ pairs | rejectattr('key', 'eq', 'a') | list }}",
    "{{ deep | to_json }}",
    "{{ deep | to_nice_json }}",
    "{{ deep | to_yaml }}",
    "{{ deep | to_nice_yaml }}",
    "{{ '{\"a\": 1}' | from_json }}",
    "{{ 'a: [1, 2]' | from_yaml }}",
    "{{ 'x' | b64encode }}",
    "{{ 'eA==' | b64decode }}",
    "{{ 'a' | hash('sha256') }}",
    "{{ text | upper }}",
    "{{ text | capitalize }}",
    "{{ text | replace('e', 'E') }}",
    "{{ text | regex_replace('^(.)', '\\\\1\\\\1') }}",
    "{{ text | regex_search('[a-m]+') }}",
    "{{ text | regex_findall('[aeiou]') }}",
    "{{ 'a b  c' | split }}",
    "{{ 'a,b' | split(',') }}",
    "{{ '/a/b.c' | basename }}",
    "{{ '/a/b.c' | dirname }}",
    "{{ 'x' | quote }}",
    '{{ "it\'s" | quote }}',
    "{{ '1.10' is version('1.9', '>') }}",
    "{{ n is number }}",
    "{{ text is string }}",
    "{{ deep is mapping }}",
    "{{ nobody is defined }}",
    "{{ (n > 1) | ternary('yes', 'no') }}",
    "{{ 'yes' if n > 1 else 'no' }}",
    "{{ true and not false }}",
    "{{ none }}",
    "{{ [] }}",
    "{{ {} }}",
    "{% for w in words %}{{ loop.index }}{{ w }}{% endfor %}",
    "{% if n %}a{% endif %}",
    "{% if n %}{{ words }}{% else %}{{ deep }}{% endif %}",
    "{% if n %}{{ words }} {% endif %}",
    "{% for w in [n] %}{{ w }}{% endfor %}",
    "{% if n %}{{ n > 1 }}{% endif %}",
    "{% if n %}{{ deep | dictsort }}{% endif %}",
    "{% for pair in deep | dictsort %}{{ pair }}{% endfor %}",
    "{% set told = deep | dictsort %}{{ told }}",
    "x{{ deep | dictsort }}{{ deep.items() }}{{ deep | dictsort | first }}",
    "x{{ [(1, 2), {'a': (3,)}] }}{{ (1, 2) | string }}{{ (1, 2) ~ 'a' }}",
    "x{{ words | zip(words) }}{{ words | batch(2) | list }}{{ words | groupby('0') }}",
    "{{ [1, [2, [3]]] | flatten }}",
    "{{ [3, 1, 2] | max }}",
    "{{ [1, 2, 3] | zip(['a', 'b', 'c']) | list }}",
    "{{ range(3) | list }}",
    "{{ 1.5 | round(0, 'floor') }}",
    "{{ '%03d' | format(n) }}",
    "{{ 'a' ~ n }}",
    "{{ text | length > 3 }}",
    "{{ groups['web'] }}",
    "{{ hostvars['h'].inventory_hostname }}",
    "{{ group_names }}",
    "{{ inventory_hostname }}",
    "{{ 'TRUE' | bool }}",
    "{{ 'off' | bool }}",
    "{{ lookup('file', 'one') }}",
    "{{ query('file', 'one') }}",
    "{{ lookup('ansible.builtin.file', 'one', 'two', lstrip=true) }}",
    "{{ lookup('file', 'one', rstrip=false) }}",
    "{{ lookup('file', 'one', wantlist=true) }}",
    "{{ lookup('file', 'nowhere', errors='ignore') | default('d', true) }}",
    "{{ lookup('template', 'of.j2') }}",
    "{{ lookup('template', 'of.j2', template_vars={'n': 'other'}) }}",
    "{{ lookup('env', 'PATH') }}",
    "{{ lookup('env', 'NOT_IN_ANY_ENVIRONMENT') }}",
    "{{ lookup('vars', 'n') + 1 }}",
    "{{ lookup('vars', 'n', 'text') }}",
    "{{ lookup('vars', 'nowhere', default='d') }}",
    "{{ q('varnames', '^pai', 'wor.s$') }}",
    "{{ lookup('first_found', ['nowhere', 'files/one']) | basename }}",
    "{{ lookup('first_found', {'files': ['no', 'one'], 'paths': ['x', 'files']}) | basename }}",
    "{{ q('first_found', ['nowhere'], skip=true) }}",
    "{{ lookup('dict', {'a': 1}) }}",
    "{{ q('dict', {'a': 1}) }}",
    "{{ q('fileglob', '*') | map('basename') | sort }}",
)
TASKS = {
    "r": """\
- include_vars: included.yml
- set_fact: {set_fact}
- import_tasks: more.yml
  vars: {import_tasks}
""",
    "r/more": "- include_tasks: last.yml\n  vars: {include_tasks}\n",
    "r/last": "- include_role: {{name: s}}\n  vars: {include_role}\n",
    "s": "- import_role: {{name: t}}\n  vars: {import_role}\n",
    "t": """\
- name: told
  block:
    - copy:
        dest: {dest}
        content: "{{{{ {{'won': won, 'made': made}} | to_json }}}}"
        mode: "0644"
      vars: {task}
  vars: {block}
""",
}
"""Of roles, each of which runs the next one."""


def defined(layer: str) -> dict[str, str]:
    """The variables that a layer defines; their value is its name."""
    return {f"v_{one}_{other}": layer for one, other in PAIRS if layer in (one, other)}


def written(root: Path, name: str, data: Any) -> None:
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_text(yaml.safe_dump(data, width=10_000))


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("same")
    told = {f"v_{one}_{other}": f"{{{{ v_{one}_{other} }}}}" for one, other in PAIRS}
    words = {"n": 3, "text": "hello", "words": ["one", "two", "three"], "deep": {"a": {"b": [1, "x"]}}, "omitted": "o"}
    words |= {"pairs": [{"key": "a", "value": 1}, {"key": "b", "value": 2}], "won": told, "made": list(RENDERINGS)}
    host = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable, **defined("host")}
    web = {"hosts": {"h": host}, "vars": defined("web")}
    written(root, "inventory/hosts.yml", {"all": {"children": {"web": web}, "vars": defined("all")}})
    for place in ("inventory", "playbook"):
        beside = "inventory/" if place == "inventory" else ""
        for file, layer in (("group_vars/all", "all"), ("group_vars/web", "web"), ("host_vars/h", "host")):
            written(root, f"{beside}{file}.yml", defined(f"{place}_{layer}"))
    written(root, "file.yml", defined("vars_files"))
    written(root, "roles/t/defaults/main.yml", defined("defaults"))
    written(root, "roles/t/vars/main.yml", defined("role"))
    written(root, "roles/r/vars/main.yml", defined("outer"))
    written(root, "roles/r/vars/included.yml", defined("include_vars"))
    given = {layer: json.dumps(defined(layer)) for layer in LAYERS}
    for name, text in TASKS.items():
        role, _, file = name.partition("/")
        (root / f"roles/{role}/tasks").mkdir(exist_ok=True, parents=True)
        (root / f"roles/{role}/tasks/{file or 'main'}.yml").write_text(text.format(dest=root / "told.json", **given))
    play = {"hosts": "web", "gather_facts": False, "vars": {**words, **defined("play")}, "vars_files": ["file.yml"]}
    written(root, "site.yml", [{**play, "roles": [{"role": "r", **defined("params"), "vars": defined("entry")}]}])
    written(root, "extra.yml", defined("extra"))
    for name, text in (("files/one", " one \n\n"), ("files/two", "2"), ("templates/of.j2", "n is {{ n }}\n")):
        (root / "roles/t" / name).parent.mkdir(exist_ok=True)
        (root / "roles/t" / name).write_text(text)
    return root


@pytest.fixture(scope="module")
def theirs(project: Path) -> dict[str, Any]:
    program = [Path(sys.executable).parent / "ansible-playbook", "-i", "inventory/hosts.yml", "site.yml"]
    (project / "ansible.cfg").write_text("[defaults]\n")
    own = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}
    own |= {"ANSIBLE_CONFIG": str(project / "ansible.cfg"), "ANSIBLE_HOME": str(project / "ansible")}
    done = subprocess.run(
        [*map(str, program), "-e", "@extra.yml"], cwd=project, env=own, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-2000:]
    found: dict[str, Any] = json.loads((project / "told.json").read_text())
    return found


@pytest.fixture(scope="module")
def ours(project: Path) -> dict[str, Any]:
    inventory = load_inventory([project / "inventory/hosts.yml"], playbook_dir=project, vaults=Vaults())
    (play,) = load_playbook(project / "site.yml", judge=judge)
    extra = yaml.safe_load((project / "extra.yml").read_text())
    resolver = Resolver(inventory, play, RunWords(extra_vars=extra))
    (last,) = [one for one in resolver.resolve(inventory.hosts["h"], None).actions if not one.skip]
    found: dict[str, Any] = json.loads(content(last))
    return found


def test_the_same_definition_wins(theirs: dict[str, Any], ours: dict[str, Any]) -> None:
    assert len(ours["won"]) == len(PAIRS) == 300
    assert {name for name, layer in ours["won"].items() if theirs["won"][name] != layer} == set()
    assert {name for name, layer in ours["won"].items() if layer not in name} == set()


def test_templates_give_the_same(theirs: dict[str, Any], ours: dict[str, Any]) -> None:
    pairs = zip(RENDERINGS, theirs["made"], ours["made"], strict=True)
    assert {text: (left, right) for text, left, right in pairs if left != right} == {}
    assert len(RENDERINGS) >= 80
