"""The command: ``interpreterd serve``, and the way to all others, which are in ``interpreterd.cli``."""

import contextlib
import gc
import os
import sys
from collections.abc import Iterator, Sequence

from interpreterd import guard
from interpreterd.flags import Chosen, Parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status: 0, 1 for a daemon that cannot start, 2 for wrong usage."""
    if arguments is None:
        arguments = sys.argv[1:]
    if arguments[:1] == ["serve"] and not {"-h", "--help"}.intersection(arguments):
        return _serve(arguments[1:])
    # Not before: it would make the daemon slower to start, and larger.
    from interpreterd.cli.main import main as run_command

    return run_command(arguments)


def _serve(arguments: Sequence[str]) -> int:
    settings = Chosen.by(Parser("interpreterd serve"), arguments, os.environ).settings
    # Forked before the event loop and the large modules are there: it stays small, and no thread can hold a lock.
    the_guard = guard.start()
    with _quick_imports():
        from interpreterd.daemon import serve as run

    return run(settings, the_guard)


@contextlib.contextmanager
def _quick_imports() -> Iterator[None]:
    """Spare imports, for the block, the search for cycles in what stays anyway, and what ``authorities`` reads."""
    from interpreterd.authorities import read_later  # the ssl module, which the guard, forked before, does not need

    gc.disable()
    try:
        with read_later():
            yield
    finally:
        gc.enable()


if __name__ == "__main__":
    sys.exit(main())
