"""The Erlang of this machine: whether it is there, what it brings, and a place for what it must not show to others."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from deployer.errors import ConfigError
from deployer.report.plain import safe

_INSTALL = (
    "Debian, Ubuntu: apt-get install erlang-observer erlang-ssl; Fedora: dnf install erlang; macOS: brew install erlang"
)
_PATIENCE = 60
_FIRST_OTP = 25
_FACTS = """
Say = fun(Key, Value) -> io:format("deployer: ~ts ~ts~n", [Key, Value]) end,
[Source, Out] = init:get_plain_arguments(),
Say("root", code:root_dir()),
Say("otp", erlang:system_info(otp_release)),
[Say("has", atom_to_list(Module)) || Module <- [observer, wx, inet_tls_dist], code:which(Module) =/= non_existing],
code:which(compile) =/= non_existing andalso
    case compile:file(Source, [{outdir, Out}]) of {ok, _} -> Say("has", "compiled"); _ -> none end,
halt(0).
"""
_SAID = re.compile(r"^deployer: (root|otp|has) (.+)$", re.MULTILINE)
# When this process ends, in whatever way, its end of the pipe does, and so does the place.
_GUARD = "trap '' INT TERM HUP; cat >/dev/null; rm -rf -- \"$0\""


@dataclass(frozen=True, slots=True)
class LocalErlang:
    """The Erlang of this machine.

    Attributes:
        program: the ``erl`` itself, and no version manager's, which may want the person's HOME.
        otp: its release, such as 25.
        has: modules that were asked for and are there; and ``compiled``.
    """

    program: str
    otp: int
    has: frozenset[str]


@contextmanager
def private_place() -> Iterator[Path]:
    """Yield a directory that only this person can look into; it goes when the block ends, or this process does."""
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    place = Path(tempfile.mkdtemp(prefix="deployer-", dir=runtime if runtime and Path(runtime).is_dir() else None))
    guard = subprocess.Popen(
        ["/bin/sh", "-c", _GUARD, str(place)], stdin=subprocess.PIPE, start_new_session=True, cwd="/"
    )
    try:
        yield place
    finally:
        guard.communicate()


def write_private(place: Path, text: str) -> Path:
    """Write a new file that only this person can read."""
    place.touch(0o600, exist_ok=False)
    place.write_text(text, encoding="utf-8")
    return place


def local_erlang(place: Path, *, window: bool) -> LocalErlang:
    """Ask the Erlang of this machine what it is, and let it compile ``deployer_observe.erl``.

    Args:
        place: for the source and what comes of it.
        window: it is to open one here.

    Raises:
        ConfigError: it is missing, too old, or lacks something; with what to install.
    """
    if not shutil.which("erl"):
        raise ConfigError("there is no Erlang on this machine: no erl in PATH", hint=_INSTALL)
    source = place / "deployer_observe.erl"
    source.write_text(resources.files("deployer.window").joinpath(source.name).read_text(encoding="utf-8"))
    asked = ["erl", "-noinput", "-eval", _FACTS, "-extra", str(source), str(place)]
    quiet = {**os.environ, "ERL_CRASH_DUMP_SECONDS": "0"}
    try:
        done = subprocess.run(
            asked, env=quiet, cwd=place, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, errors="replace", timeout=_PATIENCE, check=False,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ConfigError(f"erl of this machine does not work: {error}") from None
    said = [(match[1], match[2]) for match in _SAID.finditer(done.stdout)]
    known, has = dict(said), frozenset(value for key, value in said if key == "has")
    if not {"root", "otp"} <= known.keys() or not known["otp"].isdecimal() or "compiled" not in has:
        words = safe(done.stdout.strip())[-300:]
        raise ConfigError(f"erl of this machine does not work: {words or f'status {done.returncode}'}", hint=_INSTALL)
    found = LocalErlang(f"{known['root']}/bin/erl", int(known["otp"]), has)
    _check_window(found, window=window)
    return found


def _check_window(erlang: LocalErlang, *, window: bool) -> None:
    if erlang.otp < _FIRST_OTP:
        raise ConfigError(f"Erlang of this machine is OTP {erlang.otp}; {_FIRST_OTP} or newer is needed", hint=_INSTALL)
    if missing := [name for name in ("observer", "wx") if name not in erlang.has]:
        raise ConfigError(f"Erlang of this machine has no {' and no '.join(missing)}", hint=_INSTALL)
    display = os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    if window and sys.platform == "linux" and not display:
        hint = "log in with ssh -X, or run it on the machine at which you sit; --print shows the command"
        raise ConfigError("there is no display for a window here: DISPLAY is not set", hint=hint)
