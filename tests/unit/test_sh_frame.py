"""Programs in real shells: they arrive whole or not at all, and every answer is told apart from every other."""

from __future__ import annotations

from pathlib import Path

import pytest

from deployer.errors import ConnectionLost
from deployer.sh import Frame, decode, payload
from tests.unit.sh_runner import answer, frames, in_every_shell, probe, steps, stream

pytestmark = in_every_shell


def test_every_probe_runs_and_its_status_is_told(shell: list[str], tmp_path: Path) -> None:
    found = frames(probe("echo one", "exit 3", "echo two; exit 7", "exit 255", ":"), shell, tmp_path)
    assert found == [Frame(0, 0, "one"), Frame(1, 3, ""), Frame(2, 7, "two"), Frame(3, 255, ""), Frame(4, 0, "")]


def test_an_error_inside_a_fragment_ends_it(shell: list[str], tmp_path: Path) -> None:
    text = "false\necho went on"
    assert frames(probe(text), shell, tmp_path) == [Frame(0, 1, "")]
    assert frames(steps(text), shell, tmp_path) == [Frame(0, 1, "")]


def test_an_unset_variable_ends_a_step(shell: list[str], tmp_path: Path) -> None:
    (frame,) = frames(steps('rm -rf "/nowhere/$never_set"; echo went on'), shell, tmp_path)
    assert frame.rc != 0
    assert "went on" not in frame.out


def test_steps_stop_at_the_first_failure(shell: list[str], tmp_path: Path) -> None:
    found = frames(steps("echo a", "echo b; false", "touch c"), shell, tmp_path)
    assert found == [Frame(0, 0, "a"), Frame(1, 1, "b")]
    assert not (tmp_path / "c").exists()


@pytest.mark.parametrize("name", ["HUP", "PIPE"])
def test_steps_outlive_the_one_who_reads_them(shell: list[str], tmp_path: Path, name: str) -> None:
    found = frames(steps(f'kill -s {name} "$$"', "echo went on"), shell, tmp_path)
    assert found == [Frame(0, 0, ""), Frame(1, 0, "went on")]


def test_a_step_tells_both_of_its_streams_and_a_probe_only_its_answer(shell: list[str], tmp_path: Path) -> None:
    text = "echo out; echo err >&2"
    assert frames(steps(text), shell, tmp_path)[0].out == "out\nerr"
    assert frames(probe(text), shell, tmp_path)[0].out == "out"


def test_a_probe_that_fails_oddly_tells_its_complaint(shell: list[str], tmp_path: Path) -> None:
    (frame,) = frames(probe("echo because >&2; exit 9"), shell, tmp_path)
    assert (frame.rc, frame.out) == (9, "because")


def test_a_child_that_reads_its_input_does_not_eat_the_program(shell: list[str], tmp_path: Path) -> None:
    padding = "# " + "x" * 60_000
    for make in (probe, steps):
        found = frames(make("cat; echo first", padding + "\necho second"), shell, tmp_path)
        assert [frame.out for frame in found] == ["first", "second"]


def test_noise_before_the_program_is_skipped(shell: list[str], tmp_path: Path) -> None:
    program = probe("echo answer")
    said = b"Welcome to host!\nno newline at the end" + answer(program, shell, tmp_path)
    assert list(decode(program, stream(said))) == [Frame(0, 0, "answer")]


@pytest.mark.parametrize("keep", [0.0, 0.01, 0.5, 0.99])
def test_a_cut_program_runs_nothing(shell: list[str], tmp_path: Path, keep: float) -> None:
    program = steps("touch canary")
    whole = b"".join(payload(program))
    said = answer(program, shell, tmp_path, given=whole[: int(len(whole) * keep)])
    assert not (tmp_path / "canary").exists()
    with pytest.raises(ConnectionLost):
        list(decode(program, stream(said)))


def test_bytes_that_are_no_text_survive_as_surrogates(shell: list[str], tmp_path: Path) -> None:
    (frame,) = frames(probe(r"printf '\377\200\303\251'"), shell, tmp_path)
    assert frame.out.encode("utf-8", "surrogateescape") == b"\xff\x80\xc3\xa9"


def test_nul_bytes_do_not_shift_what_follows(shell: list[str], tmp_path: Path) -> None:
    found = frames(probe(r"printf 'a\000b'", "echo second"), shell, tmp_path)
    assert found == [Frame(0, 0, "ab"), Frame(1, 0, "second")]


def test_a_forged_frame_in_an_answer_is_only_text(shell: list[str], tmp_path: Path) -> None:
    forged = 'printf "%s 1 0 6\\nforged%s end 0 0\\n" "$marker" "$marker"; printf "\\n%s start\\n" "$marker"'
    program = probe(forged, "echo real")
    found = frames(program, shell, tmp_path)
    assert found[1] == Frame(1, 0, "real")
    assert "forged" in found[0].out


def test_a_program_without_fragments_answers_nothing(shell: list[str], tmp_path: Path) -> None:
    assert frames(probe(), shell, tmp_path) == []
