"""A release from a project of mix or rebar3, built in an image for it: its libc and OpenSSL are the hosts' own.

The build has no network and a disk of its own in memory, so neither the project nor the image is written to.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from deployer.errors import ConfigError, DeployerError
from deployer.lab import image, state
from deployer.lab.programs import require, run_program

_SCRIPT = """\
set -eu
cp -R /mnt/app /build
cd /build
rm -rf _build
"""
_MIX = """\
mix release --quiet "$@"
find _build/prod -maxdepth 1 -name '*.tar.gz' -exec cp -t /mnt/out {} +
"""
_REBAR3 = """\
rebar3 as prod tar ${1+-n "$1"} >said 2>&1 || { tail -n 20 said >&2; exit 1; }
find _build/prod/rel -mindepth 2 -maxdepth 2 -name '*.tar.gz' -exec cp -t /mnt/out {} +
"""

_NAME = re.compile(r"\bapp:\s*:(\w+)")
_RELX = re.compile(r"\{\s*release\s*,\s*\{\s*'?(\w+)")
_RELEASE = re.compile(r"[a-z][A-Za-z0-9_]*")
_UMBRELLA = re.compile(r"\bapps_path:")


def build_app(
    app: Path,
    *,
    suite: str = "bookworm",
    out: Path | None = None,
    version: str | None = None,
    release: str | None = None,
    say: Callable[[str], None] = print,
) -> Path:
    """Build the release of a project with ``mix release`` (and its ``:tar`` step) or ``rebar3 as prod tar``.

    Args:
        app: the project's directory; its dependencies have to be in its ``deps/`` or ``_checkouts/``, hex is not asked.
        suite: the hosts' Debian.
        out: the directory to put the tarball in; by default ``dist/SUITE`` among the labs' files.
        version: given to the build as ``APP_VERSION`` in the environment, for a ``mix.exs`` or a ``rebar.config`` that
            reads it there. APP is the app's name; of an umbrella its directory's, without ``_umbrella``; with rebar3
            that of the first release.
        release: which release, of a project that has several; also given to the build as ``APP_RELEASE``.
        say: is told what happens, line by line.

    Returns:
        the tarball.

    Raises:
        ConfigError: not a project of either, or no release can be called so.
        DeployerError: the build failed, with its last lines, or made no tarball.
    """
    if release is not None and not _RELEASE.fullmatch(release):
        raise ConfigError(f"{release!r} is no name of a release", hint="as mix.exs has it: letters, digits and _")
    require()
    mix, name = _named(app)
    builder = image.ensure(suite, "builder" if mix else "rebar3", say)
    given = {"VERSION": version, "RELEASE": release}
    variables = {f"{name.upper()}_{word}": value for word, value in given.items() if value}
    say(f"build {app} for {suite}" + (f", version {version}" if version else ""))
    with tempfile.TemporaryDirectory(prefix="deployer-build-") as made:
        try:
            script = _SCRIPT + (_MIX if mix else _REBAR3)
            _build(builder, script, app.absolute(), Path(made), variables, [release] if release else [])
        except DeployerError as error:
            newer = "requires Elixir" in error.message and suite != "trixie"
            error.hint = "Debian 13 has Elixir 1.18: --suite trixie, for hosts that run it" if newer else ""
            raise
        return _keep(Path(made), out or state.lab_top() / "dist" / suite)


def _named(app: Path) -> tuple[bool, str]:
    """Whether it is mix's, and what ``mix.exs`` calls the app or ``rebar.config`` its first release.

    An umbrella of mix has no app and goes by its directory, as mix phx.new names that.
    """
    told, relx = (file.read_text() if file.is_file() else "" for file in (app / "mix.exs", app / "rebar.config"))
    if named := _NAME.search(told):
        return True, named[1]
    if _UMBRELLA.search(told):
        return True, app.absolute().name.removesuffix("_umbrella")
    if named := None if told else _RELX.search(relx):
        return False, named[1]
    problem = "no mix.exs that names its app or its apps_path, and no rebar.config that has a release"
    raise ConfigError(f"not a project of mix or rebar3: {problem}", where=app)


def _build(builder: Path, script: str, app: Path, made: Path, variables: dict[str, str], names: list[str]) -> None:
    told = {"MIX_ENV": "prod", "LANG": "C.UTF-8", "HOME": "/root", **variables}
    # nspawn locks the image while it is in use.
    with state.locked(builder.with_name(f"{builder.name}.use")):
        run_program(
            "systemd-nspawn", "-q", "-D", str(builder), "--volatile=overlay", "--private-network", "--as-pid2",
            "--register=no", "--keep-unit", "--resolv-conf=off", "--timezone=off", "--settings=no", "--pipe",
            f"--bind-ro={_escaped(app)}:/mnt/app", f"--bind={_escaped(made)}:/mnt/out",
            *(f"--setenv={name}={value}" for name, value in told.items()),
            "/bin/sh", "-c", script, "sh", *names,
        )  # fmt: skip


def _escaped(path: Path) -> str:
    return str(path).replace("\\", r"\\").replace(":", r"\:")


def _keep(made: Path, out: Path) -> Path:
    tarballs = list(made.glob("*.tar.gz"))
    if len(tarballs) != 1:
        hint = "mix.exs: steps: [:assemble, :tar]; of several releases name one: --release NAME"
        raise DeployerError(f"the build made {len(tarballs)} tarballs, not one", hint=hint)
    out.mkdir(parents=True, exist_ok=True)
    place = out / tarballs[0].name
    beside = place.with_name(f".{place.name}.new")
    shutil.copyfile(tarballs[0], beside)
    return beside.replace(place)
