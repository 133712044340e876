"""A text that tasks of one plan change one after another: each is planned on what those before it will leave."""

from __future__ import annotations

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
        return Unknown(f"an earlier task changes {self.called}") if self.called in touched else observed

    def writes(self, changes: Changes) -> Mapping[str, str]:
        """Return the text that it will have."""
        return {self.called: changes["content"].after or ""} if "content" in changes else {}
