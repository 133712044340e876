"""A text that tasks of one plan change one after another: each is planned on what those before it will leave."""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass

from deployer.model import Unknown
from deployer.modules.base import Changes, Module, Observed, Present


@dataclass(frozen=True, kw_only=True)
class ForeseenText(Module):
    """Its state has the key ``content``: a whole text, of which a part is declared."""

    @property
    @abstractmethod
    def called(self) -> str:
        """The file's path, or what says which text it is where only the host knows the path."""

    def foresee(self, written: Mapping[str, str], touched: frozenset[str], observed: Observed) -> Observed:
        """Return the text that earlier tasks of the plan will have written; what they do otherwise is unknown."""
        if self.called in written:
            keys = observed.keys if isinstance(observed, Present) else {}
            return Present({**keys, "content": written[self.called]})
        changed = self.called in touched or any(_fits(self.called, one) for one in touched if "*" in one or "?" in one)
        return Unknown(f"an earlier task changes {self.called}") if changed else observed

    def writes(self, changes: Changes) -> Mapping[str, str]:
        """Return the text that it will have."""
        return {self.called: changes["content"].after or ""} if "content" in changes else {}


def _fits(path: str, pattern: str) -> bool:
    """Return whether a path is one that a command's ``creates`` or ``removes`` may mean: * and ? stand for no slash."""
    parts = re.split(r"([*?])", pattern)
    return bool(re.fullmatch("".join({"*": "[^/]*", "?": "[^/]"}.get(one, re.escape(one)) for one in parts), path))
