"""Measure the house: sizes, types, docstrings and names that stand in two files, for docs/design.md.

``tools/measure.py [DIRECTORY]`` prints one line for each figure; the default is the program itself.
"""

from __future__ import annotations

import ast
import statistics
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

Function = ast.FunctionDef | ast.AsyncFunctionDef


def functions(tree: ast.Module) -> Iterator[Function]:
    """Yield all functions and methods."""
    yield from (node for node in ast.walk(tree) if isinstance(node, Function))


def body_length(node: Function) -> int:
    """Return the lines of a body, its docstring left out."""
    body = node.body[1:] if ast.get_docstring(node) else node.body
    return (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0


def arguments(node: Function) -> int:
    """Return how many parameters a function has, self left out."""
    names = [one.arg for one in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)]
    return len([name for name in names if name not in ("self", "cls")])


def public(tree: ast.Module) -> set[str]:
    """Return the public names of classes and functions at the top of a file."""
    return {n.name for n in tree.body if isinstance(n, Function | ast.ClassDef) and not n.name.startswith("_")}


def share(part: int, whole: int) -> str:
    """Return per cent."""
    return f"{100 * part / whole:.0f} %" if whole else "-"


def ninth(values: Sequence[int]) -> int:
    """Return what nine of ten values do not exceed."""
    return sorted(values)[int(len(values) * 0.9)] if values else 0


def main(place: Path) -> None:
    """Print the figures."""
    files = sorted(place.rglob("*.py"))
    sizes = [len(path.read_text().splitlines()) for path in files]
    trees = {path: ast.parse(path.read_text()) for path in files}
    every = [node for tree in trees.values() for node in functions(tree)]
    bodies = [body_length(node) for node in every]
    where: dict[str, set[Path]] = defaultdict(set)
    for path, tree in trees.items():
        for name in public(tree):
            where[name].add(path)
    twice = sorted(name for name, paths in where.items() if len(paths) > 1)
    uses = sum(len(where[name]) for name in twice)
    total = sum(len(paths) for paths in where.values())
    lines = [len(line) for path in files for line in path.read_text().splitlines() if line.strip()]
    shells = sum(len(path.read_text().splitlines()) for path in place.rglob("*.sh"))
    rows = {
        "lines, files, median file, largest": (sum(sizes), len(files), int(statistics.median(sizes)), max(sizes)),
        "body of a function: median, p90, max": (int(statistics.median(bodies)), ninth(bodies), max(bodies)),
        "typed returns": (share(sum(node.returns is not None for node in every), len(every)),),
        "with docstring": (share(sum(bool(ast.get_docstring(node)) for node in every), len(every)),),
        "functions with 7 or more parameters": (sum(arguments(node) >= 7 for node in every), "of", len(every)),
        "public names in 2 or more files": (share(uses, total), f"({len(twice)} names)"),
        "length of a line, p90": (ninth(lines),),
        "sh in .sh files": (shells, "lines"),
    }
    for name, values in rows.items():
        sys.stdout.write(f"| {name} | {' '.join(map(str, values))} |\n")
    if "-v" in sys.argv:
        sys.stdout.write(f"{' '.join(twice)}\n")


if __name__ == "__main__":
    words = [word for word in sys.argv[1:] if word != "-v"]
    main(Path(words[0]) if words else Path(__file__).parent.parent / "deployer")
