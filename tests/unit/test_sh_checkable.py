"""The digests of a release's files: they can be checked whatever the files are called."""

from __future__ import annotations

from pathlib import Path

from deployer.sh import script
from tests.unit.sh_runner import frames, in_every_shell, probe

pytestmark = in_every_shell


def test_what_was_proven_of_a_release_can_be_checked_whatever_its_files_are_called(
    shell: list[str], tmp_path: Path
) -> None:
    for name in ("plain", "two\nlines", "ends in \r", "back\\slash", "releases/COOKIE", "lib/releases/COOKIE"):
        (tmp_path / "tree" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "tree" / name).write_text(name)
    text = """{}
cd tree
find . -type f -exec sha256sum -z -- {{}} + | sort -z | checkable >../sums
rm releases/COOKIE
sha256sum --quiet --strict -c ../sums
echo altered >"$(printf 'two\nlines')"
sha256sum --quiet -c ../sums 2>/dev/null || wc -l <../sums"""
    (frame,) = frames(
        probe(f"cd {tmp_path}\n{text.format(script('checkable.sh', 'deployer.releases').text)}"), shell, tmp_path
    )
    assert frame.rc == 0, frame.out
    assert frame.out.splitlines()[-1].strip() == "5"
    assert "two" in frame.out
