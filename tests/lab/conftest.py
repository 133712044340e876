"""Real hosts for every test in this directory, and plain OpenSSH and testinfra as witnesses that share no code with us.

DEPLOYER_TEST_LAB names the lab (default ``test``), for runs next to each other; DEPLOYER_KEEP_LAB=1 leaves it up.
"""

from __future__ import annotations

import fcntl
import os
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path, PurePath
from typing import Any

import pytest

from deployer import lab as labs
from deployer.errors import ConfigError
from deployer.lab import Lab, LabHost, programs, state
from tests.lab.builds import Builds
from tests.lab.fleet import untouched
from tests.lab.watcher import Watched

HERE = Path(__file__).parent
WINDOW = HERE / "window"
"""Its files share one fleet."""
APPS = HERE.parent / "apps"
DEMO = APPS / "demo"
# pytest-xdist's workers share no fixtures: each has its own lab.
NAME = os.environ.get("DEPLOYER_TEST_LAB", "test") + os.environ.get("PYTEST_XDIST_WORKER", "").replace("gw", "w")

LONG = """
rollout window moving ladder tls faults kill_points migrations unit rotation going_back growth attacks migration_kills
takeover secrets ansible_engine deploy roll_stops from_mix_phx_new docs_commands drift clusters growth_kills
confirm_tasks confirm_trixie lease start_pairs disk_full tls_given preflight growth_table two_fleets flavours_mixed
waiting brought_modules sudo_deploy general_modules plan root_trust collection flavours_tls rabbitmq flavours_names
same_as_ansible
""".split()  # noqa: SIM905 - a list of words reads better
"""The files that take longest, the longest first: they begin first, so that no worker is left with one at the end."""
SHORT = "lab demo budget build uploads hostile inputs profiles firewall_matrix trixie sudo".split()  # noqa: SIM905

Ssh = Callable[..., tuple[int, str]]


