"""What templates give, and how a wrong one is told."""

from __future__ import annotations

from typing import Any

import pytest

from deployer.errors import ConfigError
from deployer.load import yaml
from deployer.load.marked import Map, Text
from deployer.load.pieces import apart
from deployer.load.taint import OMIT
from deployer.load.template import Layer, Variables
from deployer.load.variables import extra_variables
from deployer.model import Mark, Secret
from tests.unit.load.template_kit import HERE, variables


@pytest.mark.parametrize(
    ("template", "value"),
    [
        ("plain", "plain"),
        ("{{ port }}", 4000),
        ("{{ names }}", ["a", "b", "a"]),
        ("{{ shop }}", {"name": "shop", "ports": [1, 2]}),
        ("port {{ port }}", "port 4000"),
        ("{{ url }}x", "http://10.0.0.1:4000/x"),
        ("{{ none }}", None),
        ("a{{ none }}b", "ab"),
        ("{{ nothing | default('x') }}", "x"),
        ("{{ shop.a.b.c | default('x') }}", "x"),
        ("{{ nothing | default(omit) }}", OMIT),
        ("{{ names | unique }}", ["a", "b"]),
        ("{{ names | union(['c']) }}", ["a", "b", "c"]),
        ("{{ names | difference(['a']) }}", ["b"]),
        ("{{ names | intersect(['a', 'z']) }}", ["a"]),
        ("{{ [1, [2, [3]]] | flatten }}", [1, 2, 3]),
        ("{{ shop | combine({'name': 'x'}) }}", {"name": "x", "ports": [1, 2]}),
        ("{{ {'a': {'b': 1}} | combine({'a': {'c': 2}}, recursive=true) }}", {"a": {"b": 1, "c": 2}}),
        ("{{ {'a': 1} | dict2items }}", [{"key": "a", "value": 1}]),
        ("{{ [{'key': 'a', 'value': 1}] | items2dict }}", {"a": 1}),
        ("{{ shop | to_json }}", '{"name": "shop", "ports": [1, 2]}'),
        ("{{ {'a': 1} | to_nice_json }}", '{\n    "a": 1\n}'),
        ("{{ {'a': [1]} | to_nice_yaml }}", "a:\n- 1\n"),
        ("{{ '[1, 2]' | from_json }}", [1, 2]),
        ("{{ 'a: 1' | from_yaml }}", {"a": 1}),
        ("{{ 'hi' | b64encode }}", "aGk="),
        ("{{ 'aGk=' | b64decode }}", "hi"),
        ("{{ 'hi' | hash('sha256') }}", "8f434346648f6b96df89dda901c5176b10a6d83961dd3c1ac88b59b2dc327aa4"),
        (r"{{ 'a-b' | regex_replace('(a)-(b)', '\2\1') }}", "ba"),
        (r"{{ 'a-b' | regex_replace('(a)-(b)', '\\2') }}", r"\2"),
        (r"{{ 'k=v' | regex_search('(.)=(.)', '\1', '\2') | join }}", "kv"),
        (r"{{ 'a b' is search('\bb\b') }}", True),
        (r"{% if true %}{{ '\n' }}{% endif %}", r"\n"),
        (r"{% set x = 'a\tb' %}{{ x }}", "a\tb"),
        ("{{ port }}\n", "4000\n"),
        ("a{% if flag %}b{% endif %}\n", "ab\n"),
        ("{% for n in names %}{{ n }} {% endfor %}\n\n", "a b a \n\n"),
        ("{% raw %}{{ x }}{% endraw %}\n", "{{ x }}\n"),
        ("{{ ['a'] | to_nice_yaml }}\n", "- a\n"),
        ("{{ 'v1.2' | regex_search('[0-9.]+') }}", "1.2"),
        ("{{ 'a1b2' | regex_findall('[0-9]') }}", ["1", "2"]),
        ("{{ 'a.b' | regex_escape }}", "a\\.b"),
        ("{{ flag | ternary('y', 'n') }}", "y"),
        ("{{ 'a b' | quote }}", "'a b'"),
        ("{{ '/a/b.c' | basename }}", "b.c"),
        ("{{ '/a/b.c' | dirname }}", "/a"),
        ("{{ 'yes' | bool }}", True),
        ("{{ 'a,b' | split(',') }}", ["a", "b"]),
        ("{{ '7' | int }}", 7),
        ("{{ ['a', 'b'] | map('upper') | list }}", ["A", "B"]),
        ("{{ ['a', 'b'] | map('upper') }}", ["A", "B"]),
        ("{{ ['x1', 'y'] | select('match', 'x') | list }}", ["x1"]),
        ("{{ '1.10' is version('1.9', '>') }}", True),
        ("{{ '12.15' is version('12.4', '>=') }}", True),
        ("{{ '1.0.0-rc.1' is version('1.0.0', '<') }}", False),
        ("{{ '1.0.0-rc.1' is version('1.0.0', '<', version_type='semver') }}", True),
        ("{{ '1.0.0-rc.2' is version('1.0.0-rc.10', 'lt', version_type='semver') }}", True),
        ("{{ '/a/b/' | basename }}{{ '/a/b/' | dirname }}", "/a/b"),
        ("{{ 'abc' is search('b') }}", True),
        ("{{ 'abc' is match('b') }}", False),
        ("{{ nothing is defined }}", False),
        ("{% for n in names %}{{ n }}{% endfor %}", "aba"),
    ],
)
def test_templates_give_what_ansible_users_expect(template: str, value: Any) -> None:
    found = variables().render(template, HERE)
    assert found == value
    assert type(found) is not Text


