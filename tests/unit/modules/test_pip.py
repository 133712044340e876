"""pip: what is installed is seen, what a plan cannot know runs every time, and nobody runs another one's programs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from deployer.errors import ConfigError
from tests.unit.modules.host_text import converge, see
from tests.unit.modules.tables import answer, differing, fixed, make

PYTHON = f"{sys.executable} -m venv"


def wheel(folder: Path, version: str) -> None:
    """A package without a build: a wheel is a zip with two files in it."""
    import zipfile

    with zipfile.ZipFile(folder / f"one_two-{version}-py3-none-any.whl", "w") as made:
        made.writestr("one_two.py", f"VERSION = {version!r}\n")
        info = f"one_two-{version}.dist-info"
        made.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: one-two\nVersion: {version}\n")
        made.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: x\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        made.writestr(f"{info}/RECORD", "")


@pytest.mark.slow
def test_packages_come_into_an_environment_that_is_made_and_go_again(tmp_path: Path) -> None:
    wheels, venv = tmp_path / "wheels", tmp_path / "venv"
    wheels.mkdir()
    wheel(wheels, "1.0")
    wheel(wheels, "2.0")
    given: dict[str, Any] = {"virtualenv": str(venv), "virtualenv_command": PYTHON}
    given["extra_args"] = f"--no-index --find-links {wheels}"
    assert converge(make("pip", name=["One.Two==1.0"], **given), tmp_path) == ["one-two"]
    assert make("pip", name="one_two", **given).differences(see(make("pip", name="one_two", **given), tmp_path)) == {}
    newer = make("pip", name="one_two", version="2.0", **given)
    assert newer.differences(see(newer, tmp_path))["one-two"].before == "1.0"
    assert converge(newer, tmp_path) == ["one-two"]
    told = subprocess.run([venv / "bin/python", "-c", "import one_two; print(one_two.VERSION)"], capture_output=True)
    assert told.stdout == b"2.0\n"
    assert converge(make("pip", name="one-two", state="absent", **given), tmp_path) == ["one-two"]


@pytest.mark.parametrize(
    ("args", "found", "differ"),
    [
        ({"name": "PyYAML"}, "pyyaml==6.0\nrequests==2.0\n", {}),
        ({"name": ["PyYAML==6.0"]}, "pyyaml==6.0\n", {}),
        ({"name": ["pyyaml[x]==6.1"]}, "PyYAML==6.0\n", {"pyyaml": ("6.0", "6.1")}),
        ({"name": "pyyaml"}, "", {"pyyaml": ("absent", "present")}),
        ({"name": "pyyaml", "state": "absent"}, "pyyaml==6.0\n", {"pyyaml": ("present", "absent")}),
    ],
)
def test_what_differs(args: dict[str, Any], found: str, differ: dict[str, Any]) -> None:
    assert dict(differing(make("pip", **args), answer(found=found))) == differ


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ({"requirements": "/srv/r.txt"}, "-r /srv/r.txt"),
        ({"name": "a>=1"}, "'a>=1'"),
        ({"name": "git+https://a.example/b.git"}, "git+https://a.example/b.git"),
        ({"name": "a", "state": "latest"}, "--upgrade"),
        ({"name": "a", "state": "forcereinstall"}, "--force-reinstall"),
    ],
)
def test_what_a_plan_cannot_know_runs_every_time(args: dict[str, Any], words: str) -> None:
    made = make("pip", **args)
    assert made.handler_only
    assert differing(made, answer(found="a==1\n")) == {}
    (step,) = made.act()
    assert words in step.text.text


def test_the_systems_python_is_changed_only_where_that_is_said() -> None:
    assert "--break-system-packages" not in fixed(make("pip", name="a"), answer(found=""))
    assert "--break-system-packages" in fixed(make("pip", name="a", break_system_packages=True), answer(found=""))


@pytest.mark.parametrize(
    ("args", "problem"),
    [
        ({}, "needs packages"),
        ({"name": ["--index-url=x"]}, "an option"),
        ({"name": ["a", "b"], "version": "1"}, "exactly one name"),
        ({"name": "a==1", "version": "1"}, "exactly one name"),
        ({"name": "a", "executable": "pip3", "virtualenv": "/x"}, "not both"),
        ({"requirements": "/x", "state": "absent"}, "cannot be combined with requirements"),
        ({"name": "a", "extra_args": "-i https://me:pw@a.example/"}, "contains a password"),
    ],
)
def test_what_cannot_be_meant_is_refused(args: dict[str, Any], problem: str) -> None:
    with pytest.raises(ConfigError, match=problem):
        make("pip", **args)
