"""Becoming the worker of a context: its directory, its environment, its limits, its isolation."""

import os

from worker.namespace import set_environment

# Kept from user code that has a memory limit, so that the worker can report a MemoryError: allocated and never touched,
# so that it is only a number to the kernel, and so large that malloc(3) always gives it back.
RESERVE_BYTES = 40 << 20


def configure(message, environ, library, channel):
    """Do what ``message`` says, before any code of the context runs, and answer; return whether it could be done.

    The isolation comes first: all else then happens within it.
    """
    listener = None
    if "limits" in message:
        from worker.limiting import be_killed_first

        be_killed_first()  # the isolation would refuse it
    if "confine" in message:
        from worker.confining import Unconfined, confine

        try:
            listener = confine(message["confine"], environ, channel, library)
        except Unconfined as error:
            channel.send({"type": "failed", "reason": str(error)})
            return False
        for name in ("seccomp", "view"):  # long, and done with; the rest is for notes on errors
            message["confine"].pop(name, None)
    reason = _settle(message, environ, library)
    if reason is not None:
        channel.send({"type": "failed", "reason": reason})
    elif listener is None:
        channel.send({"type": "configured"})
    else:
        from worker.handing import hand

        hand(channel, {"type": "configured"}, listener)
        os.close(listener)
    return reason is None


def _settle(message, environ, library):
    """Go to the context's directory, with its environment and limits; return the reason if that is not possible."""
    cwd = message["cwd"]
    try:
        os.chdir(cwd)
    except OSError as error:
        return f"cannot enter {cwd}: {error.strerror}"
    environ["PWD"] = cwd
    set_environment(environ, message["envs"])
    if "limits" in message:
        from worker.limiting import limit

        limit(library, message["limits"], RESERVE_BYTES)
    return None