def test_containers_are_rendered_deeply_and_keep_their_marks() -> None:
    from deployer.load import yaml

    written = yaml.parse("a:\n  b: ['{{ port }}', 'x{{ port }}']\n", "f.yml")
    found = variables().render(written)
    assert found == {"a": {"b": [4000, "x4000"]}}
    assert str(found["a"].at("b")) == "f.yml:2:3"


def test_a_value_is_rendered_once_and_what_it_gives_is_data() -> None:
    scope = variables(sly="{{ '{{ host }}' }}", shown="<{{ sly }}>")
    assert scope.render("{{ shown }}", HERE) == "<{{ host }}>"


def test_a_word_of_the_fleet_that_is_not_there_may_be_misspelt() -> None:
    misspelt = Map({"relese": {"name": "shop"}}, HERE, {"relese": Mark("vars.yml", 3, 1)})
    with pytest.raises(ConfigError, match="'release' is not defined") as caught:
        Variables([Layer(misspelt)], lambda *_: Secret("")).render("{{ release.name }}", HERE)
    assert "is 'relese' (vars.yml:3:1) misspelt?" in caught.value.hint


def test_unsafe_text_and_final_layers_are_never_templated() -> None:
    facts = Layer({"ansible_hostname": "{{ 7 * 7 }}"}, final=True)
    scope = Variables([facts, Layer({"own": Text("{{ x }}", HERE, unsafe=True)})], lambda *_: Secret(""))
    assert scope.render("{{ ansible_hostname }} {{ own }}", HERE) == "{{ 7 * 7 }} {{ x }}"


