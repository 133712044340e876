"""What a rendering makes of a secret is a secret, and an error near one does not show it."""

from __future__ import annotations

import traceback
from typing import Any

import pytest

from deployer.errors import DeployerError
from deployer.load.marked import Encrypted
from deployer.load.template import Layer, Variables
from deployer.model import Secret
from tests.unit.load.template_kit import CANARY, HERE, variables


def secret_variables() -> Variables:
    return variables(
        cookie=Secret(CANARY),
        locked=Encrypted("$ANSIBLE_VAULT;…", HERE),
        env={"A": Secret(CANARY), "B": "open"},
        deep={"list": [{"name": "n", "token": Secret(CANARY)}]},
        derived="<{{ cookie }}>",
        number=Secret("90210" + "1"),
        mapped={"k": "{{ cookie }}"},
        key=Secret("nmae"),
    )


TAINTED = [
    "{{ cookie }}",
    "{{ locked }}",
    "{{ derived }}",
    "x{{ derived }}",
    "{{ mapped.k }}",
    "{{ env.A }}",
    "{{ env['A'] }}",
    "{{ env.get('A') }}",
    "{{ deep.list[0].token }}",
    "{{ cookie ~ 'x' }}",
    "{{ 'x' ~ env }}",
    "{{ cookie + 'x' }}",
    "{{ 'a %s' % cookie }}",
    "{{ 'a %s' % env }}",
    "{{ '{}'.format(cookie) }}",
    "{{ '{0[A]}'.format(env) }}",
    "{{ ','.join(env.values()) }}",
    "{{ cookie.upper() }}",
    "{{ cookie[0] }}",
    "{{ cookie[2:] }}",
    "{{ cookie | b64encode }}",
    "{{ cookie | hash('sha256') }}",
    "{{ cookie | length }}",
    "{{ cookie | regex_replace('c', 'k') }}",
    "{{ cookie | quote }}",
    "{{ cookie | default('x') }}",
    "{{ nothing | default(cookie) }}",
    "{{ flag | ternary(cookie, 'x') }}",
    "{{ env | to_json }}",
    "{{ env | to_nice_yaml }}",
    "{{ env | string }}",
    "{{ env.values() | join(',') }}",
    "{{ env.values() | map('upper') | join(',') }}",
    "{{ deep.list | map(attribute='token') | join }}",
    "{{ (env | dict2items | first).value }}",
    "{{ number | int }}",
    "{{ cookie if flag else 'x' }}",
    "{{ cookie or 'x' }}",
    "text {{ env }}",
    "{% for k, v in env.items() %}{{ k }}={{ v }}\n{% endfor %}",
    "{% for v in env.values() %}{{ loop.index }}{{ v ~ '' }}{% endfor %}",
    "{% set x = cookie %}{{ x }}",
    "{% set x %}{{ cookie }}{% endset %}{{ x }}",
    "{% macro m(x) %}<{{ x }}>{% endmacro %}{{ m(cookie) }}",
    "{% macro m() %}<{{ caller() }}>{% endmacro %}{% call m() %}{{ cookie }}{% endcall %}",
    "{% filter upper %}{{ cookie }}{% endfilter %}",
    "{% with x = cookie %}{{ x }}{% endwith %}",
    "{% set n = namespace(x='') %}{% set n.x = cookie %}{{ n.x }}",
    "{% if cookie == '" + CANARY + "' %}same{% endif %}",
]


@pytest.mark.parametrize("template", TAINTED)
def test_a_rendering_that_touches_a_secret_gives_a_secret_that_is_right(template: str) -> None:
    found = secret_variables().render(template, HERE)
    open_ = Variables([Layer({**_revealed()})], lambda *_: Secret("")).render(template, HERE)
    assert type(found) is Secret
    assert found.reveal() == str(open_)
    assert CANARY not in f"{found!r} {found}"


def _revealed() -> dict[str, Any]:
    return {
        "cookie": CANARY,
        "locked": CANARY,
        "flag": True,
        "env": {"A": CANARY, "B": "open"},
        "deep": {"list": [{"name": "n", "token": CANARY}]},
        "derived": f"<{CANARY}>",
        "mapped": {"k": CANARY},
        "number": "902101",
    }


