"""A command's status and its output on both streams, as one answer."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping

from deployer.errors import ProbeError
from deployer.sh.text import Sh, lines, script, sh


def captured(text: Sh, most: int, *, fails: bool = False) -> Sh:
    """Return text that runs ``text`` and prints its status and streams, each up to ``most`` bytes.

    Args:
        text: what runs, with nothing to read.
        most: bytes; what is beyond is lost.
        fails: end with its status; otherwise with 0.
    """
    body = sh("captured_text() {{\n{}\n}}\nmost={}", text, most)
    return lines(body, script("captured.sh", "deployer.sh"), sh('exit "$rc"') if fails else sh(":"))


def heard(out: str) -> Mapping[str, object]:
    """Return ``rc``, ``stdout`` and ``stderr`` of such an answer; bytes that are no UTF-8 are replaced.

    Raises:
        ProbeError: the answer is damaged.
    """
    found = dict(part.partition("=")[::2] for part in out.split("\x1e") if "=" in part)
    try:
        streams = {name: base64.b64decode(found[name]).decode("utf-8", "replace") for name in ("stdout", "stderr")}
        return {"rc": int(found["rc"]), **streams}
    except (KeyError, ValueError, binascii.Error):
        raise ProbeError(f"what a command printed could not be read near {out[-60:]!r}") from None


def command_result(keys: Mapping[str, object]) -> dict[str, object]:
    """Return what ``register`` gives of a command: as Ansible has it, without the newlines at the ends of streams."""
    streams = {name: str(keys.get(name, "")).rstrip("\r\n") for name in ("stdout", "stderr")}
    split = {f"{name}_lines": text.splitlines() for name, text in streams.items()}
    return {"rc": int(str(keys.get("rc", 0))), **streams, **split}
