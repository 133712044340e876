"""Releases come out of the builder image whole, or say why not; the project's own directory is not written to."""

from __future__ import annotations

import tarfile

import pytest

from deployer import lab as labs
from deployer.errors import ConfigError, DeployerError

MIX = """\
defmodule Small.MixProject do
  use Mix.Project
  def project, do: [app: :small, version: System.get_env("SMALL_VERSION", "1.0.0"), releases: [small: [steps: [STEPS]]]]
  def application, do: [extra_applications: [:logger]]
end
"""


@pytest.fixture
def project(tmp_path):
    """A mix project of one module."""

    def make(source="defmodule Small do\nend\n", steps=":assemble, :tar"):
        app = tmp_path / "small: app"
        (app / "lib").mkdir(parents=True)
        (app / "mix.exs").write_text(MIX.replace("STEPS", steps))
        (app / "lib/small.ex").write_text(source)
        return app

    return make


def test_the_version_that_is_asked_for_is_built_and_the_project_stays_clean(project, tmp_path):
    app = project()
    tarball = labs.build(app, version="1.2.3", out=tmp_path / "dist")
    assert tarball == tmp_path / "dist/small-1.2.3.tar.gz"
    with tarfile.open(tarball) as contents:
        assert "releases/1.2.3/start.boot" in contents.getnames()
        assert any(name.startswith("erts-") for name in contents.getnames())
    assert sorted(str(path.relative_to(app)) for path in app.rglob("*")) == ["lib", "lib/small.ex", "mix.exs"]


def test_a_project_that_does_not_compile_says_where(project, tmp_path):
    with pytest.raises(DeployerError, match=r"lib/small\.ex:2"):
        labs.build(project("defmodule Small do\n  no_such_thing(1)\nend\n"), out=tmp_path)


def test_a_release_without_the_tar_step_is_told_to_have_one(project, tmp_path):
    with pytest.raises(DeployerError, match="0 tarballs") as told:
        labs.build(project(steps=":assemble"), out=tmp_path)
    assert ":tar" in told.value.hint


def test_a_directory_without_a_mix_project_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="not a mix project"):
        labs.build(tmp_path)
