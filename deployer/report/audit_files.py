"""Writes an audit to files, each in the format of its extension."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from deployer.report.audited import Audited, audit_as_json
from deployer.report.exchange import junit, markdown, sarif, table_of
from deployer.report.files import check_formats, write_text
from deployer.report.page import html

_FORMATS: Mapping[str, Callable[[Audited], str]] = {
    ".json": audit_as_json,
    ".sarif": sarif,
    ".xml": junit,
    ".csv": table_of,
    ".md": markdown,
    ".html": html,
}


def check_files(paths: Sequence[str]) -> None:
    """Refuse a file with an unknown extension, or in a directory that does not exist, before any host is asked.

    Raises:
        ConfigError: with the supported extensions.
    """
    check_formats(paths, _FORMATS)


def write_files(paths: Sequence[str], audited: Audited) -> None:
    """Write an audit to files, each in the format of its extension.

    Raises:
        ConfigError: one cannot be written.
    """
    for path in map(Path, paths):
        write_text(path, _FORMATS[path.suffix](audited))
