"""``script``: a file of this machine, run on the host with its arguments, and nothing of it is left there."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from deployer.errors import ConfigError
from deployer.model import Blob, Secret
from tests.unit.modules.tables import fixed, make
from tests.unit.project_files import Project


@pytest.mark.parametrize(
    ("said", "beside", "name", "arguments"),
    [
        ("a.sh", "", "a.sh", ""),
        ("a.sh --rows 100 'x y'", "", "a.sh", "--rows 100 'x y'"),
        ("\"'b c.sh' one creates=/srv/x\"", "", "b c.sh", "one"),
        ("{cmd: a.sh two, creates: /srv/x}", "", "a.sh", "two"),
        ('"{{ greeting }}.sh {{ port }}"', "  args: {creates: /srv/x}\n", "hello.sh", "4000"),
    ],
)
def test_the_file_and_what_follows_its_name(
    project: Project, said: str, beside: str, name: str, arguments: str
) -> None:
    project.write(f"files/{name}", f"#!/bin/sh\necho {name}\n")
    project.tasks(f"- script: {said}\n{beside}")
    (action,) = project.actions()
    module = action.module
    assert (module.src.text, module.arguments) == (f"#!/bin/sh\necho {name}\n".encode(), arguments)  # type: ignore[attr-defined]
    assert (module.creates == "/srv/x") == ("/srv/x" in said + beside)  # type: ignore[attr-defined]
    assert module.handler_only == ("/srv/x" not in said + beside)


@pytest.mark.parametrize("executable", ["", "/bin/cat", "sh -x"])
def test_it_runs_as_what_it_is_and_leaves_nothing(tmp_path: Path, executable: str) -> None:
    text = '#!/bin/sh\nprintf \'%s|\' "$@" "$HERE"\nexit 7\n'
    module = make(
        "script",
        src=Blob.of(text),
        arguments="$HERE 'b  c'",
        creates="/x",
        **({"executable": executable} if executable else {}),
    )
    env = {"PATH": "/usr/bin:/bin", "HERE": "h", "TMPDIR": str(tmp_path)}
    done = subprocess.run(
        ["/bin/sh", "-eus"], input=fixed(module, "needed=yes"), env=env, capture_output=True, text=True, check=False
    )
    if executable == "/bin/cat":
        assert done.stdout == text, "its arguments are no files"
    else:
        assert (done.stdout, done.returncode) == ("h|b  c|h|", 7)
    assert list(tmp_path.iterdir()) == []


def test_it_reads_what_it_is_given(tmp_path: Path) -> None:
    module = make("script", src=Blob.of("#!/bin/sh\ncat\nexit 7\n"), stdin="given", creates="/x")
    env = {"PATH": "/usr/bin:/bin", "TMPDIR": str(tmp_path)}
    done = subprocess.run(
        ["/bin/sh", "-eus"], input=fixed(module, "needed=yes"), env=env, capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.returncode, list(tmp_path.iterdir())) == ("given\n", 7, [])


def test_it_leaves_nothing_at_its_deadline(tmp_path: Path) -> None:
    (place := tmp_path / "tmp").mkdir()
    os.mkfifo(tmp_path / "began")
    module = make("script", src=Blob.of(f"#!/bin/sh\necho >{tmp_path}/began\nexec sleep 600\n"), creates="/x")
    env = {"PATH": os.environ["PATH"], "TMPDIR": str(place)}
    with subprocess.Popen(
        ["timeout", "-k", "60", "600", "/bin/sh", "-eus"], stdin=subprocess.PIPE, env=env, text=True
    ) as running:
        assert running.stdin
        running.stdin.write(fixed(module, "needed=yes"))
        running.stdin.close()
        (tmp_path / "began").read_text()
        assert len(list(place.iterdir())) == 1
        running.terminate()  # timeout tells all of its group, as when the time is over
    assert list(place.iterdir()) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount")
def test_it_runs_where_no_program_may_run_from_tmp(tmp_path: Path) -> None:
    (shut := tmp_path / "shut").mkdir()
    (home := tmp_path / "home").mkdir()
    text = fixed(make("script", src=Blob.of("#!/bin/sh\necho ran; exit 7\n"), creates="/x"), "needed=yes")
    done = subprocess.run(
        ["unshare", "-m", "/bin/sh", "-eus"],
        input=f"mount -t tmpfs -o noexec none {shut}\n{text}",
        env={"PATH": os.environ["PATH"], "HOME": str(home), "TMPDIR": str(shut)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.stdout, done.stderr, done.returncode, list(home.iterdir())) == ("ran\n", "", 7, [])


def test_what_a_script_cannot_be(project: Project) -> None:
    with pytest.raises(ConfigError, match="may hold no secret"):
        make("script", src=Blob.of(Secret("x")), creates="/x")
    with pytest.raises(ConfigError, match="arguments"):
        make("script", src=Blob.of("x"), arguments="a\nb")
    project.tasks("- script: {cmd: a.sh one, arguments: two}\n")
    with pytest.raises(ConfigError, match="cmd goes without arguments"):
        project.actions()
    project.tasks("- script: nothing.sh\n")
    with pytest.raises(ConfigError, match=r"nothing\.sh"):
        project.actions()


def test_no_plan_runs_it_whatever_is_said_of_it(project: Project) -> None:
    project.write("files/a.sh", "#!/bin/sh\n")
    project.tasks("- {script: a.sh, register: said, changed_when: false}\n")
    (action,) = project.actions()
    assert (action.module.READS, action.module.handler_only) == (False, True)
