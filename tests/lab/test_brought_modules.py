"""Modules of files that people bring, on a real host: look, fix, look again, and let another one say what is so."""

from __future__ import annotations

from typing import Any

import pytest

from deployer import modules
from deployer.fields import build
from deployer.lab import LabHost
from deployer.model import Absent, Secret
from deployer.modules import Step
from deployer.modules.base import sh
from tests.lab.test_general_modules import REPOSITORY, Bench, bench, make, witness

__all__ = ["bench", "witness"]


@pytest.fixture(scope="module")
def host(lab_of: Any, ssh: Any) -> LabHost:
    """One that has the programs these modules call, and no repository that cannot be reached from here."""
    made: LabHost = lab_of("python").hosts[0]
    assert ssh(made, ": >/etc/apt/sources.list; rm -f /etc/apt/sources.list.d/*")[0] == 0
    return made


def test_a_repository_is_added_used_and_taken_away(bench: Bench, witness: Any, ssh: Any, host: LabHost) -> None:
    assert ssh(host, f"{REPOSITORY}make one 1 >/srv/repo/Packages")[0] == 0
    repo = "deb [trusted=yes] file:/srv/repo ./"
    bench.apply("apt_repository", repo=repo, filename="own")
    assert witness.file("/etc/apt/sources.list.d/own.list").content_string == f"{repo}\n"
    bench.apply("apt", name=["one"])
    gone = make("apt_repository", {"repo": "deb file:/srv/nothing ./"})
    (frame,) = bench.run(gone.fix(gone.differences(gone.parse(bench.ask(gone).out))))
    assert (frame.rc, "has its old content again" in frame.out) == (1, True)
    bench.apply("apt_repository", repo=repo, state="absent")
    assert not witness.file("/etc/apt/sources.list.d/own.list").exists


KEY = """export GNUPGHOME=$(mktemp -d); gpg --batch --passphrase '' --quick-gen-key 'nobody <a@b.example>' ed25519 sign
cd /srv/repo && apt-ftparchive release . >Release && gpg --batch --yes -o InRelease --clearsign Release
gpg --armor --export >/srv/key.asc
gpg -q --list-keys --with-colons 2>/dev/null | awk -F: '$1 == "fpr" { print $10; exit }'"""


def test_only_the_key_of_a_repository_vouches_for_it(bench: Bench, witness: Any, ssh: Any, host: LabHost) -> None:
    assert ssh(host, f"{REPOSITORY}make one 3 >/srv/repo/Packages")[0] == 0
    code, said = ssh(host, KEY)
    assert code == 0, said
    ring = "/etc/apt/keyrings/own.gpg"
    bench.apply("apt_key", file="/srv/key.asc", keyring=ring, id=said.split()[-1])
    assert witness.file(ring).mode == 0o644
    bench.apply("apt_repository", repo=f"deb [signed-by={ring}] file:/srv/repo ./", filename="own")
    bench.apply("apt_repository", repo=f"deb [signed-by={ring}] file:/srv/repo ./", state="absent")
    given = {"name": "own", "uris": ["file:/srv/repo"], "suites": ["./"], "signed_by": ring}
    bench.apply("deb822_repository", **given)
    assert ssh(host, "apt-get -q update")[0] == 0
    bench.apply("deb822_repository", **given, state="absent")
    assert not witness.file("/etc/apt/sources.list.d/own.sources").exists


def test_a_job_is_in_its_users_crontab_and_in_a_file(bench: Bench, witness: Any, ssh: Any, host: LabHost) -> None:
    bench.apply("cron", name="old", job="true", user="root", cron_file="shop", minute="5")
    assert witness.file("/etc/cron.d/shop").content_string == "#Ansible: old\n5 * * * * root true\n"
    bench.apply("cron", name="old", user="root", cron_file="shop", state="absent")
    assert not witness.file("/etc/cron.d/shop").exists
    made = make("cron", {"name": "old", "job": "true", "user": "nobody"})
    if ssh(host, "command -v crontab")[0]:
        assert (bench.ask(made).rc, bench.ask(made).out) == (3, "cron is not installed yet")
        return
    bench.apply("cron", name="old", job="true", user="nobody", special_time="daily")
    assert "#Ansible: old\n@daily true" in ssh(host, "crontab -u nobody -l")[1]
    bench.apply("cron", name="old", user="nobody", state="absent")
    assert "old" not in ssh(host, "crontab -u nobody -l")[1]