@pytest.mark.parametrize(
    ("template", "shown"),
    [
        ("{{ env }}", {"A": "***", "B": "open"}),
        ("{{ env.values() | list }}", ["***", "open"]),
        ("{{ env | combine({'C': 'x'}) }}", {"A": "***", "B": "open", "C": "x"}),
        ("{{ env | dict2items }}", [{"key": "A", "value": "***"}, {"key": "B", "value": "open"}]),
        ("{{ [cookie, 'x'] }}", ["***", "***"]),
        ("{{ {'a': env} }}", {"a": {"A": "***", "B": "open"}}),
        ("{{ deep.list }}", [{"name": "n", "token": "***"}]),
        ("{{ deep.list | map('combine', {'x': 1}) | list }}", [{"name": "***", "token": "***", "x": "***"}]),
        ("{{ env.values() | map('upper') | list }}", ["***", "***"]),
        ("{{ cookie | split('-') }}", ["***", "***"]),
    ],
)
def test_containers_keep_their_shape_and_hide_what_is_secret(template: str, shown: Any) -> None:
    from deployer.load.inventory import masked

    assert masked(secret_variables().render(template, HERE)) == shown


@pytest.mark.parametrize(
    "template", ["{{ deep.list[0].name }}", "{{ env.B }}", "{{ cookie is defined }}", "{{ env.keys() | list }}"]
)
def test_what_stands_beside_a_secret_stays_open(template: str) -> None:
    found = secret_variables().render(template, HERE)
    assert not isinstance(found, Secret)


@pytest.mark.parametrize(
    "template",
    [
        "{{ cookie | from_json }}",
        "{{ cookie | b64decode }}",
        "{{ cookie.nothing }}",
        "{{ shop[key] }}",
        "{{ cookie | int(none) + [] }}",
        "{{ shop[cookie] }}",
        "{{ cookie | regex_replace('(', '') }}",
        "{{ cookie | from_yaml | mandatory(cookie) + 1 }}",
        "{{ nothing | mandatory(cookie) }}",
        "{{ cookie | hash(cookie) }}",
    ],
)
def test_an_error_near_a_secret_never_shows_it(template: str) -> None:
    with pytest.raises(DeployerError) as caught:
        secret_variables().render(template, HERE)
    told = "".join(traceback.format_exception(caught.value))
    assert CANARY not in told
    assert "nmae" not in told


def test_a_condition_on_a_secret_gives_a_plain_answer() -> None:
    assert secret_variables().holds(f"cookie == '{CANARY}'", HERE)
    assert secret_variables().holds(f"'{CANARY}' in env.values()", HERE)
    assert not secret_variables().holds("cookie | length > 100", HERE)


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        ("a={{ env.A }}\n", f"a={CANARY}\n"),
        ("{{ [cookie] }}", f"['{CANARY}']"),
        ("{% if number %}{{ {'a': cookie} }}{% endif %}", f"{{'a': '{CANARY}'}}"),
    ],
)
def test_a_template_file_with_a_secret_in_it_is_a_secret(text: str, whole: str) -> None:
    found = secret_variables().render_file(text, "conf.j2")
    assert isinstance(found, Secret)
    assert found.reveal() == whole


@pytest.mark.parametrize("name", ["mapping", "cookie", "listed", "number", "flag"])
def test_what_a_block_prints_alone_is_the_value_and_only_its_secrets_are_secret(name: str) -> None:
    scope = variables(
        mapping={"a": Secret(CANARY), "n": 1}, listed=[2, Secret(CANARY)], cookie=Secret(CANARY), number=3
    )
    plain, block = (
        scope.render(text, HERE) for text in (f"{{{{ {name} }}}}", f"{{% if flag %}}{{{{ {name} }}}}{{% endif %}}")
    )
    assert leaves(block) == leaves(plain)
    hidden = scope.render(f"{{% if cookie != '' %}}{{{{ {name} }}}}{{% endif %}}", HERE)
    assert all(kind in (Secret, bool) for kind, _ in leaves(hidden))


@pytest.mark.parametrize(
    "template", [*TAINTED, "{{ env.values() | select | map('upper') }}", "{{ env | items | map('last') }}"]
)
def test_no_secret_is_open_in_what_a_block_prints_alone(template: str) -> None:
    found = secret_variables().render(f"{{% if flag %}}{template}{{% endif %}}", HERE)
    assert all(kind is Secret for kind, text in leaves(found) if CANARY in str(text).lower())
    assert any(kind is Secret for kind, _ in leaves(found))


def leaves(value: Any) -> list[tuple[type, Any]]:
    if isinstance(value, dict | list):
        inner = value.values() if isinstance(value, dict) else value
        return [leaf for item in inner for leaf in leaves(item)]
    return [(type(value), value.reveal() if isinstance(value, Secret) else value)]


def test_a_file_that_is_omitted_is_none() -> None:
    with pytest.raises(DeployerError, match="omit stands alone"):
        secret_variables().render_file("{{ omit }}", "conf.j2")
