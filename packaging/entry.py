import sys

from interpreterd.__main__ import main

sys.exit(main())