@pytest.mark.parametrize(
    ("template", "problem", "hint"),
    [
        ("{{ prot }}", "the variable 'prot' is not defined", "did you mean 'port'?"),
        ("{{ shop.nmae }}", "'nmae' is not there", "did you mean 'name'?"),
        ("{{ shop['nmae'] }}", "'nmae' is not there", "did you mean 'name'?"),
        ("{{ [nothing] }}", "the variable 'nothing' is not defined", ""),
        ("{{ x", "the template is wrong", ""),
        ("{{ 1 / 0 }}", "ZeroDivisionError: division by zero", ""),
        ("{{ 'no json' | from_json }}", "from_json: JSONDecodeError: Expecting value", ""),
        ("{{ 'abc' | b64decode | upper }}", "b64decode: Error: Incorrect padding", ""),
        ("{{ 'x' | regex_search('[') }}", "regex_search: error: unterminated character set", ""),
        ("{{ 'x' | nofilter }}", "nofilter", ""),
        ("{{ nothing | mandatory('say port') }}", "say port", ""),
        ("{{ ''.__class__.__mro__ }}", "unsafe", ""),
        ("{{ names.append(1) }}", "append() is for what the template itself has made", ""),
        ("{% set _ = [names][0].extend([1]) %}", "write {% set x = x + [ITEM] %}", ""),
        ("{% set x = names %}{% set _ = x.pop() %}", "no variable is altered", ""),
        ("{% set _ = shop.update({}) %}", "write {% set x = x | combine({KEY: VALUE}) %}", ""),
        ("{% set _ = dict(shop).ports.insert(0, 1) %}", "no variable is altered", ""),
        ("{% set _ = ([] | default(names) or names).append(1) %}", "no variable is altered", ""),
        ("{% set dict = shop.get %}{% set x = dict('ports') %}{{ x.append(1) }}", "no variable is altered", ""),
        ("{{ [].append }}", "unsafe", ""),
        ("{% set _ = [].sort() %}", "unsafe", ""),
        ("{{ lookup('pipe', 'date') }}", "the lookup 'pipe' is not supported", "delegate_to: localhost"),
        ("{{ query('password', 'x') }}", "the lookup 'password' is not supported", "{file: PATH}"),
        ("{{ lookup('community.general.fil', 'x') }}", "the lookup 'fil' is not supported", "did you mean 'file'?"),
        ("{{ lookup('file', 'x', strip=true) }}", "has no option 'strip'", "rstrip"),
        ("{{ lookup('file', nothing) }}", "'nothing' is not defined", ""),
        ("{{ lookup('file', names) }}", "needs the name of a file", ""),
        ("{{ lookup('file', 'nowhere') }}", "there is no file 'nowhere'", "searched"),
        ("{{ lookup('file', '/dev/zero') }}", "there is no file '/dev/zero'", ""),
        ("{{ lookup('file', '/bin/sh') }}", "is not UTF-8", "copy"),
        ("{{ lookup('vars', 'nothing') }}", "'nothing' is not defined", "default=''"),
        ("{{ lookup('varnames', '(') }}", "is no regular expression", ""),
        ("{{ lookup() }}", "lookup needs a name", ""),
        ("{% include 'x' %}", "the template is wrong", ""),
        ("a {{ omit }}", "omit stands alone", ""),
    ],
)
def test_a_wrong_template_is_an_error_with_place_and_hint(template: str, problem: str, hint: str) -> None:
    with pytest.raises(ConfigError) as caught:
        variables().render(Text(template, HERE))
    assert caught.value.where == "play.yml:3:4"
    assert problem in caught.value.message
    assert hint in caught.value.hint


def test_variables_that_refer_to_each_other_in_a_circle_are_named_with_their_places() -> None:
    scope = variables(a=Text("{{ b }}", Mark("v.yml", 1, 4)), b=Text("{{ c }}", Mark("v.yml", 2, 4)), c="{{ a }}")
    with pytest.raises(ConfigError, match=r"a \(v.yml:1:4\) → b \(v.yml:2:4\) → c → a"):
        scope.render("{{ a }}", HERE)


def test_an_error_in_a_template_file_names_its_own_line() -> None:
    with pytest.raises(ConfigError) as caught:
        variables().render_file("one\ntwo {{ host }}\n{% if flag %}\n{{ prot }}\n{% endif %}\n", "conf.j2")
    assert caught.value.where == "conf.j2:4"
    with pytest.raises(ConfigError) as caught:
        variables().render_file("one\n{% if flag %}\n", "conf.j2")
    assert caught.value.where.startswith("conf.j2:2")


