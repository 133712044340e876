"""What starts a release of rebar3: which files it reads, what it fills in, and what the emulator is given."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.unit.docs_kit import blocks
from tests.unit.sh_clean import complaints

SCRIPT = Path(__file__).parents[2] / "roles/node/templates/rebar3.sh"
ERLEXEC = """\
#!/bin/sh
case $* in *file:consult*) printf %s "$BROKEN"; [ -z "$BROKEN" ]; exit ;; esac
printf '%s\\n' "$@"
"""


def test_the_page_builds_as_the_app_of_the_lab_does() -> None:
    (page,) = blocks("from-rebar3.md", "erlang")["1. Build a release"]
    own = (Path(__file__).parents[1] / "apps/bell/rebar.config").read_text()
    said = [line.strip() for line in page.splitlines() if not line.startswith("%%") and "{release," not in line]
    assert [line for line in said if line not in own] == []


class Release:
    """A release as rebar3 packs it, with an emulator that only says what it was given."""

    def __init__(self, place: Path, files: dict[str, str]) -> None:
        self.place, self.tmp = place, place / "run/tmp"
        erlexec = place / "erts-13.1/bin/erlexec"
        erlexec.parent.mkdir(parents=True)
        erlexec.write_text(ERLEXEC)
        erlexec.chmod(0o755)
        inside = place / "releases/1.0"
        inside.mkdir(parents=True)
        (inside.parent / "start_erl.data").write_text("13.1 1.0")
        for name, text in files.items():
            (inside / name).write_text(text)

    def run(self, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
        ours = {
            "PATH": "/usr/bin:/bin", "RELEASE_ROOT": str(self.place), "RELEASE_NAME": "bell", "BROKEN": "",
            "RELEASE_TMP": str(self.tmp), "RELEASE_NODE": "bell@10.0.0.2", "RELEASE_DISTRIBUTION": "name",
            "RELEASE_VM_ARGS": "/etc/beam/bell/bell.vm.args", "RELEASE_REMOTE_VM_ARGS": "/etc/beam/bell/r.vm.args",
        }  # fmt: skip
        return subprocess.run(["sh", SCRIPT, *words], env=ours | env, capture_output=True, text=True)

    def given(self, *words: str, **env: str) -> list[str]:
        done = self.run(*words, **env)
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout.splitlines()

    def wrote(self, name: str, /, **env: str) -> str:
        self.given("start", **env)
        return (self.tmp / name).read_text()


def test_it_is_clean_and_a_template_that_says_what_it_is() -> None:
    text = SCRIPT.read_text()
    assert complaints(text, "SC2016", "SC2086", "SC2153") == ""
    assert not {"{{", "{%", "{#"} & {text[i : i + 2] for i in range(len(text))}


@pytest.mark.parametrize(
    ("source", "env", "filled"),
    [
        ("{port, ${PORT}}", {"PORT": "4000"}, "{port, 4000}"),
        ("${A}${B} ${A}", {"A": "1", "B": "2"}, "12 1"),
        ("[${MISSING}]", {}, "[]"),
        ("[${MISSING:-none}]", {}, "[none]"),
        ("[${EMPTY:-none}]", {"EMPTY": ""}, "[none]"),
        ("[${SET:-none}]", {"SET": "a"}, "[a]"),
        ("${A:-http://x:-1}", {}, "http://x:-1"),
        ("${A:-${B}}", {"B": "b"}, "b"),
        ("${A:-}!", {}, "!"),
        ('"${V}"', {"V": "a\"b'c\\n&$(id)`id`"}, '"a"b\'c\\n&$(id)`id`"'),
        ("${V}", {"V": "${V} ${PORT:-1} \\1 *"}, "${V} ${PORT:-1} \\1 *"),
        ("${V};", {"V": "one\ntwo"}, "one\ntwo;"),
        ("  tab\t\\ ${V} \\", {"V": " x "}, "  tab\t\\  x  \\"),
        ("$V $(id) `id` $$ ${open", {"V": "x"}, "$V $(id) `id` $$ ${open"),
        ("[${a b}${1}${x;id}${#}${}]", {}, "[]"),
        ("${ÄÖ} ü", {}, " ü"),
    ],
)
def test_variables_are_filled_in_by_the_rules_of_relx_and_values_are_not_looked_into(
    tmp_path: Path, source: str, env: dict[str, str], filled: str
) -> None:
    release = Release(tmp_path, {"sys.config.src": source + "\nno end", "vm.args.src": f"+x {source}\n"})
    assert release.wrote("sys.config", **env) == f"{filled}\nno end\n"
    assert (release.tmp / "vm.args").read_text() == f"+x {filled}\n"
    assert {path.stat().st_mode & 0o777 for path in release.tmp.iterdir()} == {0o600}


def test_every_variable_of_a_node_can_be_asked_for_and_stays_as_it_is(tmp_path: Path) -> None:
    names = ("line", "text", "name", "value", "file", "default", "i", "IFS_", "RELEASE_VSN")
    release = Release(tmp_path, {"sys.config.src": "".join(f"${{{name}}}|" for name in names)})
    env = {name: f"<{name}>" for name in names[:-1]}
    assert release.wrote("sys.config", **env) == "".join(f"<{name}>|" for name in names[:-1]) + "1.0|\n"


def test_files_without_src_are_filled_in_only_where_relx_is_told_to(tmp_path: Path) -> None:
    release = Release(tmp_path, {"sys.config": "[${A}].\n", "vm.args": "+x ${A}\n", "other.config": "[]."})
    assert release.wrote("sys.config", A="1") == "[${A}].\n"
    assert release.wrote("sys.config", A="1", RELX_REPLACE_OS_VARS="true") == "[1].\n"
    assert (release.tmp / "vm.args").read_text() == "+x 1\n"
    assert (release.tmp / "other.config").readlink() == tmp_path / "releases/1.0/other.config", "what it includes"
    assert (tmp_path / "releases/1.0/sys.config").read_text() == "[${A}].\n", "the release stays as it is"


def test_a_file_that_cannot_be_read_ends_the_start(tmp_path: Path) -> None:
    release = Release(tmp_path, {"sys.config.src": "[].", "vm.args": ""})
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "cat").write_text("#!/bin/sh\nexit 1\n")
    (tools / "cat").chmod(0o755)
    done = release.run("start", PATH=f"{tools}:/usr/bin:/bin")
    assert (done.returncode, done.stdout) == (1, "")


def test_lines_that_say_only_what_the_fleet_decides_are_left_out(tmp_path: Path) -> None:
    flags = "-sname bell\n\t-name ${N} \n-setcookie GEHEIM\n-heart\n# -heart\n+P 5000 -heart\n-sname\n-names a b\n"
    release = Release(tmp_path, {"vm.args.src": flags})
    assert release.wrote("vm.args", N="a b") == "# -heart\n+P 5000 -heart\n-sname\n-names a b\n"


def test_a_start_is_that_of_mix_with_the_fleets_flags_first_and_no_cookie(tmp_path: Path) -> None:
    release = Release(tmp_path, {"sys.config": "[].", "start.boot": "", "vm.args": "-setcookie GEHEIM"})
    inside = f"{tmp_path}/releases/1.0"
    found = release.given("start")
    assert found[:2] == ["-boot", f"{inside}/start"]
    assert found[8:] == [
        *("-noinput", "-mode", "embedded", "-setcookie", "-cookie_from_home_file", "-name", "bell@10.0.0.2"),
        *("-config", f"{release.tmp}/sys.config", "-args_file", "/etc/beam/bell/bell.vm.args"),
    ]
    (tmp_path / "releases/1.0/bell.boot").touch()
    assert release.given("start", RELEASE_DISTRIBUTION="sname")[1] == f"{inside}/bell"
    assert "-sname" in release.given("start", RELEASE_DISTRIBUTION="sname")
    (tmp_path / "releases/1.0/sys.config").unlink()
    assert "-config" not in release.given("start")


def test_a_rehearsal_says_what_would_start_and_names_the_line_of_a_configuration_that_is_none(tmp_path: Path) -> None:
    release = Release(tmp_path, {"sys.config.src": "[{a, ${A}}]."})
    said = release.run("start", ELIXIR_CLI_DRY_RUN="1", A="GEHEIM").stdout
    assert "/erlexec " in said
    assert " -args_file /etc/beam/bell/bell.vm.args " in said
    done = release.run("start", ELIXIR_CLI_DRY_RUN="1", A="GEHEIM", BROKEN="at its line 7")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "sys.config of the release is no Erlang term when its variables are filled in: at its line 7\n"
    )


def test_commands_beside_the_node_have_names_of_their_own_and_no_cookie(tmp_path: Path) -> None:
    release = Release(tmp_path, {"sys.config": "[].", "vm.args": "-bell ring 3"})
    asked = release.given("rpc", "f().")
    assert asked[asked.index("-setcookie") :][:2] == ["-setcookie", "-cookie_from_home_file"]
    assert asked[-2:] == ["-extra", "f()."]
    assert "-remsh" in release.given("remote")
    alone = release.given("eval", "m:f()", RELEASE_DISTRIBUTION="none")
    assert not {"-name", "-sname", "-setcookie"} & {*alone}
    assert alone[-2:] == ["-extra", "m:f()"]
    assert release.given("version") == ["bell 1.0"]
    assert release.run("daemon").returncode == 64
