import os
import sys

from interpreterd.__main__ import main

# The loader, which stands between the daemon and whoever started it, passes on each signal that it gets. A terminal
# sends its own to the whole group: one Ctrl-C would arrive twice, and a second signal ends the daemon at once.
os.setpgid(0, 0)
sys.exit(main())
