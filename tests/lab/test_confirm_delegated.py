"""What is delegated and could cut off a login is confirmed on the machine where it is done."""

from __future__ import annotations

from deployer.lab import Lab
from tests.lab.confirming import KEPT, LOCK, run, tasks, written
from tests.lab.fleet import Fleet, untouched


def test_what_is_delegated_is_confirmed_on_the_machine_where_it_is_done(lab: Lab, tmp_path, ssh) -> None:
    first, second, other = untouched(lab, 3)
    fleet = Fleet(tmp_path, lab, [first, second, other], {})
    some = f"{first.name},{second.name}"
    tasks(fleet, written(LOCK, "MaxAuthTries 5\n", delegate_to=other.name, notify="ssh"))
    ran = run(fleet, "deploy", "-l", some)
    assert ran.code == 0, ran.out
    what = {host.name: [one["what"] for one in ran.of("StepDone") if one["host"] == host.name] for host in fleet.hosts}
    does = ["note the handler", f"write {LOCK}", "confirm it over a new connection"]
    waited = [name for name, steps in what.items() if "done already" in steps]
    assert len(waited) == 1, what
    (worked,) = {first.name, second.name} - {*waited}
    assert [step for step in what[worked] if step in does] == does[1:], what
    assert "confirm it over a new connection" not in what[waited[0]], "nothing was left to do"
    assert "maxauthtries 5" in ssh(other, "sshd -T")[1]
    assert run(fleet, "plan", "--detailed-exitcode", "-l", some).code == 0
    both = [
        written(
            "/etc/for", "it\n", confirm="60s", delegate_to=other.name, when=f"inventory_hostname == {first.name!r}"
        ),
        written("/etc/own", "it\n", confirm="60s", when=f"inventory_hostname == {other.name!r}"),
    ]
    tasks(fleet, *both)
    ran = run(fleet, "deploy", "-l", f"{first.name},{other.name}")
    assert ran.code == 0, f"one waits for the other: {ran.out}"
    assert ssh(other, "cat /etc/for /etc/own") == (0, "it\nit\n")
    tasks(fleet, written(LOCK, "AllowUsers nobody-at-all\n", delegate_to=other.name, confirm="20s"))
    ran = run(fleet, "deploy", "-l", first.name)
    assert (ran.code, ran.end(first)["ending"]) == (6, "reverted"), ran.out
    assert ssh(other, f"cat {LOCK}")[1] == "MaxAuthTries 5\n", "it lets in as before"
    for host in (first, other):
        assert (
            ssh(host, f"{KEPT}; ls -A /run/deployer/pending /var/lib/deployer/notified 2>/dev/null | grep -v :")[1]
            == ""
        )
