"""A page that stands alone: no request to anywhere, no script; light and dark; it prints. What hosts say is text."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from importlib import resources

from deployer.report.plain import safe

_COLOURS = {word: f' class="{word}"' for word in ("ok", "changed", "failed", "unreachable", "drift", "findings")}
"""How a host ended, or a batch: cells whose whole text is one of these words have its colour."""


def sheet(title: str, parts: Iterable[str]) -> str:
    """Return a whole page of markup."""
    style = resources.files("deployer.report").joinpath("page.css").read_text(encoding="utf-8")
    whole = [
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width,initial-scale=1">',
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">",
        f"<title>{escaped(title)}</title><style>{style}</style></head><body><main>",
        f"<h1>{escaped(title)}</h1>",
        *parts,
        "</main></body></html>\n",
    ]
    return "\n".join(whole)


def escaped(text: object) -> str:
    """Return it as text in markup: nothing in it is a tag, an entity, or a character that steers a terminal."""
    return escape(safe(str(text)), quote=True)


def html_table(heads: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    """Return a table whose cells are text; the first of each row is its head. Nothing where there is no row."""
    body = []
    for first, *rest in rows:
        cells = "".join(f"<td{_COLOURS.get(str(cell), '')}>{escaped(cell)}</td>" for cell in rest)
        body.append(f'<tr><th scope="row">{escaped(first)}</th>{cells}</tr>')
    if not body:
        return ""
    head = "".join(f'<th scope="col">{escaped(name)}</th>' for name in heads)
    return scrolled(f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(body)}</tbody></table>", "table")


def scrolled(wide: str, name: str) -> str:
    """Return markup that scrolls by itself where a page is narrow, by the keyboard too."""
    return f'<div class="scroll" tabindex="0" role="group" aria-label="{name}">{wide}</div>'
