"""Tests that need time and numbers: the daemon under load and faults, for a minute or for hours.

``python -m soak`` runs phases against daemons of its own, as in ``tests/``, and reports which promise broke, and how.
"""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
# It uses the drivers of the tests: harness, sessions, frames, interrupting, escaping.
sys.path.insert(0, str(ROOT / "tests" / "support"))
