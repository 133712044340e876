"""Drift with a name and a time: what the reader says of files and of the journal, and what is concluded from it."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from pathlib import Path

import pytest

from deployer.audit.facts import parse_group
from deployer.audit.process import Records
from deployer.audit.trace import Trace, day, judge_trace, places, reader
from deployer.events import DriftTraced
from deployer.report.plain import safe
from deployer.report.traced import traced_lines, traced_words
from deployer.sh import Program, Sh, sh
from deployer.sh import lines as joined
from tests.unit.sh_runner import frames, in_every_shell

NOW = 1_790_000_000
MARKS = f"/etc/motd\n{NOW - 7200} {NOW - 3600} root\n/etc/shop\n{NOW - 60} {NOW - 60} shop\n"
CLOCK = f"{NOW} +0200"
JOURNAL = """\
{0}.1 web1 sudo[9]:      ana : TTY=pts/0 ; PWD=/root ; USER=root ; COMMAND=/usr/bin/vi {1} --password=canary-9
{0}.2 web1 sudo[9]:      ben : TTY=pts/0 ; PWD={2} ; USER=root ; COMMAND=/usr/bin/tee {3}
{0}.3 web1 sudo[9]: pam_unix(sudo:session): session opened for user root(uid=0) by ana(uid=1000)
{0}.4 web1 sshd-session[3]: Accepted publickey for eve from 10.0.0.9 port 4 ssh2: ED25519 SHA256:xyz
{0}.5 web1 su[7]: (to root) dan on pts/1
{0}.6 web1 deployer[8]: fay@laptop (deploy, from 10.0.0.9): rpc shop canary-9
"""


def told(**records: str) -> dict[str, str]:
    """What the reader says of two files of a host on which nothing else is known."""
    return {"marks": MARKS, "above": "", "clock": CLOCK, "uptime": "100000", "units": "", "root": "yes"} | records


def test_the_one_whose_sudo_names_the_file_is_the_likely_one() -> None:
    heard = f"{NOW - 3700} sudo ana /usr/bin/vi /etc/motd\n{NOW - 3650} login ben ssh"
    found = judge_trace(["/etc/motd"], told(heard=heard))
    assert (found.since, found.by, found.sure) == (NOW - 3600, "ana", "likely")
    assert "/usr/bin/vi" in found.how
    assert "by its mtime, its content changed" in found.how, "the mtime is another one, and anybody may set it"


@pytest.mark.parametrize("early", [-901, 6])
def test_what_happened_at_another_moment_is_no_clue(early: int) -> None:
    heard = f"{NOW - 3600 + early} sudo ana /usr/bin/vi /etc/motd"
    assert judge_trace(["/etc/motd"], told(heard=heard)).sure == "unknown"


def test_people_who_were_there_are_possible_and_no_more() -> None:
    found = judge_trace(["/etc/motd"], told(heard=f"{NOW - 3700} login ben ssh\n{NOW - 3690} sudo ana /usr/bin/ls"))
    assert (found.by, found.sure) == ("ana or ben", "possible")


def test_a_package_of_the_host_is_sure_in_the_hosts_own_zone() -> None:
    # 1_790_000_000 is 2026-09-21 14:13:20 UTC; the host's zone is two hours ahead, and dpkg writes in it.
    log = "2026-09-21 15:13:19 upgrade base-files:amd64 1 2"
    records = told(dpkg=log, packages="/var/lib/dpkg/info/base-files.list:/etc/motd")
    found = judge_trace(["/etc/motd"], records)
    assert (found.by, found.sure) == ("dpkg", "sure")
    assert "upgrade base-files:amd64 1 2" in found.how
    assert judge_trace(["/etc/motd"], told(dpkg=log)).sure == "unknown", "a package that does not own it is none of its"
    with_apt = records | {"heard": f"{NOW - 3610} sudo ana /usr/bin/apt"}
    assert judge_trace(["/etc/motd"], with_apt).by == "ana with dpkg"


def test_a_run_of_ours_is_told_from_the_hosts_own_record() -> None:
    line = f"7\t{NOW - 3605}\tswitch\t1.4.2-aa\t20260921-ab ana@laptop\t"
    assert judge_trace(["/etc/motd"], told(record=line)).by == "ana@laptop"
    before = line.replace(str(NOW - 3605), str(NOW - 4380))
    assert judge_trace(["/etc/motd"], told(record=before)).by == "", "that run had ended long before"


def test_whoever_owns_a_file_may_have_written_it() -> None:
    found = judge_trace(["/etc/shop"], told())
    assert (found.by, found.sure) == ("a process of shop", "possible")


def test_without_the_right_to_read_the_journal_it_says_so() -> None:
    records = {key: value for key, value in told().items() if key != "root"}
    assert "may not read the journal" in judge_trace(["/etc/motd"], records).how


def test_what_is_gone_and_units_have_a_moment_too() -> None:
    gone = judge_trace(["/etc/gone"], told(above=f"/etc/gone\n{NOW - 50} {NOW - 50} root\n"))
    assert gone.since == NOW - 50
    unit = judge_trace(["shop.service"], told(units="StateChangeTimestampMonotonic=99990000000\nId=shop.service"))
    assert unit.since == NOW - 10
    assert judge_trace(["/etc/nothing"], told()) == Trace()


@pytest.mark.parametrize(
    "garbage", ["", "a b c", "/etc/motd\n1 2", f"/etc/motd\n{'9' * 30} {'9' * 30} x", "\x7f\udce4\n\t"]
)
def test_whatever_a_host_says_the_judge_does_not_break(garbage: str) -> None:
    for key in (*told(), "heard", "dpkg", "packages", "record"):
        found = judge_trace(["/etc/motd", "shop.service"], told() | {key: garbage})
        assert found.sure in ("sure", "likely", "possible", "unknown")
        assert day(found.since)


def _read(shell: list[str], tmp: Path, touched: list[str], before: Sh) -> Records:
    (frame,) = frames(Program((joined(before, reader(touched)),)), shell, tmp)
    found = parse_group(frame)
    assert not isinstance(found, str), found
    return found


@in_every_shell
def test_the_reader_tells_who_and_which_file_and_no_argument(shell: list[str], tmp_path: Path) -> None:
    ours, other = tmp_path / "motd", tmp_path / "a b"
    ours.touch()
    other.touch()
    os.utime(other, (1, 1))
    journal = JOURNAL.format(int(time.time()) - 5, ours, tmp_path, ours.name)
    fake = sh("journalctl() {{ printf %s {}; }}", journal)
    gone = tmp_path / "x\x1ey/gone"
    found = _read(shell, tmp_path, [str(ours), str(other), str(gone), "shop.service"], fake)
    assert "canary-9" not in str(found)
    heard = [line.split(" ", 1)[1] for line in dict.fromkeys(found["heard"].splitlines())]
    assert heard == [
        f"sudo ana /usr/bin/vi {ours}", f"sudo ben /usr/bin/tee {ours}", "login eve ssh", "su dan su",
        "deployer fay@laptop deployer",
    ]  # fmt: skip
    said = judge_trace([str(ours)], found)
    assert said.by in ("ana", "ben"), "both were there in the same second"
    assert said.sure == "likely"
    assert judge_trace([str(other)], found).since == int(other.stat().st_ctime)
    assert "by its mtime, its content changed at 1970-01-01" in judge_trace([str(other)], found).how


@in_every_shell
def test_a_release_is_as_old_as_what_in_it_was_changed_last(shell: list[str], tmp_path: Path) -> None:
    release = tmp_path / "versions/1.0"
    (release / "lib/x").mkdir(parents=True)
    (release / "tmp").mkdir()
    last = release
    for place in (release / "lib/x/a", release / "tmp/b"):
        place.touch()
        while int(place.stat().st_ctime) == int(last.stat().st_ctime):  # the kernel's times cannot be set
            time.sleep(0.02)
            place.touch()
        last = place
    (frame,) = frames(Program((reader([str(release)], str(tmp_path)),)), shell, tmp_path)
    found = parse_group(frame)
    assert not isinstance(found, str), found
    assert judge_trace([str(release)], found).since == int((release / "lib/x/a").stat().st_ctime)


@in_every_shell
def test_the_reader_answers_on_this_machine(shell: list[str], tmp_path: Path) -> None:
    found = _read(shell, tmp_path, ["/etc/passwd", "/etc/none/at/all"], Sh(":"))
    assert judge_trace(["/etc/passwd"], found).since == int(Path("/etc/passwd").stat().st_ctime)
    assert judge_trace(["/etc/none/at/all"], found).since == int(Path("/etc").stat().st_ctime)


def test_units_are_looked_for_where_their_files_are() -> None:
    assert places(["/a", "shop.service", "/a", "no unit"]) == (
        "/a", "/etc/systemd/system/shop.service", "/etc/systemd/system/shop.service.d",
    )  # fmt: skip


def test_a_person_reads_when_who_how_sure_and_both_ways_out() -> None:
    one = DriftTraced(
        "web1", "motd", "site.yml:3", NOW, "ana", "vi", "likely", "deployer deploy x", "file: {mode: '1'}"
    )
    told = traced_lines([one, replace(one, host="web2\x1b[0m")])
    text = "\n".join("".join(part for part, _ in line) for line in told)
    assert "since 2026-09-21 14:13:20 UTC, by ana (likely): vi" in text
    assert "put it back: deployer deploy x  (and so on for 1 more)" in text
    assert "| file: {mode: '1'}" in text
    assert "\x1b" not in text
    assert traced_words(replace(one, since=None, by="")) == "at an unknown time, by an unknown user: vi"
    assert safe(text) == text
