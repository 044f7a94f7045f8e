"""The benchmarks and their plots are not installed, so the tests import them from the checkout."""

import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "docs")]