def test_a_key_lets_its_owner_in_until_it_is_taken_out(bench: Bench, witness: Any, ssh: Any, host: LabHost) -> None:
    key = (host.home.parent.parent / "id_ed25519.pub").read_text().strip()
    assert bench.ask(make("authorized_key", {"user": "keyed", "key": key})).rc == 3
    bench.apply("user", name="keyed")
    bench.apply("authorized_key", user="keyed", key=key)
    file = witness.file("/home/keyed/.ssh/authorized_keys")
    assert (file.user, file.mode, witness.file("/home/keyed/.ssh").mode) == ("keyed", 0o600, 0o700)
    assert ssh(host, "id -un", user="keyed")[1].strip() == "keyed"
    bench.apply("authorized_key", user="keyed", key=key, state="absent")
    assert ssh(host, "id -un", user="keyed")[0] != 0
    assert ssh(host, "rm -rf /home/keyed/.ssh; ln -s /etc /home/keyed/.ssh; chown -h keyed /home/keyed/.ssh")[0] == 0
    made = make("authorized_key", {"user": "keyed", "key": key})
    (frame,) = bench.run(made.fix(made.differences(made.parse(bench.ask(made).out))))
    assert (frame.rc, "is a link that users other than root can change" in frame.out) == (1, True)
    assert not witness.file("/etc/authorized_keys").exists


def test_a_host_has_its_name_and_its_timezone(bench: Bench, witness: Any, ssh: Any, host: LabHost) -> None:
    was = ssh(host, "uname -n")[1].strip()
    bench.apply("hostname", name="renamed")
    assert (ssh(host, "uname -n")[1].strip(), witness.file("/etc/hostname").content_string) == ("renamed", "renamed\n")
    bench.apply("hostname", name=was)
    assert bench.ask(make("timezone", {"name": "Europe/Nowhere"})).rc == 3
    bench.apply("timezone", name="Europe/Vienna")
    assert ssh(host, "date +%Z")[1].strip() in ("CET", "CEST")
    bench.apply("timezone", name="UTC")


PAGES = """set -e; rm -rf /srv/pages.git; git init -q -b main /srv/pages.git; cd /srv/pages.git
echo {0} >page; git add page
git -c user.name=n -c user.email=a@b.example commit -q -m {0}; chown -R nobody /srv/pages.git"""


def test_a_checkout_follows_its_branch_as_the_user_it_belongs_to(
    bench: Bench, witness: Any, ssh: Any, host: LabHost
) -> None:
    args: dict[str, Any] = {"repo": "file:///srv/pages.git", "dest": "/srv/keeper/pages", "version": "main"}
    assert ssh(host, "mv /usr/bin/git /usr/bin/hidden")[0] == 0
    assert (bench.ask(make("git", args)).rc, bench.ask(make("git", args)).out) == (3, "git is not installed yet")
    assert ssh(host, "mv /usr/bin/hidden /usr/bin/git")[0] == 0
    assert ssh(host, PAGES.format("one"))[0] == 0
    bench.apply("file", path="/srv/keeper", state="directory", owner="nobody")
    made = make("git", args)
    (frame,) = bench.run(made.fix(made.differences(made.parse(bench.ask(made).out))))
    assert (frame.rc, "write become_user: nobody" in frame.out) == (1, True)
    bench.run(made.fix(made.differences(Absent())), user="nobody")
    assert witness.file("/srv/keeper/pages/page").user == "nobody"
    frame = bench.ask(made)
    assert (frame.rc, "write become_user: nobody" in frame.out) == (1, True)


