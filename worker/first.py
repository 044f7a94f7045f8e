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
    for module in (sys.modules["os"], sys.modules["posix"]):  # not the copies that this module sees
        _extend(module, "kill", lambda pid, number: pid in (0, 1) and number)
        module.killpg = _like(module.killpg, _killing_group(module.killpg, module.kill))
        module.abort = _like(module.abort, _aborting(module.abort))
    for module in (sys.modules["_signal"], sys.modules.get("signal")):
        if module is not None:
            _extend(module, "raise_signal", lambda number: number)
            _extend(module, "pthread_kill", lambda thread, number: number)


def _killing_group(killpg, kill):
    """To killpg(3), the group 1 would stand for all processes."""
    return lambda group, number: kill(0, number) if os.getpid() == 1 == group == os.getpgrp() else killpg(group, number)


def _aborting(abort):
    return lambda: _end(_signal.SIGABRT) if os.getpid() == 1 else abort()


def _extend(module, name, own):
    """Let the function ``name`` end this process if ``own`` returns the number of a signal that would."""
    send = getattr(module, name, None)
    if send is None:
        return

    def sending(*arguments):
        send(*arguments)  # it also checks them
        number = own(*arguments)
        if number and os.getpid() == 1 and _is_deadly(number):
            _end(number)

    setattr(module, name, _like(send, sending))


def _like(original, function):
    function.__name__, function.__qualname__ = original.__name__, original.__qualname__
    function.__doc__, function.__module__ = original.__doc__, original.__module__
    function.__text_signature__ = getattr(original, "__text_signature__", None)
    return function


def _is_deadly(number):
    if number == _signal.SIGKILL:
        return True
    return number not in _SPARING and _signal.getsignal(number) == _signal.SIG_DFL


def _end(number):
    os._exit(KILLED + number)
