"""Plans are applied to hosts that are directories, as the engine's tests have them."""

from __future__ import annotations
