import contextlib
import os
import signal
import sys
from collections.abc import Iterator

from interpreterd.__main__ import main


@contextlib.contextmanager
def in_the_foreground() -> Iterator[None]:
    """Become the terminal's foreground process group, if the previous group was; see tcsetpgrp(3)."""
    before = os.getpgrp()
    os.setpgid(0, 0)
    try:
        terminal = os.open("/dev/tty", os.O_RDWR | os.O_CLOEXEC)
    except OSError:  # none
        yield
        return
    was_there = os.tcgetpgrp(terminal) == before
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)  # which a group in the background gets when it asks for the terminal
    signal.signal(signal.SIGTSTP, signal.SIG_IGN)  # the loader would not stop, and the shell would wait for it
    try:
        if was_there:
            os.tcsetpgrp(terminal, os.getpgrp())
        yield
    finally:
        if was_there:
            with contextlib.suppress(OSError):  # it has gone
                os.tcsetpgrp(terminal, before)


# The loader, which stands between this process and its starter, passes on each signal that it gets. A terminal sends
# its signals to the whole group: one Ctrl-C would arrive twice, and a second signal ends everything at once.
if sys.argv[1:2] == ["serve"]:
    os.setpgid(0, 0)
    sys.exit(main())
with in_the_foreground():
    status = main()
sys.exit(status)
