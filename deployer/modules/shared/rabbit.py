"""What RabbitMQ's modules share: ``rabbitmqctl`` is asked in JSON, and what it says is compared."""

from __future__ import annotations

import contextlib
import json
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from deployer import checks as check
from deployer.errors import ProbeError
from deployer.fields import Doc
from deployer.modules.base import Module, Sh, lines, records, sh

_CTL = """command -v rabbitmqctl >/dev/null || unknown "RabbitMQ is not installed yet"
ctl() {{ rabbitmqctl -q {} "$@"; }}"""
_ASK = """told=$(ctl {} --formatter json 2>/dev/null) || unknown "RabbitMQ does not answer"
emit found "$told\""""
LONGEST = 4000
"""Characters of a definition."""


def plain_word(value: str) -> str | None:
    """Refuse a value that `rabbitmqctl` could take for an option, or that is not one line of text."""
    if value.startswith("-") or not value:
        return "it must not be empty or begin with -"
    return check.one_line(value) or ("it is too long" if len(value) > LONGEST else None)


@dataclass(frozen=True, kw_only=True)
class Rabbit(Module):
    """Something in a RabbitMQ node that runs on the host."""

    node: Annotated[
        str | None, Doc("the node, if it is not the host's own", check=plain_word, example="rabbit@web1")
    ] = None

    @abstractmethod
    def asks(self) -> Sequence[str]:
        """Return the words of ``rabbitmqctl`` that list such things."""

    def ctl(self) -> Sh:
        """Return text that defines ``ctl``, which runs ``rabbitmqctl`` for this node."""
        return sh(_CTL, ["-n", self.node] if self.node and self.node != "rabbit" else [])

    def probe(self) -> Sh:
        """List them."""
        return lines(self.ctl(), sh(_ASK, list(self.asks())))

    @staticmethod
    def rows(out: str) -> list[Mapping[str, Any]]:
        """Return what was listed.

        Raises:
            ProbeError: it is no list of such things.
        """
        text = records(out, "found")["found"]
        try:
            found = json.loads(text or "[]")
        except ValueError:
            raise ProbeError(f"rabbitmqctl said {text[:80]!r}") from None
        if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
            raise ProbeError(f"rabbitmqctl said {text[:80]!r}")
        return found


def definition_json(value: Any) -> str:
    """Return a value as JSON that is the same for equal values; a value that is JSON text is parsed first."""
    if isinstance(value, str):
        with contextlib.suppress(ValueError):
            value = json.loads(value)
    return json.dumps(value, sort_keys=True, separators=(",", ":"))