def test_an_archive_is_unpacked_where_others_own_the_directory(
    bench: Bench, witness: Any, ssh: Any, host: LabHost
) -> None:
    pack = "mkdir -p /srv/tree/pages && echo hello >/srv/tree/pages/index && tar -C /srv/tree -czf /srv/pages.tgz pages"
    assert ssh(host, pack)[0] == 0
    for name, owner in (("own", "root"), ("theirs", "nobody")):
        bench.apply("file", path=f"/srv/{name}", state="directory", owner=owner)
        args = {"dest": f"/srv/{name}", "creates": f"/srv/{name}/pages/index", "owner": owner, "remote_src": True}
        made = build(modules.class_of("unarchive"), {**args, "src": "/srv/pages.tgz"})
        for _ in range(2):
            assert [frame.out for frame in bench.run(made.fix(made.differences(Absent()))) if frame.rc] == []
        assert bench.plan(made) == {}
        assert witness.file(f"/srv/{name}/pages/index").user == owner
    turn = "cd /srv/theirs && rm -r pages && mkdir /etc/aim && ln -s /etc/aim pages && chown -h nobody pages"
    assert ssh(host, turn)[0] == 0
    bench.run(made.fix(made.differences(Absent())))
    assert not witness.file("/etc/aim/index").exists


def test_a_port_is_waited_for_that_opens_later(bench: Bench) -> None:
    made = make("wait_for", {"port": 7070, "timeout": 20})
    assert bench.plan(made) == {"state": ("absent", "there")}
    unit = "[Unit]\nRequires=late.socket\n[Service]\nType=oneshot\nExecStart=/usr/bin/true\n"
    bench.apply("systemd_unit", name="late.service", content=unit)
    bench.apply("systemd_unit", name="late.socket", content="[Socket]\nListenStream=127.0.0.1:7070\n")
    # Without it a timer may elapse up to a minute late, when something else happens to wake systemd.
    soon = sh("systemd-run --on-active=2s --timer-property=AccuracySec=100ms systemctl start late.socket")
    bench.run((Step("open it later", soon),))
    assert [frame.rc for frame in bench.run(made.fix(made.differences(Absent())))] == [0]
    assert bench.plan(made) == {}
    bench.apply("systemd", name="late.socket", state="stopped")


LOCALES = """mkdir -p /usr/share/i18n
printf 'de_AT.UTF-8 UTF-8\\nde_DE@euro ISO-8859-15\\n' >/usr/share/i18n/SUPPORTED
sed 's/^/# /' /usr/share/i18n/SUPPORTED >/etc/locale.gen && cd /usr/local/sbin
printf '#!/bin/sh\\ngrep -v "^#" /etc/locale.gen | cut -d " " -f 1 | sed s/UTF-8/utf8/ >/srv/locales\\n' >locale-gen
printf '#!/bin/sh\\ncat /srv/locales 2>/dev/null || :\\n' >locale && chmod +x locale locale-gen"""
"""Stands for the package locales, which the lab's hosts have not."""


def refused(bench: Bench, module: str, args: dict[str, Any]) -> str:
    """Return why a step fails that brings a module about."""
    made = make(module, args)
    (frame,) = bench.run(made.fix(made.differences(made.parse(bench.ask(made).out))))
    assert frame.rc != 0
    return frame.out


