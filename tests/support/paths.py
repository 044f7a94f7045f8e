"""Paths in the source tree."""

from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
GOLDEN: Final = ROOT / "tests" / "golden"
SUPPORT: Final = ROOT / "tests" / "support"
