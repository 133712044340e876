"""What package_facts makes of what dpkg and apt say; the lab holds it to Ansible's on hosts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from deployer.errors import ProbeError
from deployer.model import Present
from deployer.modules.package_facts import PackageFacts
from tests.unit.sh_runner import frames, probe

POLICY = """\
Package files:
 100 /var/lib/dpkg/status
     release a=now
 500 http://deb.debian.org/debian bookworm/main amd64 Packages
     release v=12.5,o=Debian,a=stable,n=bookworm,l=Debian,c=main,b=amd64
     origin deb.debian.org
 -1 https://apt.shop.example stable/main amd64 Packages
     release o=Shop,a=stable,c=main,b=amd64
Pinned packages:
"""
PACKAGES = """\
sudo amd64 1.9 installed admin
tzdata all 2024 installed localization
libc6 i386 2.36 installed libs
odd amd64 1:2 half-configured 
gone amd64 1 config-files misc
"""  # noqa: W291 - a package without a section ends so
SOURCES = """\
sudo: 500 http://deb.debian.org/debian bookworm/main amd64 Packages
libc6:i386: 990 https://apt.shop.example stable/main amd64 Packages
tzdata: 100 /var/lib/dpkg/status
"""


def packages(**more: str) -> dict[str, list[dict[str, str]]]:
    keys = {"native": "amd64", "packages": PACKAGES, "policy": POLICY, "sources": SOURCES, **more}
    answer: Any = PackageFacts().answer(Present(keys))
    return dict(answer["ansible_facts"]["packages"])


def test_packages_have_the_words_that_ansible_gives_them() -> None:
    found = packages()
    assert found["sudo"] == [
        {"name": "sudo", "version": "1.9", "arch": "amd64", "category": "admin", "source": "apt", "origin": "Debian"}
    ]
    assert {name: (one["arch"], one["origin"]) for name, (one,) in found.items()} == {
        "sudo": ("amd64", "Debian"),
        "tzdata": ("all", ""),
        "libc6:i386": ("i386", "Shop"),
        "odd": ("amd64", ""),
    }
    assert (found["odd"][0]["version"], found["odd"][0]["category"]) == ("1:2", "")


def test_a_host_without_dpkg_fails_and_a_damaged_answer_is_told() -> None:
    assert (
        PackageFacts().answer(PackageFacts().parse(""))["msg"]
        == "the host has no dpkg, and only packages of dpkg are supported"
    )
    with pytest.raises(ProbeError, match="cannot be read"):
        packages(packages="half a line\n")


def test_it_asks_dpkg_and_apt_about_what_is_installed(tmp_path: Path) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    told = {
        "dpkg-query": 'case $3 in *binary*) echo sudo ;; *) echo "sudo amd64 1.9 installed admin" ;; esac',
        "dpkg": "echo amd64",
        "apt-cache": '[ "$1$2$3$4" = -oDir::Cache::pkgcache=-oDir::Cache::srcpkgcache= ] || exit 9\nshift 4\n'
        f"[ -z \"$2\" ] && cat <<'X' || printf 'sudo:\\n  Installed: 1.9\\n *** 1.9 500\\n"
        f"        500 http://deb.debian.org/debian bookworm/main amd64 Packages\\n     1.8 500\\n'\n{POLICY}X",
    }
    for name, text in told.items():
        (programs / name).write_text(f"#!/bin/sh\n{text}\n")
        (programs / name).chmod(0o755)
    (frame,) = frames(probe(f"PATH={programs}:$PATH\n{PackageFacts().probe().text}"), ["dash"], tmp_path)
    assert frame.rc == 0, frame.out
    answer: Any = PackageFacts().answer(PackageFacts().parse(frame.out))
    assert answer["ansible_facts"]["packages"]["sudo"][0]["origin"] == "Debian"
