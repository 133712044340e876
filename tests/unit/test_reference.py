"""The reference pages are what the classes say."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_reference_pages_are_what_the_classes_say() -> None:
    done = subprocess.run([sys.executable, ROOT / "tools" / "reference.py", "--check"], capture_output=True, text=True)
    assert done.returncode == 0, f"make docs writes these again: {done.stdout}{done.stderr}"
