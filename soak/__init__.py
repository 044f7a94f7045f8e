"""What only time and numbers show: the daemon under load and faults, for a minute or for hours.

``python -m soak`` runs phases against daemons of its own, as ``tests/`` knows them, and says what broke which promise.
"""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
# What drives a daemon in a test drives it here: harness, sessions, frames, interrupting, escaping.
sys.path.insert(0, str(ROOT / "tests" / "support"))