@pytest.hookimpl(wrapper=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> Iterator[None]:
    """Mark what is collected here before ``-m`` selects; a machine that cannot run it fails, it never skips."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker("lab")
    items.sort(key=_turn)
    yield
    if any(item.get_closest_marker("lab") for item in items):
        try:
            programs.require()
        except ConfigError as error:
            raise pytest.UsageError(f"tests/lab cannot run here: {error} (leave it out with: -m 'not lab')") from None


def _turn(item: pytest.Item) -> int:
    """When the file of a test begins, where several workers take one file after the other (``--dist loadfile``)."""
    if HERE not in item.path.parents:
        return -1
    name = "window" if item.path.parent == WINDOW else item.path.stem.removeprefix("test_")
    return LONG.index(name) if name in LONG else len(LONG) + (name in SHORT)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """With ``--dist loadfile`` the files of a directory that share a fleet go to one worker, which boots it once."""
    from xdist.scheduler import LoadFileScheduling

    class Together(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = super()._split_scope(nodeid)
            return str(WINDOW) if WINDOW.name in PurePath(file).parts else file

    return Together(config, log) if config.getoption("dist") == "loadfile" else None


@pytest.fixture(scope="session")
def lab() -> Iterator[Lab]:
    """Four hosts of the default profile, for the whole session; use `hosts` unless what is on them does not matter."""
    holder = state.lab_home(NAME).with_suffix(".session")
    holder.parent.mkdir(parents=True, exist_ok=True)
    with holder.open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pytest.fail(f"another test run uses the lab {NAME!r}: set DEPLOYER_TEST_LAB to another name")
        yield labs.up(4, name=NAME)
        if os.environ.get("DEPLOYER_KEEP_LAB") != "1":
            labs.down(NAME)


@pytest.fixture
def hosts(lab: Lab) -> tuple[LabHost, ...]:
    """Two hosts of the lab, untouched; who needs more or fewer says so to `untouched`."""
    return untouched(lab, 2)


@pytest.fixture(scope="module")
def lab_of(lab: Lab) -> Iterator[Callable[..., Lab]]:
    """A factory of one more lab, a host per profile: ``lab_of("sudo", "closed")``; gone when the module's tests end."""
    name = f"{NAME[:7]}x"

    def boot(*profiles: str, suites: Sequence[str] = ("bookworm",)) -> Lab:
        labs.down(name)
        return labs.up(len(profiles), name=name, profiles=profiles, suites=suites)

    yield boot
    labs.down(name)


@pytest.fixture(scope="session")
def demo_app() -> Path:
    """The demo app's source."""
    return DEMO


@pytest.fixture(scope="session")
def shop_app() -> Path:
    """The shop's source."""
    return APPS / "shop"


@pytest.fixture(scope="session")
def demo_release(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The demo app's tarball of a version, or of ``VERSION+FAULT``; each version is built once in a whole test run."""
    return Builds(DEMO, _shared(tmp_path_factory) / "dist").tarball


@pytest.fixture(scope="session")
def shop_release(shop_app: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """The shop's tarball of a version, or of ``VERSION+FAULT``, or with more files in it: see `Builds.tarball`.

    ``shop_release("0.2.0", {"priv/repo/migrations/20261201000000_fail.sql": "SELECT 1/0"})``
    """
    return Builds(shop_app, _shared(tmp_path_factory) / "shop").tarball


def _shared(factory: pytest.TempPathFactory) -> Path:
    """A directory of all workers of this test run."""
    base = factory.getbasetemp()
    return base.parent if "PYTEST_XDIST_WORKER" in os.environ else base


@pytest.fixture(scope="session")
def tell() -> Iterator[Callable[[str, str, Watched, LabHost], None]]:
    """Take down a fault, what became of it and when its host was well again; all are one table when the tests end."""
    rows = [f"{'fault':<44} {'outcome':<12} {'until the old release is back':>30} {'of it without an answer':>24}"]

    def row(fault: str, outcome: str, watched: Watched, host: LabHost) -> None:
        rows.append(f"{fault:<44} {outcome:<12} {watched.back(host):>28.1f} s {watched.away(host):>22.1f} s")

    yield row
    print("\n" + "\n".join(rows))  # noqa: T201 - figures are asked for


@pytest.fixture(scope="session")
def ssh() -> Ssh:
    """Run a command on a host by plain OpenSSH: (exit code, both outputs). ``user`` and ``stdin`` may be given."""

    def run(
        host: LabHost, command: str, *, user: str = "root", stdin: bytes = b"", tty: bool = False, patience: float = 180
    ) -> tuple[int, str]:
        program, *rest = labs.ssh_arguments(lab_around(host), host)
        argv = [program, *(["-tt"] if tty else []), *rest[:-1], f"{user}@{host.address}", command]
        done = subprocess.run(argv, input=stdin, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=patience)
        return done.returncode, done.stdout.decode(errors="replace")

    return run


def lab_around(host: LabHost) -> Lab:
    """The lab that a host belongs to."""
    found = labs.status(host.home.parent.parent.name)
    assert found is not None
    return found


@pytest.fixture(scope="session")
def testinfra_host() -> Callable[[LabHost], Any]:
    """The host as testinfra sees it, by its own ssh backend, as root."""
    import testinfra

    def look(host: LabHost) -> Any:
        around = lab_around(host)
        strict = f"-F /dev/null -o StrictHostKeyChecking=yes -o UserKnownHostsFile={around.known_hosts}"
        # No ControlPersist: the shared connection would outlive a reset of the host.
        return testinfra.get_host(
            f"ssh://root@{host.address}", ssh_identity_file=str(around.key), ssh_extra_args=strict, controlpersist=0
        )

    return look


@pytest.fixture(scope="session")
def eventually() -> Callable[..., None]:
    """Wait until a probe says yes; a test waits for conditions, never for time."""

    def wait(probe: Callable[[], object], *, deadline: float = 90.0) -> None:
        end = time.monotonic() + deadline
        while not (last := probe()):
            assert time.monotonic() < end, f"not within {deadline:g} s; the last answer was {last!r}"
            time.sleep(0.05)

    return wait
