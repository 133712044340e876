"""Plans are applied to hosts that are directories, as the engine's tests have them."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "engine"))
