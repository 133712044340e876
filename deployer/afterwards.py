"""What is told of a run when it is over: to webhooks, and in pages. Loaded by whoever asks for it."""

from __future__ import annotations

from collections.abc import Sequence

from deployer.events import Event
from deployer.fleet import NotifyWords
from deployer.model import Mark


def webhooks_of(words: Sequence[tuple[Sequence[NotifyWords], Mark]], what: str) -> tuple[NotifyWords, ...]:
    """Return the webhooks that hosts name; those of nobody are not even loaded."""
    if not any(said for said, _ in words):
        return ()
    from deployer.notifying import webhooks

    return webhooks(words, what)


def tell_hooks(hooks: Sequence[NotifyWords], what: str, events: Sequence[Event], code: int) -> tuple[str, ...]:
    """Tell webhooks what was done, and return what went wrong with that."""
    from deployer.notifying import tell

    return tell(hooks, what, events, code)


def check_report(paths: Sequence[str]) -> None:
    """Refuse pages that cannot be written, before any host is asked."""
    if paths:
        from deployer.report.run_page import check_pages

        check_pages(paths)


def report_to(paths: Sequence[str], events: Sequence[Event]) -> tuple[str, ...]:
    """Write a run to pages, and return what went wrong with that."""
    if not paths:
        return ()
    from deployer.report.run_page import write_pages

    return write_pages(paths, events)
