"""The first process of a pid namespace, which signals from its own namespace do not end: pid_namespaces(7).

So the functions by which Python code kills its own process end it by an exit status here, and the daemon knows what it
means: 128 and the number of the signal, as in a shell. C code cannot be changed: abort(3) ends it by SIGSEGV.
"""

import _signal
import os
import sys

_SPARING = {  # what these do by default: signal(7)
    _signal.SIGCHLD,
    _signal.SIGCONT,
    _signal.SIGURG,
    _signal.SIGWINCH,
    _signal.SIGSTOP,
    _signal.SIGTSTP,
    _signal.SIGTTIN,
    _signal.SIGTTOU,
}
KILLED = 128


def be_mortal():
    """Change the functions of ``os`` and ``signal``."""
    system, signals = sys.modules["posix"], sys.modules["_signal"]  # not the copies that this module sees
    kill = _ending(system.kill, lambda pid, number: pid in (0, 1) and number)
    changed = {"kill": kill, "killpg": _killing_group(system.killpg, kill), "abort": _aborting(system.abort)}
    _put(changed, system, sys.modules["os"])
    changed = {
        "raise_signal": _ending(signals.raise_signal, lambda number: number),
        "pthread_kill": _ending(signals.pthread_kill, lambda thread, number: number),
    }
    _put(changed, signals, sys.modules.get("signal"))


def _put(functions, *modules):
    """Put ``functions``, by name, into ``modules``: the same into each, as pickle expects."""
    for name, function in functions.items():
        original = getattr(modules[0], name)
        function.__name__, function.__qualname__ = original.__name__, original.__qualname__
        function.__doc__, function.__module__ = original.__doc__, original.__module__
        signature = getattr(original, "__text_signature__", None)
        function.__text_signature__ = signature and signature.replace("$module, ", "").replace("$module", "")
        for module in modules:
            if module is not None:
                setattr(module, name, function)


def _killing_group(killpg, kill):
    """To killpg(3), the group 1 would stand for all processes."""
    return lambda group, number: kill(0, number) if os.getpid() == 1 == group == os.getpgrp() else killpg(group, number)


def _aborting(abort):
    return lambda: _end(_signal.SIGABRT) if os.getpid() == 1 else abort()


def _ending(send, own):
    """Return a function that does what ``send`` does, and ends this process if ``own`` returns a deadly signal."""

    def sending(*arguments):
        send(*arguments)  # it also checks them
        number = own(*arguments)
        if number and os.getpid() == 1 and _is_deadly(number):
            _end(number)

    return sending


def _is_deadly(number):
    if number == _signal.SIGKILL:
        return True
    return number not in _SPARING and _signal.getsignal(number) == _signal.SIG_DFL


def _end(number):
    os._exit(KILLED + number)
