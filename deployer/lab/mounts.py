"""What is mounted below a directory, and taking it away again."""

from __future__ import annotations

from pathlib import Path

from deployer.lab.programs import run_program


def _table() -> list[tuple[Path, str]]:
    """Mount points in the order they were made, with their options; fields as in proc(5), mountinfo."""
    rows = []
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        fields = line.split(" ")
        # The kernel writes space, tab, newline and backslash as octal escapes.
        point = fields[4].encode().decode("unicode_escape")
        rows.append((Path(point), fields[-1]))
    return rows


def is_mounted(point: Path) -> bool:
    """Whether something is mounted exactly there."""
    return any(where == point for where, _ in _table())


def uses(lower: Path) -> bool:
    """Whether an overlay lies on this directory."""
    return any(f"lowerdir={lower}" in options.split(",") for _, options in _table())


def overlay(lower: Path, upper: Path, work: Path, root: Path) -> None:
    """Lay a writable directory over a read-only one.

    Raises:
        DeployerError: the kernel refuses, for instance an upper directory that lies on an overlay itself.
    """
    for directory in (upper, work, root):
        directory.mkdir(parents=True, exist_ok=True)
    options = f"lowerdir={lower},upperdir={upper},workdir={work}"
    run_program("mount", "-t", "overlay", "-o", options, "overlay", str(root))


def unmount_below(directory: Path) -> None:
    """Unmount everything at or below a directory, the newest first.

    Raises:
        DeployerError: something is still mounted there; removing the directory would reach into it.
    """
    for point, _ in reversed(_table()):
        if point == directory or directory in point.parents:
            # Lazily: a process that is just dying may still hold it for an instant.
            run_program("umount", "-l", str(point))