def test_what_a_system_is_told_is_so_and_taken_back(bench: Bench, witness: Any, ssh: Any, host: LabHost) -> None:
    tmpfs = {"path": "/srv/up/a b", "src": "tmpfs", "fstype": "tmpfs"}
    bench.apply("mount", **tmpfs, opts="size=1m", state="mounted")
    assert bench.apply("mount", **tmpfs, opts="size=2m,nosuid", state="mounted") == ["content"]
    assert "nosuid" in ssh(host, "findmnt -n -o OPTIONS '/srv/up/a b'")[1]
    gone = {"path": "/srv/gone/x", "src": "/dev/nothing", "fstype": "ext4", "state": "mounted"}
    assert "/dev/nothing" in refused(bench, "mount", gone)
    assert not witness.file("/srv/gone").exists
    assert "gone" not in witness.file("/etc/fstab").content_string
    bench.apply("mount", path="/srv/up/a b", state="absent")
    assert not witness.file("/srv/up/a b").exists
    turned = {"path": "/srv/others/x", "src": "tmpfs", "fstype": "tmpfs", "state": "mounted"}
    bench.apply("file", path="/srv/others", state="directory", owner="nobody")
    assert "users other than root can change" in refused(bench, "mount", turned)

    pager = ssh(host, "readlink /etc/alternatives/pager")[1]
    bench.apply("alternatives", name="pager", path="/bin/cat", priority=1)
    assert ssh(host, "readlink /etc/alternatives/pager")[1] == "/bin/cat\n"
    bench.apply("alternatives", name="pager", path="/bin/cat", state="absent")
    assert ssh(host, "readlink /etc/alternatives/pager")[1] == pager

    answer = {"name": "postfix", "question": "postfix/password", "vtype": "password"}
    bench.apply("debconf", **answer, value=Secret("canary-debconf"))
    assert "canary-debconf" in ssh(host, "cat /var/cache/debconf/passwords.dat")[1]
    assert list(bench.plan(make("debconf", {**answer, "value": "other"}))) == ["value"]
    bench.apply("debconf", name="postfix", question="postfix/mailname", vtype="string", value="it's $(x)")
    assert "postfix/mailname: it's $(x)" in ssh(host, "debconf-show postfix")[1]

    assert ssh(host, LOCALES)[0] == 0
    bench.apply("locale_gen", name=["de_AT.UTF-8", "de_DE@euro"])
    bench.apply("locale_gen", name=["de_DE@euro"], state="absent")
    assert witness.file("/etc/locale.gen").content_string == "de_AT.UTF-8 UTF-8\n# de_DE@euro ISO-8859-15\n"
    assert ssh(host, "rm /usr/local/sbin/locale /usr/local/sbin/locale-gen /etc/locale.gen")[0] == 0


def test_a_server_is_asked_by_the_host_itself(bench: Bench, ssh: Any, host: LabHost) -> None:
    serve = "systemd-run -q --unit asked --working-directory /srv/asked python3 -m http.server 8097 --bind 127.0.0.1"
    assert ssh(host, f"mkdir -p /srv/asked && echo hello >/srv/asked/index && {serve}")[0] == 0
    bench.apply("wait_for", port=8097, timeout=60)
    reading = make("uri", {"url": "http://127.0.0.1:8097/index", "return_content": True}).reading()
    found = reading.answer(reading.parse(bench.ask(reading).out))
    assert (found["status"], found["content"], found["failed"]) == (200, "hello\n", False)
    bench.apply("uri", url="http://127.0.0.1:8097/nowhere", status_code=[404])
    assert bench.plan(make("uri", {"url": "http://127.0.0.1:8097/nowhere"})) == {"answers": ("status 404", "as wanted")}
    (frame,) = bench.run(make("uri", {"url": "http://127.0.0.1:8097/", "method": "POST", "body": "x"}).act())
    assert (frame.rc, "Status code was 501 and not 200" in frame.out) == (1, True)
    assert ssh(host, "systemctl stop asked")[0] == 0


WHEEL = """import zipfile
told = "Metadata-Version: 2.1\\nName: one\\nVersion: 1\\n"
with zipfile.ZipFile("/srv/one-1-py3-none-any.whl", "w") as wheel:
    wheel.writestr("one.py", "")
    wheel.writestr("one-1.dist-info/METADATA", told)
    wheel.writestr("one-1.dist-info/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
    wheel.writestr("one-1.dist-info/RECORD", "")
"""


def test_a_package_of_python_is_installed_into_its_own_environment(bench: Bench, ssh: Any, host: LabHost) -> None:
    assert ssh(host, f"python3 - <<'PROGRAM'\n{WHEEL}PROGRAM")[0] == 0
    bench.apply("file", path="/srv/report", state="directory", owner="nobody")
    args = {"name": ["one==1"], "virtualenv": "/srv/report/venv", "extra_args": "--no-index --find-links /srv"}
    made = make("pip", args)
    (frame,) = bench.run(made.fix(made.differences(Absent())))
    assert (frame.rc, "write become_user: nobody" in frame.out) == (1, True)
    bench.apply("pip", **{**args, "virtualenv": "/srv/venv"})
    assert ssh(host, "/srv/venv/bin/python -c 'import one'")[0] == 0
    bench.apply("pip", name=["one"], virtualenv="/srv/venv", state="absent")
    assert ssh(host, "/srv/venv/bin/python -c 'import one'")[0] == 1
