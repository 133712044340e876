"""A node's certificate on a host: kept while it serves, renewed under the running node, replaced when of no use."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from deployer.beam.authority import Authority
from deployer.beam.identity import Identity
from deployer.model import Absent, Change, Present
from deployer.modules.certificate import Certificate
from deployer.sh import Program, encode
from tests.unit.modules.host_text import converge, do, see

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
HOST = "10.0.0.2"
OURS = Authority.make("shop", NOW)


class OwnCertificate(Certificate):
    """The same file, of whoever runs the test."""

    def desired(self) -> Present:
        mine = Path.home()
        return Present({**super().desired().keys, "owner": f"{mine.owner()}:{mine.group()}"})


@pytest.fixture
def module(tmp_path: Path) -> Certificate:
    for folder in ("run", "etc"):
        (tmp_path / folder).mkdir()
    (tmp_path / "etc/tls.conf").touch()
    return installs(OURS.issue(HOST, 90, NOW), tmp_path)


def installs(made: Identity, tmp: Path, **more: bool) -> Certificate:
    return OwnCertificate(
        path=str(tmp / "private/shop.pem"), certificate=made.chain, key=made.key, authority=OURS.pem, host=HOST,
        copy=str(tmp / "run/node.pem"), user=tmp.owner(), options=str(tmp / "etc/tls.conf"), **more,
    )  # fmt: skip


def lay(module: Certificate, made: Identity, *, runs: bool = True) -> None:
    """Put a certificate where an earlier run would have."""
    Path(module.path).parent.mkdir(exist_ok=True)
    for place in (module.path, *([module.copy] if runs else [])):
        Path(place).unlink(missing_ok=True)
        Path(place).write_text(made.key.reveal() + made.chain)
        Path(place).chmod(0o400)


def test_on_an_untouched_host_it_is_written_for_root_alone(module: Certificate, tmp_path: Path) -> None:
    assert see(module, tmp_path) == Absent()
    assert "state" in converge(module, tmp_path)
    path = Path(module.path)
    assert path.read_text() == module.key.reveal() + module.certificate
    assert oct(path.stat().st_mode) == "0o100400"
    assert not Path(module.copy).exists(), "the node's start makes the copy"


def test_one_that_still_serves_is_left_alone(module: Certificate, tmp_path: Path) -> None:
    lay(module, OURS.issue(HOST, 90, NOW - timedelta(days=59)))
    assert module.differences(see(module, tmp_path)) == {}


def test_close_to_its_end_it_is_renewed_and_so_is_the_running_copy(module: Certificate, tmp_path: Path) -> None:
    lay(module, OURS.issue(HOST, 90, NOW - timedelta(days=78)))
    changes = module.differences(see(module, tmp_path))
    assert changes == {"validity": Change("validity", "expires in 12 days", "90 days")}
    assert module.alters(changes) == (module.path,)
    before = Path(module.options).stat().st_ctime_ns
    assert converge(module, tmp_path) == ["validity"]
    assert Path(module.copy).read_text() == Path(module.path).read_text() == module.text().reveal()
    assert oct(Path(module.copy).stat().st_mode) == "0o100400"
    assert Path(module.options).stat().st_ctime_ns == before


@pytest.mark.parametrize(
    ("laid", "words"),
    [
        (OURS.issue(HOST, 9, NOW - timedelta(days=10)), "expired on 2026-11-24"),
        (Authority.make("shop", NOW).issue(HOST, 90, NOW), "signed by another authority"),
        (OURS.issue("10.0.0.3", 90, NOW), "does not name DNS:10.0.0.2 and IP:10.0.0.2"),
        (
            replace(OURS.issue(HOST, 90, NOW), key=OURS.issue(HOST, 90, NOW).key),
            "its key belongs to another certificate",
        ),
        (replace(OURS.issue(HOST, 90, NOW), chain=""), "no certificate"),
    ],
)
def test_one_of_no_use_is_replaced_and_the_node_restarts(
    module: Certificate, tmp_path: Path, laid: Identity, words: str
) -> None:
    lay(module, laid)
    changes = module.differences(see(module, tmp_path))
    assert changes == {"certificate": Change("certificate", words, "good")}
    assert module.options in module.alters(changes)
    before = Path(module.options).stat().st_ctime_ns
    assert converge(module, tmp_path) == ["certificate"]
    assert Path(module.options).stat().st_ctime_ns > before
    assert Path(module.copy).read_text() == module.text().reveal()


def test_a_copy_that_a_killed_run_left_behind_is_renewed_without_a_new_certificate(
    module: Certificate, tmp_path: Path
) -> None:
    lay(module, OURS.issue(HOST, 90, NOW - timedelta(days=5)))
    kept = OURS.issue(HOST, 90, NOW - timedelta(days=1))
    lay(module, kept, runs=False)
    assert converge(module, tmp_path) == ["running"]
    assert Path(module.copy).read_text() == kept.key.reveal() + kept.chain


def test_a_given_certificate_is_that_very_one(tmp_path: Path, module: Certificate) -> None:
    given = OURS.issue(HOST, 10, NOW)
    exact = installs(given, tmp_path, exact=True)
    lay(exact, OURS.issue(HOST, 90, NOW))
    assert list(converge(exact, tmp_path)) == ["validity"], "a newer one of the same authority needs no restart"
    assert Path(exact.path).read_text() == exact.text().reveal()
    lay(exact, Authority.make("shop", NOW).issue(HOST, 90, NOW))
    assert converge(exact, tmp_path) == ["certificate"]
    assert module.differences(see(module, tmp_path)).keys() == {"validity"}


def test_a_link_in_its_place_is_not_followed(module: Certificate, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_text(module.text().reveal())
    Path(module.path).parent.mkdir()
    Path(module.path).symlink_to(other)
    assert "certificate" in module.differences(see(module, tmp_path))


def test_no_text_and_no_answer_holds_a_line_of_a_key(module: Certificate, tmp_path: Path) -> None:
    lay(module, OURS.issue(HOST, 90, NOW - timedelta(days=78)))
    seen = see(module, tmp_path)
    steps = module.fix(module.differences(seen))
    shown = encode(Program((module.probe(), *(step.text for step in steps)))) + repr((module, seen, steps))
    for text in (module.key.reveal(), Path(module.path).read_text()):
        key = text.partition("-----END PRIVATE")[0].splitlines()[1:]
        assert len(key) >= 2
        assert not any(line in shown for line in key)
    assert do(steps, tmp_path) == ""
