"""``interpreterd serve``: from the command line to a daemon, or to one line that says why it cannot start."""

import contextlib
import errno
import gc
import os
import resource
import signal
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

from interpreterd import parent, secret
from interpreterd.flags import Chosen, Parser
from interpreterd.inherited import Inherited
from interpreterd.processes import guard

if TYPE_CHECKING:
    from interpreterd.tenants.tokens import Token

LEAST_FILES: Final = 64  # the daemon needs some thirty for itself, a worker three
THREADS: Final = 5  # libuv's four, and the one that writes the log
NO_THREAD: Final = "can't start new thread"  # Python's words for it
_SHORT: Final = {
    errno.EMFILE: "too few open files are allowed (ulimit -n)",
    errno.ENFILE: "the system has too many open files",
    errno.EAGAIN: "no more processes are allowed (ulimit -u)",
    errno.ENOMEM: "there is no memory left (ulimit -v, -d)",
}


def serve(arguments: Sequence[str]) -> int:
    """Run the daemon until it is ended; return its exit status."""
    _receive_signals()
    inherited = Inherited.take(os.environ)
    chosen = Chosen.by(Parser("interpreterd serve"), arguments, os.environ, has_token=bool(inherited.token))
    settings = chosen.settings
    token = _own_token(inherited.token)
    try:
        if (files := resource.getrlimit(resource.RLIMIT_NOFILE)[1]) < LEAST_FILES:
            return _fail(f"at least {LEAST_FILES} open files must be allowed, not {files} (ulimit -n)")
        # Forked before the event loop and the large modules exist: it stays small, and no thread can hold a lock.
        the_guard = guard.start()
        parent_pidfd = inherited.parent
        if settings.process.exit_with_parent and parent_pidfd is None:
            try:
                parent_pidfd = parent.open_pidfd(loaded=the_guard.loader is not None)
            except ProcessLookupError:
                the_guard.close()
                return _fail("the process that started it has ended")
        with _quick_imports():
            from interpreterd.daemon import run_daemon

        _try_threads()
        return run_daemon(settings, the_guard, parent_pidfd, inherited, notes=chosen.outdated, token=token)
    except OSError as error:  # errors of the daemon's work for clients have types of their own
        return _fail(_SHORT.get(error.errno or 0, error.strerror or str(error)))
    except ImportError as error:
        return _fail(f"a part of it cannot be loaded: {error}")
    except MemoryError:
        return _fail(_SHORT[errno.ENOMEM])
    except RuntimeError as error:
        if str(error) != NO_THREAD:
            raise
        return _fail("there is no room for a thread (ulimit -u, -v, -d)")


def _own_token(inherited: bytes) -> "Token | None":
    """Return the token of this process's environment, which then has it no longer, or else the ``inherited`` one."""
    text = secret.take(os.environ)
    if not (text or inherited):
        return None
    from interpreterd.tenants.tokens import chosen_token, handed_token

    return chosen_token(text) if text else handed_token(inherited)


def _receive_signals() -> None:
    """Undo settings of the starter: a blocked signal would never arrive, an ignored SIGCHLD would hide deaths.

    The event loop handles the signals that end the daemon, ignored before or not.
    """
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)


def _try_threads() -> None:
    """Raise RuntimeError if there is no room for the daemon's threads: libuv would silently abort the process."""
    import threading  # the guard, which was forked before, does not need it

    over = threading.Event()
    try:
        for _ in range(THREADS):
            threading.Thread(target=over.wait, daemon=True).start()
    finally:
        over.set()


def _fail(reason: str) -> int:
    with contextlib.suppress(OSError):  # no reader
        print(f"interpreterd: {reason}", file=sys.stderr, flush=True)
    return 1


@contextlib.contextmanager
def _quick_imports() -> Iterator[None]:
    """Speed up the imports of the block: no search for cycles, no reading of certificates, see ``authorities``."""
    # It imports the ssl module, which the guard, forked before, does not need.
    from interpreterd.authorities import read_later

    gc.disable()
    try:
        with read_later():
            yield
    finally:
        gc.enable()
