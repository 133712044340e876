"""DEPLOYER_RELIABILITY_PAGE=1: what comes of the tests that docs/reliability.md names is kept, and the page written."""

from __future__ import annotations

import gc
import os
import signal

import pytest


def pytest_configure(config: pytest.Config) -> None:
    """Take down what comes of each test, where that is asked for. No search for garbage while they are collected.

    A shell has what it starts in the background ignore Ctrl-C, and so do all whom that starts: to a program at a
    terminal of a test it would then be no key at all.
    """
    gc.disable()
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if os.environ.get("DEPLOYER_RELIABILITY_PAGE") == "1":
        from tests.lab.reliability.kept import Kept

        config.pluginmanager.register(Kept.plugin(config), "reliability")


def pytest_collection_finish() -> None:
    """Let no search for garbage go over thousands of tests that stay until the end, and none come after few objects."""
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)
    gc.enable()