def test_a_template_file_keeps_its_last_newline_and_loses_those_after_blocks() -> None:
    assert variables().render_file("{% if flag %}\na={{ port }}\n{% endif %}\n", "conf.j2") == "a=4000\n"
    assert variables().render_file("{{ port }}", "conf.j2") == "4000"
    assert variables().render_file("k = {% if flag %}1{% endif %}\n", "conf.j2") == "k = 1\n"
    assert variables().render_file("{{ names | to_nice_yaml }}\n", "conf.j2") == "- a\n- b\n- a\n"


def test_in_a_template_file_the_escapes_of_jinja_hold() -> None:
    assert variables().render_file(r"{{ 'a-b' | regex_replace('(a)-(b)', '\\2\t') }}", "conf.j2") == "b\t"


@pytest.mark.parametrize(
    ("condition", "value"),
    [("port == 4000", True), ("flag and port > 5000", False), ("nothing is defined", False), ("'a' in names", True)],
)
def test_a_condition_is_an_expression(condition: str, value: bool) -> None:
    assert variables().holds(condition, HERE) is value


@pytest.mark.parametrize("condition", ["port", "names", "'false'", "none", "port = 1", "port ==", "unknown"])
def test_a_condition_that_is_not_true_or_false_is_refused(condition: str) -> None:
    with pytest.raises(ConfigError) as caught:
        variables().holds(Text(condition, HERE))
    assert caught.value.where == "play.yml:3:4"


def extras(*words: str) -> Variables:
    whole, pieces = apart(extra_variables(words))
    below = yaml.parse(INSIDE, "hosts.yml")
    return Variables((Layer(whole), Layer(below)), lambda _, name: Secret("", name), pieces)


INSIDE = """\
env: {GREETING: "{{ word }}", PORT: "4000"}
word: hello
whole: "{{ env | combine({'MORE': '1'}) }}"
list: [{port: 1}]
nothing:
"""


@pytest.mark.parametrize(
    ("words", "name", "value"),
    [
        (["env.GREETING=hi"], "env", {"GREETING": "hi", "PORT": "4000"}),
        (["env.NEW=x env.PORT=5"], "env", {"GREETING": "hello", "PORT": "5", "NEW": "x"}),
        (["env.NEW=1", "env.NEW=2"], "env", {"GREETING": "hello", "PORT": "4000", "NEW": "2"}),
        (["env.NEW={{word}}!"], "env", {"GREETING": "hello", "PORT": "4000", "NEW": "hello!"}),
        (["env={}", "env.NEW=1"], "env", None),
        (["{env: {A: '1'}}", "env.NEW=2"], "env", {"A": "1", "NEW": "2"}),
        (["env.NEW=2", "{env: {A: '1'}}"], "env", {"A": "1"}),
        (["whole.PORT=6"], "whole", {"GREETING": "hello", "PORT": "6", "MORE": "1"}),
        (["env.PORT=6"], "whole", {"GREETING": "hello", "PORT": "6", "MORE": "1"}),
        (["nothing.a.b=1"], "nothing", {"a": {"b": "1"}}),
        (["new.a=1"], "new", {"a": "1"}),
        (["list.0.port=2"], "list", None),
        (["word.x=2"], "word", None),
        (["env.PORT.x=2"], "env", None),
    ],
)
def test_one_value_inside_of_a_variable_is_set_from_the_command_line(
    words: list[str], name: str, value: dict[str, Any] | None
) -> None:
    if value is not None:
        assert extras(*words)[name] == value
        return
    with pytest.raises(ConfigError, match=r"-e .*a part of it has no name") as raised:
        extras(*words)[name]
    assert f"give it whole: -e '{{{name}: …}}'" in raised.value.hint


@pytest.mark.parametrize("word", ["env.=x", "env..A=x", ".A=x", "1env.A=x", "e nv.A=x"])
def test_a_path_with_a_hole_is_refused(word: str) -> None:
    with pytest.raises(ConfigError):
        extra_variables([word])
