"""What a host must be, have and leave free for a release, and how each refusal reads."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from deployer.errors import ConfigError, ProbeError, Problems
from deployer.model import Present
from deployer.modules.preflight import Preflight
from deployer.releases import libraries
from tests.unit.modules.host_text import see
from tests.unit.modules.tables import answer, make

BEAM, NIF = "erts-15.2/bin/beam.smp", "lib/x-1.0/priv/x.so"
NEEDS = [
    {"library": "libc.so.6", "versions": ["GLIBC_2.4", "GLIBC_2.34", "GLIBC_2.38"], "files": [BEAM, NIF]},
    {"library": "libcrypto.so.3", "versions": ["OPENSSL_3.0.0"], "files": [NIF]},
    {"library": "libz.so.1", "files": [BEAM]},
]
LIBC = "libc.so.6|libc6,x86-64|/lib/x86_64-linux-gnu/libc.so.6|GLIBC_2.4 GLIBC_2.34 GLIBC_2.38 "
CRYPTO = "libcrypto.so.3|libc6,x86-64|/lib/x86_64-linux-gnu/libcrypto.so.3|OPENSSL_3.0.0 "
ZLIB = "libz.so.1|libc6,x86-64|/lib/x86_64-linux-gnu/libz.so.1|"
ALL = "\n".join((LIBC, CRYPTO, ZLIB))
GOOD = {
    "installed": "no",
    "machine": "x86_64",
    "room": "100000000 100000 500000 /",
    "upload": "100000000 100000 500000 /",
    "libraries": ALL,
}
IDLE = {"idle_0": "yes", "memory": "MemAvailable:  900000 kB", "listening": ""}


def preflight(**more: Any) -> Preflight:
    claims = [{"name": "shop", "unit": "shop.service", "runtime": "/run/beam/shop", "port_min": 9100, "port_max": 9100}]
    given = {
        "name": "shop", "version": "1.4.2", "root": "/opt/shop", "release": "/opt/shop/versions/1.4.2-0f3a9c71",
        "machine": "x86_64", "needs": NEEDS, "size": 1 << 20, "unpacked": 10 << 20, "files": 600, "bind": "10.0.0.2",
        "epmd_port": 4369, "claims": claims,
    } | more  # fmt: skip
    made = make("preflight", **given)
    assert isinstance(made, Preflight)
    return made


def refusals(module: Preflight, **said: str) -> list[str]:
    try:
        module.parse(answer(**said))
    except Problems as several:
        return [str(problem) for problem in several.problems]
    except ConfigError as error:
        return [str(error)]
    return []


def test_a_host_that_has_all_of_it_is_told_nothing() -> None:
    assert preflight().parse(answer(**GOOD, **IDLE)) == Present({})


def test_where_release_and_node_are_there_nothing_else_is_asked() -> None:
    assert preflight().parse(answer(installed="yes")) == Present({})


def changed(**more: str) -> dict[str, str]:
    return {**GOOD, **more}


HOSTS: dict[str, tuple[dict[str, str], str, str]] = {
    "another kind of machine": (
        changed(machine="aarch64"), "shop 1.4.2 is built for x86_64, this host is aarch64", "like the host",
    ),
    "a missing library": (
        changed(libraries=f"{LIBC}\n{ZLIB}"),
        f"this host lacks libraries that the release needs: libcrypto.so.3 ({NIF})", "apt-get install libssl3",
    ),
    "a library for another machine only": (
        changed(libraries=ALL.replace("libcrypto.so.3|libc6,x86-64", "libcrypto.so.3|libc6")),
        "lacks libraries that the release needs: libcrypto.so.3", "libssl3",
    ),
    "an older library": (
        changed(libraries=ALL.replace(" GLIBC_2.38 ", " ")),
        f"a newer system than this host: libc.so.6 lacks GLIBC_2.38 ({BEAM} and 1 more)", "oldest system",
    ),
    "a library that cannot be read": (
        changed(libraries=ALL.replace("|OPENSSL_3.0.0 ", "|?")),
        "cannot find out whether this host has libcrypto.so.3", "release_may_lack",
    ),
    "no cache of libraries": (
        changed(libraries=f"{LIBC}\nnothing"), "has libcrypto.so.3, libz.so.1 as the release needs: ldconfig", "",
    ),
    "no room": (
        changed(room="20000000 100000 500000 /"), "space on /: 19 MiB are free, 23 MiB are needed", "release.keep",
    ),
    "no room for the upload": (
        changed(upload="1000 100000 500000 /var"), "space on /var: 0 MiB are free, 1 MiB are needed", "free some space",
    ),
    "no inodes": (
        changed(room="100000000 1300 500000 /"), "space on /: 1300 inodes are free, 1322 are needed", "free some space",
    ),
    "no memory": (
        changed(**IDLE | {"memory": "MemAvailable: 30000 kB"}),
        "not enough memory: 29 MiB are available, a node needs 64 MiB", "release_memory",
    ),
    "a taken port": (
        changed(**IDLE, holder_0="77 nginx 0::/system.slice/nginx.service")
        | {"listening": "tcp 00000000:238C 77"},
        "port 9100 of shop is used by nginx (pid 77 of nginx.service)", "another nodes[].port",
    ),
    "a taken name": (
        changed(**IDLE, names="name other at port 9\nname shop at port 41000\n"),
        "the name shop is already registered in EPMD, by a node at port 41000", "nodes[].name",
    ),
    "a taken unit": (changed(**IDLE, unit_0="taken"), "shop.service already exists", "another name"),
    "an EPMD that cannot be asked": (changed(**IDLE, names_unknown="yes"), "needs bash on the host", "install bash"),
}  # fmt: skip


@pytest.mark.parametrize(("said", "problem", "hint"), HOSTS.values(), ids=HOSTS)
def test_a_host_that_cannot_take_it_is_told_why_and_what_to_do(said: dict[str, str], problem: str, hint: str) -> None:
    (told,) = refusals(preflight(), **said)
    assert problem in told.splitlines()[0]
    assert hint in told.partition("\n")[2]


def test_a_port_is_free_when_a_node_of_the_same_release_that_is_called_otherwise_now_has_it() -> None:
    held = changed(**IDLE, ours_0="yes") | {"listening": "tcp 00000000:238C 77"}
    assert refusals(preflight(), **held, holder_0="77 beam.smp 0::/system.slice/jobs.service") == []
    (told,) = refusals(preflight(), **held, holder_0="77 beam.smp 0::/system.slice/shop.service")
    assert "port 9100 of shop is used by beam.smp (pid 77 of shop.service)" in told, "it is declared still"


def test_everything_is_told_at_once() -> None:
    said = changed(**IDLE, unit_0="taken") | {"libraries": LIBC, "room": "1 1 500000 /", "memory": "MemAvailable: 1 kB"}
    assert len(refusals(preflight(), **said)) == 5


def test_a_library_that_may_be_lacking_is_not_asked_for() -> None:
    lenient = preflight(may_lack=["libcrypto.so.3"])
    assert refusals(lenient, **changed(libraries=f"{LIBC}\n{ZLIB}")) == []
    assert "libcrypto" not in lenient.probe().text


def test_a_second_file_of_a_library_may_do() -> None:
    older = LIBC.replace(" GLIBC_2.38 ", " ").replace("/lib/", "/old/")
    assert refusals(preflight(), **changed(libraries=f"{older}\n{ALL}")) == []


def test_bytes_of_one_file_system_are_added_up() -> None:
    tight = {"room": "23500000 100000 500000 /", "upload": "23500000 100000 500000 /"}
    (told,) = refusals(preflight(), **changed(**tight))
    assert "22 MiB are free, 23 MiB are needed" in told
    assert refusals(preflight(), **changed(**tight | {"upload": "2000000 100000 500000 /var"})) == []


@pytest.mark.parametrize("inodes", ["- -", "0 0"])
def test_a_file_system_without_inodes_is_no_obstacle(inodes: str) -> None:
    assert refusals(preflight(), **changed(room=f"100000000 {inodes} /")) == []


def test_a_file_system_that_has_used_all_of_its_inodes_is_one() -> None:
    (said,) = refusals(preflight(), **changed(room="100000000 0 500000 /"))
    assert "not enough space on /: 0 inodes are free" in str(said)


RANGE = [
    {"name": name, "unit": f"{name}.service", "runtime": f"/run/beam/{name}", "port_min": 9100, "port_max": 9101}
    for name in ("shop", "jobs")
]


@pytest.mark.parametrize(
    ("place", "problems"), [("0200000A:238C", 1), ("00000000:238D", 1), ("0100007F:238C", 0), ("0200000A:238E", 0)]
)
def test_in_a_range_there_must_be_a_port_for_each_node(place: str, problems: int) -> None:
    said = changed(**IDLE, idle_1="yes") | {"listening": f"udp 00000000:238D 4\ntcp {place} 77"}
    told = refusals(preflight(claims=RANGE), **said)
    assert len(told) == problems
    assert all("only 1 of the ports 9100-9101 are free, but 2 are needed" in each for each in told)


@pytest.mark.parametrize(
    "said",
    [
        {"installed": "no"},
        changed(room="full"),
        changed(libraries="libc.so.6|x"),
        changed(**IDLE | {"listening": "root:x:0:0"}),
    ],
)
def test_an_answer_that_makes_no_sense_is_no_answer(said: dict[str, str]) -> None:
    with pytest.raises(ProbeError):
        preflight().parse(answer(**said))


def test_this_machine_is_asked_for_real(tmp_path: Path) -> None:
    """Of libc and the machine it is known what it says; a library and a version of nobody are missed."""
    machine = subprocess.run(["uname", "-m"], capture_output=True, text=True, check=True).stdout.strip()
    mine = preflight(
        root=str(tmp_path / "opt"), release=str(tmp_path / "opt/x"), machine=machine, epmd_port=None, claims=[],
        needs=[{"library": "libc.so.6", "versions": ["GLIBC_2.17"]}], size=1, unpacked=1, files=1,
    )  # fmt: skip
    assert see(mine, tmp_path) == Present({})
    newer = {"library": "libc.so.6", "versions": ("GLIBC_2.17", "GLIBC_2.99")}
    nobody = {"library": "libnobody.so.7"}
    asked = replace(mine, needs=tuple(libraries.Need(**need) for need in (newer, nobody)))
    with pytest.raises(Problems) as raised:
        see(asked, tmp_path)
    assert "libc.so.6 lacks GLIBC_2.99 " in str(raised.value)
    assert "lacks libraries that the release needs: libnobody.so.7" in str(raised.value)
