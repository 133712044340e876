"""Releases come out of a builder image whole, or say why not; the project's own directory is not written to."""

from __future__ import annotations

import tarfile
from collections import Counter

import pytest
import yaml

from deployer import lab as labs
from deployer.beam.tarball import inspect
from deployer.errors import ConfigError, DeployerError
from tests.lab.conftest import APPS
from tests.lab.fleet import fleet_of, untouched
from tests.unit.docs_kit import blocks

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
    tarball = labs.build_app(app, version="1.2.3", out=tmp_path / "dist")
    assert tarball == tmp_path / "dist/small-1.2.3.tar.gz"
    with tarfile.open(tarball) as contents:
        assert "releases/1.2.3/start.boot" in contents.getnames()
        assert any(name.startswith("erts-") for name in contents.getnames())
    assert sorted(str(path.relative_to(app)) for path in app.rglob("*")) == ["lib", "lib/small.ex", "mix.exs"]


def test_one_release_of_several_is_built_by_its_name(project, tmp_path):
    app = project()
    several = ", ".join(
        f"{name}: [applications: [small: :permanent], steps: [:assemble, :tar]]" for name in ("web", "jobs")
    )
    (app / "mix.exs").write_text(MIX.replace("small: [steps: [STEPS]]", several))
    with pytest.raises(DeployerError, match="releases"):
        labs.build_app(app, out=tmp_path / "dist")
    assert labs.build_app(app, release="jobs", out=tmp_path / "dist") == tmp_path / "dist/jobs-1.0.0.tar.gz"
    with pytest.raises(ConfigError, match="is no name of a release"):
        labs.build_app(app, release="--help", out=tmp_path / "dist")


def test_a_project_that_does_not_compile_says_where(project, tmp_path):
    with pytest.raises(DeployerError, match=r"lib/small\.ex:2"):
        labs.build_app(project("defmodule Small do\n  no_such_thing(1)\nend\n"), out=tmp_path)


def test_a_release_without_the_tar_step_is_told_to_have_one(project, tmp_path):
    with pytest.raises(DeployerError, match="0 tarballs") as told:
        labs.build_app(project(steps=":assemble"), out=tmp_path)
    assert ":tar" in told.value.hint


def test_a_directory_without_a_mix_project_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="not a project of mix or rebar3"):
        labs.build_app(tmp_path)


@pytest.fixture
def overlaid(project):
    """A project with the files that mix phx.gen.release writes."""
    app = project()
    for name in ("server", "migrate"):
        script = app / "rel/overlays/bin" / name
        script.parent.mkdir(parents=True, exist_ok=True)
        script.write_text(f'#!/bin/sh\nset -eu\ncd -P -- "$(dirname -- "$0")"\nexec ./small {name}\n')
        script.chmod(0o755)
    (app / "rel/overlays/etc").mkdir()
    (app / "rel/overlays/etc/small.conf").write_text("x")
    return app


@pytest.mark.parametrize(("suite", "elixir"), [("bookworm", "1.14"), ("trixie", "1.18")])
def test_what_an_overlay_brings_is_in_the_tarball_more_than_once_and_counts_once(overlaid, tmp_path, suite, elixir):
    tarball = labs.build_app(overlaid, suite=suite, out=tmp_path / suite)
    with tarfile.open(tarball) as contents:
        listed = Counter(member.name for member in contents if member.isfile())
    assert {"bin/server", "bin/migrate", "etc/small.conf"} <= {name for name, count in listed.items() if count > 1}
    held = inspect(tarball)
    assert (held.name, held.files) == ("small", len(listed))
    assert held.elixir.startswith(elixir)


def test_a_host_takes_it_as_it_is_and_the_release_learns_its_cluster_as_the_page_on_clustering_says(
    lab, overlaid, tmp_path, ssh
):
    way = "libcluster: a list of nodes"
    (overlaid / "config").mkdir()
    (overlaid / "config/runtime.exs").write_text(f"import Config\n{blocks('clustering.md', 'elixir')[way][0]}")
    hosts = untouched(lab, 2)
    fleet = fleet_of(tmp_path, hosts, labs.build_app(overlaid, out=tmp_path / "dist"))
    del fleet.words["health"]
    words = yaml.safe_load(blocks("clustering.md", "yaml")[way][0])
    cluster = words["cluster"] | {"cookie": fleet.words["cluster"]["cookie"], "mesh": "boot"}
    fleet.words |= {"release": fleet.words["release"] | {"name": "small"}, "cluster": cluster, "env": {}}
    ran = fleet.run("deploy")
    assert ran.code == 0, ran.err + ran.out
    assert ssh(hosts[0], "cat /opt/small/current/bin/server") == (0, (overlaid / "rel/overlays/bin/server").read_text())
    assert ssh(hosts[0], "stat -c '%a %U' /opt/small/current/bin/migrate") == (0, "755 root\n")
    asked = 'Application.get_env(:libcluster, :topologies)[:shop][:config][:hosts] |> Enum.join(" ") |> IO.puts'
    names = " ".join(f"small@{host.address}" for host in hosts)
    assert ssh(hosts[0], f"small-ctl rpc '{asked}'") == (0, f"{names}\n")
    assert fleet.run("audit").code == 0


def test_a_release_of_rebar3_is_built_too(tmp_path):
    tarball = labs.build_app(APPS / "bell", version="2.0.0", out=tmp_path / "dist")
    with tarfile.open(tarball) as contents:
        names = contents.getnames()
    assert {"bin/bell", "releases/2.0.0/start_clean.boot", "releases/2.0.0/sys.config.src"} <= {*names}
    assert any(name.startswith("lib/bell-2.0.0/ebin/") for name in names)
    assert not (APPS / "bell/_build").exists()
