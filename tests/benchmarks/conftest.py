"""The benchmarks, and what draws their figures, are not installed: they are imported from the checkout."""

import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "docs")]
